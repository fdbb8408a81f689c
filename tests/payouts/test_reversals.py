"""Taking money back, end to end: real PostgreSQL, the real twin and its books."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ledger.books.months import following, month_of, period_of
from ledger.events import ReversalFailed, ReversalRequested, TransferReversed
from ledger.payouts.actions import Refused
from ledger.payouts.outcome import Answer, NoAnswer, Reversal, Transfer
from ledger.payouts.outcome import came_back as came_back_of
from ledger.payouts.steps import Finished, Wait
from ledger.payouts.stripe_gateway import StripeGateway
from ledger.reasons import Reason
from sandbox.stripe_twin import Fault
from tests.payouts.gateways import Died, DiesBeforeReversing
from tests.payouts.road import Road

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
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


def test_what_came_back_while_nobody_listened_is_dated_by_stripe(penniless_road: Road) -> None:
    """Each reversal has its own day, and the books its month; what came back in a closed month is posted to the next."""
    road = penniless_road
    road.stripe.top_up(5000)
    payout_id, transfer_id = paid(road)
    for amount_minor in (1000, 1500, 500):
        road.stripe.let_pass(40 * DAY)
        road.stripe.reverse(transfer_id, amount_minor)
    road.clock.ahead += 130 * DAY
    paid_at = road.events(payout_id)[-1].occurred_at
    road.hear(payout_id, "transfer.reversed")
    assert isinstance(road.advance(payout_id), Finished)
    back = [each for each in road.events(payout_id) if isinstance(each.event, TransferReversed)]
    assert came_back(road, payout_id) == [(1000, 1000), (1500, 2500), (500, 3000)]
    assert [round((each.occurred_at - paid_at) / DAY) for each in back] == [40, 80, 120]
    first, second, third = (month_of(each.occurred_at) for each in back)
    assert len({first, second, third}) == 3
    assert [period_of(each.occurred_at, cut_off=first) for each in back] == [following(first), second, third]


def test_a_reversal_is_never_before_the_payment_nor_after_now(road: Road) -> None:
    """Whatever Stripe's clock says."""
    payout_id, transfer_id = paid(road)
    paid_at = road.events(payout_id)[-1].occurred_at
    road.stripe.reverse(transfer_id, 1000)
    for created, wanted in ((1, paid_at), (2**31, None)):

        class Elsewhen(StripeGateway):
            async def read_transfer(self, transfer_id: str, created: int = created) -> Answer | NoAnswer:
                answer = await super().read_transfer(transfer_id)
                assert isinstance(answer, Answer)
                shown = dict(answer.body or {})
                newest, *rest = shown["reversals"]["data"]
                return replace(answer, body=shown | {"reversals": {"data": [newest | {"created": created}, *rest]}})

        road.hear(payout_id, "transfer.reversed")
        assert isinstance(road.advance(payout_id, gateway=Elsewhen), Finished)
        newest = road.events(payout_id)[-1]
        assert isinstance(newest.event, TransferReversed)
        assert newest.occurred_at == wanted or (wanted is None and paid_at < newest.occurred_at <= road.clock())
        road.stripe.reverse(transfer_id, 1000)
    road.hear(payout_id, "transfer.reversed")
    road.advance(payout_id)


def test_our_own_reversal_found_after_a_crash_is_dated_by_stripe(road: Road) -> None:
    payout_id, _ = paid(road)
    road.agree_to("reverse", payout_id)
    with pytest.raises(Died):
        road.advance(payout_id, gateway=DiesAfterReversing)
    road.clock.ahead += 2 * HOUR
    assert isinstance(road.advance(payout_id), Finished)
    assert_reversed(road, payout_id)
    assert road.events(payout_id)[-1].occurred_at < road.clock() - HOUR


def test_reversals_that_stripe_shows_no_more_are_dated_like_the_oldest_it_shows() -> None:
    shown = tuple(Reversal(100, datetime(2026, 3, day, tzinfo=UTC)) for day in (9, 8))
    transfer = Transfer("tr_1", 5000, 700, "usd", "acct_ok1", {}, None, shown)
    found = [(each.amount_minor, each.created_at and each.created_at.day) for each in came_back_of(transfer, 0)]
    assert found == [(500, 8), (100, 8), (100, 9)]
    assert [each.amount_minor for each in came_back_of(transfer, 550)] == [50, 100]
    assert came_back_of(transfer, 700) == []
    assert came_back_of(replace(transfer, reversals=()), 650) == [Reversal(50, None)]
