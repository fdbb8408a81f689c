"""People's decisions carried out on real PostgreSQL against the real twin."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from ledger.events import HoldReason, PayoutHeld
from ledger.payouts.actions import Refused
from ledger.payouts.policy import Policy
from ledger.payouts.review import Done, NoSuchPayoutError
from ledger.payouts.steps import Finished, Wait
from ledger.reasons import Reason
from sandbox.stripe_twin import Fault
from tests.payouts.gateways import Died, DiesAfterTheCall, NeverCalled
from tests.payouts.road import Road

HOUR = timedelta(hours=1)
A1, A1_UNKNOWN, A1_SETTLED = (f"Transfer{name} a1" for name in ("Requested", "OutcomeUnknown", "Settled"))
ASKED, GRANTED = "ApprovalRequested", "ApprovalGranted"
NOT_FOUND = "TransferNotFound a1"


@pytest.fixture(autouse=True)
def _searches_need_not_be_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database's clock, by which searches are apart, cannot be moved; how far apart is tested without it."""
    monkeypatch.setattr("ledger.payouts.actions.SEARCHES_APART", timedelta(0))


def test_hold_release_paid(road: Road) -> None:
    payout_id = road.owe()
    assert isinstance(road.review.act("hold", payout_id, note="looks odd", actor="anna"), Done)
    assert road.advance(payout_id, gateway=NeverCalled) == Wait(Reason.HELD)
    held = road.payout(payout_id).hold
    assert held is not None
    assert (held.note, held.held_by) == ("looks odd", "anna")
    assert isinstance(road.review.act("release", payout_id, note="it is fine", actor="anna"), Done)
    assert isinstance(road.advance(payout_id), Finished)
    assert road.story(payout_id) == ["PayoutHeld", "PayoutReleased", A1, A1_SETTLED]


def test_what_is_so_already_is_not_recorded_again(road: Road) -> None:
    payout_id = road.owe()
    first = road.review.act("hold", payout_id, note="odd", actor="anna")
    again = road.review.act("hold", payout_id, note="odd", actor="ben")
    assert isinstance(first, Done)
    assert isinstance(again, Done)
    assert (first.changed, again.changed) == (True, False)
    assert road.story(payout_id) == ["PayoutHeld"]


def test_nobody_decides_about_a_payout_that_is_not_owed(road: Road) -> None:
    with pytest.raises(NoSuchPayoutError):
        road.review.act("hold", "pay_nobodys", note="", actor="anna")


def test_same_account_on_both_sides_is_held_with_the_reason_until_a_person_released_it(road: Road) -> None:
    payout_id = road.owe("acct_ok_shared")
    bonus = road.payout(payout_id).bonus
    road.connect_instructor(bonus.referred_id, "acct_ok_shared")
    assert road.advance(payout_id, gateway=NeverCalled, policy=Policy()) == Wait(Reason.HELD_SAME_ACCOUNT)
    held = road.newest(payout_id)
    assert isinstance(held, PayoutHeld)
    assert held.reason is HoldReason.SAME_STRIPE_ACCOUNT
    assert "acct_ok_shared" in held.note
    road.review.act("release", payout_id, note="a couple", actor="anna")
    assert isinstance(road.advance(payout_id, policy=Policy()), Finished)


def test_more_bonuses_in_a_day_than_allowed_are_held_the_first_ones_are_not(road: Road) -> None:
    policy = Policy(max_bonuses_a_day=2)
    payout_ids = [road.owe(referrer="ins_busy") for _ in range(3)]
    results = [road.advance(payout_id, policy=policy) for payout_id in payout_ids]
    assert [type(result) for result in results[:2]] == [Finished, Finished]
    assert results[2] == Wait(Reason.HELD_MANY_BONUSES)
    assert road.newest(payout_ids[2]).note == "the referrer's bonus number 3 within a day, more than 2"


def test_a_hold_period_is_waited_for(road: Road) -> None:
    payout_id = road.owe()
    policy = Policy(hold=timedelta(days=2))
    waits = road.advance(payout_id, gateway=NeverCalled, policy=policy)
    assert isinstance(waits, Wait)
    assert waits.reason is Reason.HOLD_PERIOD
    road.clock.ahead += timedelta(days=2)
    assert isinstance(road.advance(payout_id, policy=policy), Finished)


def test_a_cancelled_payout_is_never_paid(road: Road) -> None:
    payout_id = road.owe()
    road.agree_to("cancel", payout_id)
    assert isinstance(road.advance(payout_id, gateway=NeverCalled), Finished)
    assert road.story(payout_id) == [ASKED, GRANTED, "PayoutCancelled"]


def test_while_a_cancellation_waits_for_approval_nothing_new_is_sent(road: Road) -> None:
    payout_id = road.owe()
    asked = road.review.act("cancel", payout_id, note="", actor="anna")
    assert isinstance(asked, Done)
    assert road.advance(payout_id, gateway=NeverCalled) == Wait(Reason.APPROVAL_PENDING)
    own = road.review.decide(payout_id, 1, granted=True, note="", actor="anna")
    assert isinstance(own, Refused)
    assert own.code == "second_person_needed"
    road.review.decide(payout_id, 1, granted=False, note="no", actor="ben")
    assert isinstance(road.advance(payout_id), Finished)


def test_cancelling_in_flight_waits_for_the_outcome_and_is_moot_if_it_was_paid(road: Road) -> None:
    payout_id = road.owe()
    road.stripe.meets(Fault.TIMEOUT_AFTER)
    road.advance(payout_id)
    road.agree_to("cancel", payout_id)
    road.clock.ahead += HOUR
    assert isinstance(road.advance(payout_id), Finished)
    assert road.story(payout_id) == [A1, A1_UNKNOWN, ASKED, GRANTED, A1_SETTLED]
    assert road.payout(payout_id).approval is None


def test_cancelling_in_flight_is_carried_out_if_it_was_declined(road: Road) -> None:
    payout_id = road.owe("acct_closed1")
    road.stripe.meets(Fault.TIMEOUT_BEFORE)
    road.advance(payout_id)
    road.agree_to("cancel", payout_id)
    road.clock.ahead += HOUR
    assert isinstance(road.advance(payout_id), Finished)
    assert road.story(payout_id)[-2:] == ["TransferFailed a1", "PayoutCancelled"]


def make_absent(road: Road) -> str:
    """A payout whose attempt ended in a 500 without effect, searched for in vain until its absence is confirmed."""
    payout_id = road.owe()
    road.stripe.meets(Fault.ERROR_500_WITHOUT_EFFECT)
    road.advance(payout_id)
    road.search_in_vain(payout_id, times=3)
    return payout_id


def test_absence_confirmed_then_two_persons_then_exactly_one_transfer(road: Road) -> None:
    payout_id = make_absent(road)
    waits = road.advance(payout_id, gateway=NeverCalled)
    assert isinstance(waits, Wait)
    assert waits.reason is Reason.ABSENCE_CONFIRMED
    road.agree_to("retry", payout_id)
    assert isinstance(road.advance(payout_id), Finished)
    assert road.story(payout_id)[-2:] == ["TransferRequested a2", "TransferSettled a2"]
    assert len(road.stripe.transfers()[payout_id]) == 1


def test_two_searches_are_not_enough_for_a_new_key(road: Road) -> None:
    payout_id = road.owe()
    road.stripe.meets(Fault.ERROR_500_WITHOUT_EFFECT)
    road.advance(payout_id)
    road.search_in_vain(payout_id, times=2)
    refused = road.review.act("retry", payout_id, note="", actor="anna")
    assert isinstance(refused, Refused)
    assert refused.code == "absence_not_confirmed"


def test_what_is_absent_for_good_can_be_cancelled(road: Road) -> None:
    payout_id = make_absent(road)
    road.agree_to("cancel", payout_id)
    assert isinstance(road.advance(payout_id, gateway=NeverCalled), Finished)
    assert road.payout(payout_id).phase == "cancelled"


def test_a_transfer_heard_of_after_all_takes_the_authorization_back(road: Road) -> None:
    """The transfer exists since the beginning, and no list showed it; the new key must not be used any more."""
    payout_id = road.owe()
    road.stripe.meets(Fault.LIST_LAG, seconds=7200)
    with pytest.raises(Died):
        road.advance(payout_id, gateway=DiesAfterTheCall)
    road.clock.ahead += 24 * HOUR
    road.search_in_vain(payout_id, times=3)
    road.agree_to("retry", payout_id)
    road.stripe.let_pass(2 * HOUR)
    road.hear(payout_id, "transfer.created")
    assert isinstance(road.advance(payout_id, gateway=NeverCalled), Finished)
    assert road.newest(payout_id).adopted


def test_workers_racing_for_an_authorized_retry_make_one_transfer(road: Road) -> None:
    payout_id = make_absent(road)
    road.agree_to("retry", payout_id)

    async def both() -> None:
        async with road.process() as one, road.process() as another:
            await asyncio.gather(one.advance(payout_id), another.advance(payout_id))

    asyncio.run(both())
    assert isinstance(road.advance(payout_id), Finished)
    assert road.story(payout_id).count("TransferRequested a2") == 1
    assert len(road.stripe.transfers()[payout_id]) == 1


def test_many_who_ask_and_grant_at_once_make_one_request_and_one_approval(road: Road) -> None:
    payout_id = road.owe()
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda n: road.review.act("cancel", payout_id, note="", actor=f"m{n}"), range(6)))
        list(threads.map(lambda n: road.review.decide(payout_id, 1, granted=True, note="", actor=f"c{n}"), range(6)))
    assert road.story(payout_id) == [ASKED, GRANTED, "PayoutCancelled"]


def test_a_decision_races_a_worker_and_is_never_overlooked(road: Road) -> None:
    """Either it was in flight already, and the outcome counts, or nothing is sent."""
    payout_ids = [road.owe() for _ in range(8)]
    with ThreadPoolExecutor(4) as threads:
        advancing = [threads.submit(road.advance, payout_id) for payout_id in payout_ids]
        for payout_id in payout_ids:
            asked = road.review.act("cancel", payout_id, note="", actor="maker")
            if isinstance(asked, Done):
                road.review.decide(payout_id, 1, granted=True, note="", actor="checker")
        for each in advancing:
            each.result()
    for payout_id in payout_ids:
        assert isinstance(road.advance(payout_id), Finished)
        assert road.payout(payout_id).phase in {"settled", "cancelled"}
        assert (payout_id in road.stripe.transfers()) == (road.payout(payout_id).phase == "settled")
