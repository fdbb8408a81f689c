"""The nets: the sweep finds what fell off the list, and what Stripe told while nobody listened is fetched. And clocks."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from ledger.events import PayoutCancelled
from ledger.payouts.notices import Notices
from ledger.payouts.outcome import Answer, NoAnswer
from ledger.payouts.steps import Finished
from ledger.payouts.stripe_gateway import StripeGateway
from ledger.payouts.todo import ClocksDifferError, TodoList
from ledger.payouts.watch import SWEEP_INTERVAL, Watch
from ledger.reasons import Reason
from sandbox.stripe_twin import Fault
from tests.payouts.gateways import Died, DiesAfterTheCall, DiesBeforeReversing, DiesReadingTheTransfer, NeverCalled
from tests.payouts.road import API_KEY, Road


@pytest.fixture
def road(own_road: Road) -> Road:
    return own_road


def forget(road: Road, *payout_ids: str) -> None:
    with road.todo._pool.connection() as connection:
        connection.execute("DELETE FROM ledger.payout_todo WHERE payout_id = ANY (%s)", [list(payout_ids)])


def claimed(road: Road) -> set[str]:
    return {claim.payout_id for claim in road.todo.claim(1000)}


def turn(road: Road, gateway: type[StripeGateway] = StripeGateway, notices: Notices | None = None) -> None:
    async def once() -> None:
        calls = gateway(API_KEY, road.stripe.url, road.stripe.patience_seconds())
        try:
            watch = Watch(road.todo, notices or road.notices, calls, road.clock)
            await watch.sweep()
            await watch.listen()
        finally:
            await calls.close()

    asyncio.run(once())


def test_a_forgotten_payout_is_found(road: Road) -> None:
    forgotten_id, listed_id, paid_id = road.owe(), road.owe(), road.owe()
    road.advance(paid_id)
    road.todo.follow(road.log)
    forget(road, forgotten_id)
    assert claimed(road) == {listed_id}
    turn(road)
    assert claimed(road) == {forgotten_id}


def test_nothing_is_found_of_what_is_over(road: Road) -> None:
    paid_id, cancelled_id = road.owe(), road.owe()
    road.advance(paid_id)
    road.agree_to("cancel", cancelled_id)
    assert isinstance(road.newest(cancelled_id), PayoutCancelled)
    road.todo.follow(road.log)
    forget(road, paid_id, cancelled_id)
    assert road.todo.sweep(timedelta(0)) == 0


def test_what_had_ended_is_not_looked_at_again(road: Road) -> None:
    """A sweep costs what is open and what is new, however many bonuses were ever paid."""
    paid_ids, owed_id = [road.owe() for _ in range(5)], road.owe()
    for payout_id in paid_ids[:3]:
        road.advance(payout_id)
    road.todo.follow(road.log)
    assert road.todo.sweep(timedelta(0)) == 0
    assert open_payouts(road) == {*paid_ids[3:], owed_id}
    for payout_id in paid_ids[3:]:
        road.advance(payout_id)
    new_id = road.owe()
    road.todo.follow(road.log)
    not_followed_id = road.owe()
    forget(road, owed_id, new_id)
    assert road.todo.sweep(timedelta(0)) == 2
    assert open_payouts(road) == {owed_id, new_id}
    road.todo.follow(road.log)
    forget(road, not_followed_id)
    assert road.todo.sweep(timedelta(0)) == 1


@pytest.mark.parametrize("seed", range(4))
def test_a_sweep_finds_what_one_over_the_whole_log_would(road: Road, seed: int) -> None:
    lots = Random(seed)
    for _ in range(12):
        for _ in range(lots.randrange(4)):
            road.owe()
        for payout_id in lots.sample(road.owed, min(len(road.owed), 2)):
            if lots.random() < 0.5:
                road.advance(payout_id)
            elif not road.payout(payout_id).is_final and road.payout(payout_id).approval is None:
                road.agree_to("cancel", payout_id)
        if lots.random() < 0.7:
            road.todo.follow(road.log)
        forget(road, *lots.sample(road.owed, lots.randint(0, len(road.owed))))
        with road.todo._pool.connection() as connection:
            expected = {payout_id for (payout_id,) in connection.execute(OVER_THE_WHOLE_LOG)}
            listed = {payout_id for (payout_id,) in connection.execute("SELECT payout_id FROM ledger.payout_todo")}
        assert road.todo.sweep(timedelta(0)) == len(expected)
        with road.todo._pool.connection() as connection:
            found = {payout_id for (payout_id,) in connection.execute("SELECT payout_id FROM ledger.payout_todo")}
        assert found - listed == expected


OVER_THE_WHOLE_LOG = """
SELECT earned.data ->> 'payout_id'
FROM ledger.event AS earned
WHERE earned.type = 'BonusEarned'
  AND earned.position <= (SELECT position FROM ledger.payout_todo_checkpoint)
  AND NOT EXISTS (SELECT FROM ledger.payout_todo AS todo WHERE todo.payout_id = earned.data ->> 'payout_id')
  AND NOT EXISTS (
      SELECT
      FROM ledger.event_tag AS ending
      WHERE ending.tag = 'payout:' || (earned.data ->> 'payout_id')
        AND ending.type IN ('TransferSettled', 'PayoutCancelled')
  )
"""


def open_payouts(road: Road) -> set[str]:
    with road.todo._pool.connection() as connection:
        return {payout_id for (payout_id,) in connection.execute("SELECT payout_id FROM ledger.payout_open")}


def settled_by_a_worker_that_died_before_it_read_off_a_reversal(road: Road, *, followed: bool = True) -> str:
    """The reversal was heard of while the outcome of the transfer was still unknown."""
    payout_id = road.owe()
    with pytest.raises(Died):
        road.advance(payout_id, gateway=DiesAfterTheCall)
    [held] = road.stripe.transfers()[payout_id]
    road.stripe.reverse(held["id"], 1000)
    road.hear(payout_id, "transfer.reversed")
    if followed:
        road.todo.follow(road.log)
    with pytest.raises(Died):
        road.advance(payout_id, gateway=DiesReadingTheTransfer)
    assert road.story(payout_id)[-2:] == ["TransferNoticed", "TransferSettled a1"]
    return payout_id


@pytest.mark.parametrize("followed", [True, False])
def test_a_reversal_heard_of_before_the_settlement_is_read_off_whoever_dies(road: Road, followed: bool) -> None:
    payout_id = settled_by_a_worker_that_died_before_it_read_off_a_reversal(road, followed=followed)
    road.todo.follow(road.log)
    assert claimed(road) == {payout_id}
    assert isinstance(road.advance(payout_id, gateway=NeverCalled), Finished)
    assert road.payout(payout_id).reversed_minor == 1000


def test_a_reversal_that_nobody_reads_off_any_more_is_found(road: Road) -> None:
    payout_id = settled_by_a_worker_that_died_before_it_read_off_a_reversal(road)
    road.todo.follow(road.log)
    forget(road, payout_id)
    assert road.todo.sweep(timedelta(0)) == 1
    assert claimed(road) == {payout_id}
    road.advance(payout_id)
    assert road.payout(payout_id).reversed_minor == 1000
    forget(road, payout_id)
    assert road.todo.sweep(timedelta(0)) == 0


@pytest.mark.parametrize("begun", [False, True])
def test_an_approved_reversal_that_nobody_carries_out_is_found(road: Road, begun: bool) -> None:
    payout_id = road.owe()
    road.advance(payout_id)
    road.agree_to("reverse", payout_id)
    if begun:
        with pytest.raises(Died):
            road.advance(payout_id, gateway=DiesBeforeReversing)
    road.todo.follow(road.log)
    forget(road, payout_id)
    assert road.todo.sweep(timedelta(0)) == 1
    road.advance(payout_id)
    assert road.payout(payout_id).phase == "reversed"
    road.hear(payout_id, "transfer.reversed")  # our own, told late
    road.todo.follow(road.log)
    forget(road, payout_id)
    assert road.todo.sweep(timedelta(0)) == 0


def test_the_sweep_is_done_once_an_interval_by_any_number_of_workers(road: Road) -> None:
    payout_id = road.owe()
    road.todo.follow(road.log)
    forget(road, payout_id)
    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(road.todo.sweep, [SWEEP_INTERVAL] * 12))
    assert sorted(found, key=repr) == [1, *[None] * 11]


def test_what_was_missed_while_down_is_fetched_on_start_oldest_first_and_once(road: Road) -> None:
    payout_ids = [road.owe() for _ in range(2)]
    for payout_id in payout_ids:
        road.advance(payout_id)
        [held] = road.stripe.transfers()[payout_id]
        road.stripe.reverse(held["id"], 1000)
        road.stripe.reverse(held["id"], 500)

    heard: list[tuple[int, str]] = []

    class Listening(Notices):
        def hear(self, notice: Any) -> None:
            heard.append((notice["created"], notice["id"]))
            super().hear(notice)

    for _ in range(2):
        turn(road, notices=Listening(road.log, road.clock))
    assert [created for created, _ in heard[: len(set(heard))]] == sorted(created for created, _ in set(heard))
    for payout_id in payout_ids:
        assert road.story(payout_id).count("TransferNoticed") == 2
        assert isinstance(road.advance(payout_id, gateway=NeverCalled), Finished)
        assert road.payout(payout_id).reversed_minor == 1500


def test_a_lost_answer_is_settled_by_what_stripe_tells_when_asked(road: Road) -> None:
    payout_id = road.owe()
    road.stripe.meets(Fault.TIMEOUT_AFTER)
    road.advance(payout_id)
    turn(road)
    assert isinstance(road.advance(payout_id, gateway=NeverCalled), Finished)


def test_it_is_asked_again_if_stripe_did_not_answer_and_remembers_until_when_it_heard(road: Road) -> None:
    class Silent(StripeGateway):
        async def list_events(self, since: int, until: int | None = None) -> Answer | NoAnswer:
            return NoAnswer("TimeoutError")

    turn(road, gateway=Silent)
    assert road.todo.told_until() is None
    before = road.clock()
    turn(road)
    told_until = road.todo.told_until()
    assert told_until is not None
    assert told_until >= before

    since: list[int] = []

    class Noting(StripeGateway):
        async def list_events(self, since_: int, until: int | None = None) -> Answer | NoAnswer:
            since.append(since_)
            return await super().list_events(since_, until)

    turn(road, gateway=Noting)
    assert since == [int((told_until - timedelta(minutes=10)).timestamp())]


def test_events_that_our_key_may_not_read_are_an_alarm_once_and_are_asked_for_again(
    road: Road, capsys: pytest.CaptureFixture[str]
) -> None:
    class Restricted(StripeGateway):
        asked = 0

        async def list_events(self, since: int, until: int | None = None) -> Answer | NoAnswer:
            self.asked += 1
            return Answer(403, {"error": {"message": "The key lacks 'rak_event_read'."}})

    async def turns() -> int:
        gateway = Restricted(API_KEY, road.stripe.url)
        watch = Watch(road.todo, road.notices, gateway, road.clock)
        for _ in range(3):
            await watch.listen()
        await gateway.close()
        return gateway.asked

    assert asyncio.run(turns()) == 3
    said = capsys.readouterr().out
    assert said.count("stripe_permission_missing") == 1
    assert "rak_event_read" in said
    assert road.todo.told_until() is None


def test_a_payout_that_comes_back_on_the_list_is_not_taken_off_by_who_still_holds_its_old_row(road: Road) -> None:
    """Settled by a slow worker, taken off by another, then a reversal is heard of, and only then the worker is done."""
    payout_id = road.owe()
    road.todo.follow(road.log)
    [claim] = road.todo.claim(10)
    road.advance(payout_id)
    road.todo.follow(road.log)
    [held] = road.stripe.transfers()[payout_id]
    road.stripe.reverse(held["id"], 1000)
    road.hear(payout_id, "transfer.reversed")
    road.todo.follow(road.log)
    road.todo.finish(claim)
    assert claimed(road) == {payout_id}
    road.advance(payout_id)
    assert road.payout(payout_id).reversed_minor == 1000


@pytest.mark.parametrize("ahead_minutes", [-6, 6, 60 * 24])
def test_nothing_is_claimed_while_our_clock_and_the_databases_differ(road: Road, ahead_minutes: int) -> None:
    """An hour's difference could take a key for young that Stripe has forgotten."""
    payout_id = road.owe()
    road.todo.follow(road.log)
    ahead = timedelta(minutes=ahead_minutes)
    skewed = TodoList(road.todo._pool, lambda: datetime.now(UTC) + ahead)
    with pytest.raises(ClocksDifferError) as differ:
        skewed.claim(10)
    assert abs(differ.value.ours_ahead_by - ahead) < timedelta(minutes=1)
    road.todo.put_back(next(iter(road.todo.claim(10))), Reason.QUEUED, None)
    assert payout_id in road.owed


@pytest.mark.parametrize("ahead_minutes", [-4, 4])
def test_a_small_difference_does_not_matter(road: Road, ahead_minutes: int) -> None:
    road.owe()
    road.todo.follow(road.log)
    skewed = TodoList(road.todo._pool, lambda: datetime.now(UTC) + timedelta(minutes=ahead_minutes))
    assert len(skewed.claim(10)) == 1
