"""Taking money back, end to end: real PostgreSQL, the real twin and its books."""

import asyncio
from datetime import timedelta

import pytest

from ledger.events import ReversalFailed, ReversalRequested, TransferReversed
from ledger.payouts.actions import Refused
from ledger.payouts.outcome import Answer, NoAnswer
from ledger.payouts.steps import Finished, Wait
from ledger.payouts.stripe_gateway import StripeGateway
from ledger.reasons import Reason
from sandbox.stripe_twin import Fault
from tests.payouts.gateways import Died, DiesBeforeReversing
from tests.payouts.road import Road

HOUR = timedelta(hours=1)
REVERSED = ["ReversalRequested", "TransferReversed"]


class DiesAfterReversing(StripeGateway):
    async def create_reversal(self, request: ReversalRequested) -> Answer | NoAnswer:
        await super().create_reversal(request)
        raise Died


def paid(road: Road) -> tuple[str, str]:
    """A paid payout and its transfer."""
    payout_id = road.owe()
    assert isinstance(road.advance(payout_id), Finished)
    [held] = road.stripe.transfers()[payout_id]
    return payout_id, held["id"]


def left_at_stripe(road: Road, payout_id: str) -> int:
    [held] = road.stripe.transfers()[payout_id]
    return int(held["amount"] - held["amount_reversed"])


def came_back(road: Road, payout_id: str) -> list[tuple[int, int]]:
    events = [each.event for each in road.events(payout_id)]
    return [(each.amount_minor, each.total_reversed_minor) for each in events if isinstance(each, TransferReversed)]


def assert_reversed(road: Road, payout_id: str) -> None:
    assert road.payout(payout_id).phase == "reversed"
    assert left_at_stripe(road, payout_id) == 0
    assert sum(amount for amount, _ in came_back(road, payout_id)) == 5000


def test_reversed_in_full_the_books_show_net_zero(road: Road) -> None:
    payout_id, _ = paid(road)
    road.agree_to("reverse", payout_id)
    assert isinstance(road.advance(payout_id), Finished)
    assert road.story(payout_id)[2:] == ["ApprovalRequested", "ApprovalGranted", *REVERSED]
    assert_reversed(road, payout_id)
    refused = road.review.act("reverse", payout_id, note="again", actor="maker")
    assert isinstance(refused, Refused)
    assert refused.code == "already_reversed"


def test_what_is_left_is_reversed_after_a_part_came_back_at_stripe(road: Road) -> None:
    payout_id, transfer_id = paid(road)
    road.stripe.reverse(transfer_id, 1200)
    road.hear(payout_id, "transfer.reversed")
    road.advance(payout_id)
    road.agree_to("reverse", payout_id)
    assert isinstance(road.advance(payout_id), Finished)
    assert came_back(road, payout_id) == [(1200, 1200), (3800, 5000)]
    assert_reversed(road, payout_id)


def test_a_part_that_came_back_unheard_of_declines_ours_and_another_request_takes_the_rest(road: Road) -> None:
    payout_id, transfer_id = paid(road)
    road.stripe.reverse(transfer_id, 1200)
    road.agree_to("reverse", payout_id)
    assert isinstance(road.advance(payout_id), Finished)
    assert came_back(road, payout_id) == [(1200, 1200)]
    failed = road.newest(payout_id)
    assert isinstance(failed, ReversalFailed)  # it is said that ours was not carried out
    assert road.payout(payout_id).phase == "settled"

    road.agree_to("reverse", payout_id)
    assert isinstance(road.advance(payout_id), Finished)
    assert_reversed(road, payout_id)


@pytest.mark.parametrize("gateway", [DiesBeforeReversing, DiesAfterReversing])
def test_after_a_crash_the_same_reversal_is_asked_for_again(road: Road, gateway: type[StripeGateway]) -> None:
    payout_id, _ = paid(road)
    road.agree_to("reverse", payout_id)
    with pytest.raises(Died):
        road.advance(payout_id, gateway=gateway)
    assert isinstance(road.advance(payout_id), Finished)
    assert road.story(payout_id)[-2:] == REVERSED
    assert_reversed(road, payout_id)


LOST = [Fault.TIMEOUT_BEFORE, Fault.TIMEOUT_AFTER, Fault.RESET_AFTER, Fault.TRUNCATED_BODY, Fault.HTML_502_AFTER]


@pytest.mark.parametrize("fault", [*LOST, Fault.CONFLICT_409, Fault.GLOBAL_RATE, Fault.LOCK_TIMEOUT])
def test_what_is_no_answer_is_asked_again_under_the_same_key(road: Road, fault: Fault) -> None:
    payout_id, transfer_id = paid(road)
    road.agree_to("reverse", payout_id)
    road.stripe.meets(fault, path=f"/v1/transfers/{transfer_id}/reversals")
    waits = road.advance(payout_id)
    assert isinstance(waits, Wait)
    assert waits.reason is Reason.REVERSAL_IN_PROGRESS
    assert waits.until is not None
    assert isinstance(road.advance(payout_id), Finished)
    assert road.story(payout_id)[-2:] == REVERSED
    assert_reversed(road, payout_id)


def test_a_500_with_effect_is_read_off_the_transfer(road: Road) -> None:
    payout_id, transfer_id = paid(road)
    road.agree_to("reverse", payout_id)
    road.stripe.meets(Fault.ERROR_500_WITH_EFFECT, path=f"/v1/transfers/{transfer_id}/reversals")
    assert isinstance(road.advance(payout_id), Finished)
    assert_reversed(road, payout_id)


def test_a_500_without_effect_is_a_failed_reversal_and_people_decide_anew(road: Road) -> None:
    payout_id, transfer_id = paid(road)
    road.agree_to("reverse", payout_id)
    road.stripe.meets(Fault.ERROR_500_WITHOUT_EFFECT, path=f"/v1/transfers/{transfer_id}/reversals")
    assert isinstance(road.advance(payout_id), Finished)
    assert isinstance(road.newest(payout_id), ReversalFailed)
    assert left_at_stripe(road, payout_id) == 5000
    road.agree_to("reverse", payout_id)
    assert isinstance(road.advance(payout_id), Finished)
    assert_reversed(road, payout_id)


def test_after_the_keys_window_nothing_is_sent_and_the_transfer_is_read(road: Road) -> None:
    payout_id, _ = paid(road)
    road.agree_to("reverse", payout_id)
    with pytest.raises(Died):
        road.advance(payout_id, gateway=DiesAfterReversing)
    road.clock.ahead += 23 * HOUR
    assert isinstance(road.advance(payout_id, gateway=DiesBeforeReversing), Finished)
    assert_reversed(road, payout_id)


def test_two_workers_reverse_once(road: Road) -> None:
    payout_id, _ = paid(road)
    road.agree_to("reverse", payout_id)

    async def both() -> None:
        async with road.process() as one, road.process() as another:
            await asyncio.gather(one.advance(payout_id), another.advance(payout_id))

    asyncio.run(both())
    assert isinstance(road.advance(payout_id), Finished)
    assert road.story(payout_id).count("ReversalRequested") == 1
    assert came_back(road, payout_id) == [(5000, 5000)]
    assert_reversed(road, payout_id)


def test_our_own_reversal_heard_of_by_webhook_changes_nothing(road: Road) -> None:
    payout_id, _ = paid(road)
    road.agree_to("reverse", payout_id)
    with pytest.raises(Died):
        road.advance(payout_id, gateway=DiesAfterReversing)
    road.hear(payout_id, "transfer.reversed")
    assert isinstance(road.advance(payout_id), Finished)
    assert came_back(road, payout_id) == [(5000, 5000)]
    assert_reversed(road, payout_id)
