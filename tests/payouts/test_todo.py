"""The to-do list on real PostgreSQL: whatever follows, claims and wakes at the same time, no payout falls off it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from ledger.events import PlatformFundsAvailable, StripeCredentialsAccepted
from ledger.payouts.todo import Claim
from ledger.reasons import Reason
from tests.payouts.road import Road


@pytest.fixture(autouse=True)
def _an_empty_list(road: Road) -> None:
    forget_list(road, road.log.recorder.head())


def forget_list(road: Road, position: int) -> None:
    with road.todo._pool.connection() as connection:
        connection.execute("DELETE FROM ledger.payout_todo")
        connection.execute("UPDATE ledger.payout_todo_checkpoint SET position = %s", [position])


def in_a_minute() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=1)


def claimed(road: Road, limit: int = 100, **lease: float) -> dict[str, Claim]:
    return {claim.payout_id: claim for claim in road.todo.claim(limit, **lease)}


def test_what_became_owed_is_due_at_once(road: Road) -> None:
    assert road.todo.is_quiet()
    assert road.todo.next_due_in_seconds() is None
    payout_ids = {road.owe(), road.owe(None)}
    assert road.todo.follow(road.log) == road.log.recorder.head() == road.todo.position()
    assert not road.todo.is_quiet()
    due = road.todo.next_due_in_seconds()
    assert due is not None
    assert due <= 0
    assert claimed(road).keys() == payout_ids


def test_following_again_changes_nothing(road: Road) -> None:
    payout_id = road.owe()
    road.todo.follow(road.log)
    claim = claimed(road)[payout_id]
    road.todo.follow(road.log)
    road.todo.put_back(claim, Reason.INSUFFICIENT_FUNDS, in_a_minute())
    road.todo.follow(road.log)
    assert claimed(road) == {}


def test_a_list_that_was_lost_is_found_again_in_the_log(road: Road) -> None:
    owed_id, settled_id = road.owe(), road.owe()
    road.advance(settled_id)
    forget_list(road, 0)
    road.todo.follow(road.log)
    found = claimed(road, 1000).keys()
    assert owed_id in found
    assert settled_id not in found


def test_many_may_follow_at_once(road: Road) -> None:
    payout_ids = {road.owe() for _ in range(20)}
    with ThreadPoolExecutor(6) as threads:
        positions = list(threads.map(road.todo.follow, [road.log] * 12))
    assert set(positions) == {road.log.recorder.head()}
    assert claimed(road).keys() == payout_ids


def test_a_payout_is_claimed_by_one(road: Road) -> None:
    payout_ids = {road.owe(None) for _ in range(60)}
    road.todo.follow(road.log)
    barrier = threading.Barrier(6)

    def claim_some(_: int) -> list[str]:
        barrier.wait()
        found: list[str] = []
        while claims := road.todo.claim(3):
            assert len(claims) <= 3
            found += [claim.payout_id for claim in claims]
        return found

    with ThreadPoolExecutor(6) as threads:
        found = [payout_id for claims in threads.map(claim_some, range(6)) for payout_id in claims]
    assert len(found) == len(payout_ids)
    assert set(found) == payout_ids


@pytest.mark.parametrize(
    "plan", ["", "enable_hashjoin=off", "enable_hashjoin=off enable_mergejoin=off enable_material=off"]
)
def test_no_plan_claims_more_than_was_asked_for(road: Road, plan: str) -> None:
    for _ in range(30):
        road.owe(None)
    road.todo.follow(road.log)
    with road.todo._pool.connection() as connection:
        for setting in plan.split():
            connection.execute(f"SET {setting}".encode())
    assert len(road.todo.claim(5)) == 5


def test_a_lease_that_runs_out_lets_another_go_on(road: Road) -> None:
    payout_id = road.owe()
    road.todo.follow(road.log)
    assert claimed(road, lease_seconds=0.0).keys() == {payout_id}
    assert claimed(road, lease_seconds=60.0).keys() == {payout_id}
    assert claimed(road) == {}
    assert not road.todo.is_quiet()


def test_a_worker_whose_lease_ran_out_undoes_nothing_of_whoever_came_after_it(road: Road) -> None:
    """It waited for something that the second one no longer found: what the second one waits for would come and go unseen."""
    payout_id = road.owe()
    road.todo.follow(road.log)
    slow = claimed(road, lease_seconds=0.0)[payout_id]
    after_it = claimed(road, lease_seconds=60.0)[payout_id]
    road.todo.put_back(slow, Reason.NO_PAYOUT_ACCOUNT, None)
    assert not road.todo.is_quiet()  # still in work
    road.todo.put_back(after_it, Reason.CONFIRMING_WITH_STRIPE, in_a_minute())
    road.todo.put_back(slow, Reason.NO_PAYOUT_ACCOUNT, None)
    due = road.todo.next_due_in_seconds()
    assert due is not None
    assert 50 < due < 70


def test_a_slow_worker_that_nobody_came_after_puts_its_payout_back(road: Road) -> None:
    payout_id = road.owe()
    road.todo.follow(road.log)
    claim = claimed(road, lease_seconds=0.0)[payout_id]
    road.todo.put_back(claim, Reason.CONFIRMING_WITH_STRIPE, in_a_minute())
    assert claimed(road) == {}
    assert road.todo.is_quiet()


def test_what_is_put_back_is_due_at_its_time_or_when_something_happens(road: Road) -> None:
    timed_id, waiting_id = road.owe(), road.owe(None)
    road.todo.follow(road.log)
    claims = claimed(road)
    road.todo.put_back(claims[timed_id], Reason.CONFIRMING_WITH_STRIPE, in_a_minute())
    road.todo.put_back(claims[waiting_id], Reason.NO_PAYOUT_ACCOUNT, None)
    assert claimed(road) == {}
    assert road.todo.is_quiet()
    assert not road.todo.is_quiet(horizon_seconds=120)
    due = road.todo.next_due_in_seconds()
    assert due is not None
    assert 50 < due < 70


def test_an_account_fact_wakes_the_payouts_of_its_referrer_only(road: Road) -> None:
    woken_id, another_id = road.owe(None), road.owe(None)
    road.todo.follow(road.log)
    for claim in claimed(road).values():
        road.todo.put_back(claim, Reason.NO_PAYOUT_ACCOUNT, None)
    road.connect(woken_id, "acct_ok1")
    road.todo.follow(road.log)
    assert claimed(road).keys() == {woken_id} != {another_id}


def test_a_wake_up_while_a_worker_is_busy_is_not_lost(road: Road) -> None:
    payout_id = road.owe(None)
    road.todo.follow(road.log)
    claim = claimed(road)[payout_id]
    road.connect(payout_id, "acct_ok1")
    road.todo.follow(road.log)
    assert claimed(road) == {}  # still leased
    road.todo.put_back(claim, Reason.NO_PAYOUT_ACCOUNT, None)
    again = claimed(road)[payout_id]
    road.todo.put_back(again, Reason.NO_PAYOUT_ACCOUNT, None)
    assert claimed(road) == {}


@pytest.mark.parametrize(
    ("event", "reasons"),
    [
        (PlatformFundsAvailable(stripe_event_id="evt_1"), [Reason.INSUFFICIENT_FUNDS, Reason.RETRIES_EXHAUSTED]),
        (StripeCredentialsAccepted(), [Reason.STRIPE_CREDENTIALS_REJECTED]),
    ],
)
def test_what_concerns_all_wakes_those_who_wait_for_it(
    road: Road, event: PlatformFundsAvailable | StripeCredentialsAccepted, reasons: list[Reason]
) -> None:
    waiting = {road.owe(): reason for reason in Reason}
    road.todo.follow(road.log)
    for payout_id, claim in claimed(road).items():
        road.todo.put_back(claim, waiting[payout_id], None)
    road.append(event)
    road.todo.follow(road.log)
    assert sorted(waiting[payout_id] for payout_id in claimed(road)) == sorted(reasons)


@pytest.mark.parametrize("lease_seconds", [60.0, 0.0])
def test_what_concerns_all_reaches_a_worker_that_was_about_to_wait_for_it(road: Road, lease_seconds: float) -> None:
    """Also one so slow that its lease has run out: nothing else would ever wake this payout."""
    payout_id = road.owe()
    road.todo.follow(road.log)
    claim = claimed(road, lease_seconds=lease_seconds)[payout_id]
    road.append(StripeCredentialsAccepted())
    road.todo.follow(road.log)
    road.todo.put_back(claim, Reason.STRIPE_CREDENTIALS_REJECTED, None)
    assert claimed(road).keys() == {payout_id}


def test_what_is_settled_is_off_the_list_whoever_settled_it(road: Road) -> None:
    payout_id = road.owe()
    road.todo.follow(road.log)
    claim = claimed(road)[payout_id]
    road.advance(payout_id)
    road.todo.follow(road.log)
    road.todo.put_back(claim, Reason.STRIPE_CREDENTIALS_REJECTED, None)
    assert road.todo.is_quiet(horizon_seconds=1e6)
    road.append(StripeCredentialsAccepted())
    road.todo.follow(road.log)
    assert claimed(road) == {}
