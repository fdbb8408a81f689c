"""A log that lacks what Stripe has: it was restored to a moment before a payment. What Stripe tells of is looked up first."""

import asyncio
from datetime import timedelta

import pytest

from ledger.event_log import Draft
from ledger.events import Happened
from ledger.history import about
from ledger.payouts.intents import transfer_intent
from ledger.payouts.payout import Payout
from ledger.payouts.steps import Finished, Wait
from ledger.payouts.stripe_gateway import StripeGateway
from ledger.reasons import Reason
from sandbox.stripe_twin import Fault
from tests.payouts.gateways import NeverCalled
from tests.payouts.road import API_KEY, Road, bonus_of
from tests.payouts.test_worker import quiet, working
from tests.sandbox.postgres_processes import eventually

DAYS = timedelta(days=1)


def paid_before_the_restore(road: Road, amount_minor: int = 5000) -> str:
    payout_id = road.owe()
    pay(road, road.payout(payout_id), amount_minor)
    return payout_id


def pay(road: Road, payout: Payout, amount_minor: int) -> None:
    """So long ago that Stripe has forgotten the key: the same request would be a new one."""
    lost = transfer_intent(payout, 1, "acct_ok1").model_copy(update={"amount_minor": amount_minor})

    async def send() -> None:
        gateway = StripeGateway(API_KEY, road.stripe.url)
        await gateway.create_transfer(lost)
        await gateway.close()

    road.stripe.top_up(100_000)
    asyncio.run(send())
    road.stripe.let_pass(3 * DAYS)


def test_what_was_paid_before_is_adopted_and_not_paid_again(penniless_road: Road) -> None:
    road = penniless_road
    payout_id = paid_before_the_restore(road)
    road.hear(payout_id, "transfer.created")
    assert isinstance(road.advance(payout_id, gateway=NeverCalled), Finished)
    assert road.story(payout_id) == ["TransferNoticed", "TransferSettled a1"]
    assert road.newest(payout_id).adopted


@pytest.mark.parametrize("reversed_minor", [0, 1500, 5000])
def test_what_was_paid_before_is_adopted_also_where_the_bonus_itself_was_lost(
    penniless_road: Road, reversed_minor: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Stripe told of it while the log did not know the payout. Then the platform sends its facts again."""
    road = penniless_road
    bonus, paid_at = bonus_of(), road.clock()
    pay(road, Payout(bonus=bonus, earned_position=1, earned_at=paid_at), 5000)
    [transfer] = road.stripe.transfers()[bonus.payout_id]
    kinds = ["transfer.created"]
    if reversed_minor:
        road.stripe.reverse(transfer["id"], reversed_minor)
        kinds.append("transfer.reversed")
    for kind in 2 * kinds:
        road.hear(bonus.payout_id, kind)
    assert capsys.readouterr().out.count("transfer_of_unknown_payout") == len(kinds)

    road.log.append([Draft(Happened(bonus, paid_at), "test", "test", None)], [about("nobody")], after=0)
    road.owed.append(bonus.payout_id)
    road.connect_instructor(bonus.referrer_id, "acct_ok1")
    assert isinstance(road.advance(bonus.payout_id, gateway=NeverCalled), Finished)

    told = [type(each.event).__name__ for each in road.events(bonus.payout_id)]
    settled = told.index("TransferSettled")
    assert told[: settled + 1] == [
        *["UnknownPayoutNoticed"] * len(kinds),
        "BonusEarned",
        *["TransferNoticed"] * len(kinds),
        "TransferSettled",
    ]
    assert told[settled + 1 :] == (["TransferReversed"] if reversed_minor else [])
    assert road.payout(bonus.payout_id).reversed_minor == reversed_minor
    assert road.events(bonus.payout_id)[settled].occurred_at.timestamp() == pytest.approx(transfer["created"], abs=2)


def test_a_worker_hears_what_stripe_told_before_it_pays_anything(penniless_road: Road, database_url: str) -> None:
    road = penniless_road
    before = [paid_before_the_restore(road) for _ in range(3)]
    since = road.owe()
    with working(road, database_url):
        eventually(lambda: quiet(road), seconds=30)
    assert [road.story(payout_id) for payout_id in before] == [["TransferNoticed", "TransferSettled a1"]] * 3
    assert road.story(since) == ["TransferRequested a1", "TransferSettled a1"]


def test_nothing_is_paid_before_all_was_heard(
    penniless_road: Road, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.payouts.worker.FIRST_PAUSE_WHILE_BEHIND_SECONDS", 0.05)
    road = penniless_road
    before, since = paid_before_the_restore(road), road.owe()
    for fault in (Fault.HTML_502, Fault.RESET_BEFORE):
        road.stripe.meets(fault, method="GET", path="/v1/events")
    with working(road, database_url):
        eventually(lambda: quiet(road), seconds=30)
    assert road.stripe.faults_left() == 0
    assert road.story(before) == ["TransferNoticed", "TransferSettled a1"]
    assert road.story(since)[-1] == "TransferSettled a1"


def test_where_the_key_may_not_read_events_payouts_go_on(penniless_road: Road, database_url: str) -> None:
    road = penniless_road
    road.stripe.top_up(100_000)
    road.stripe.meets(Fault.ERROR_403, method="GET", path="/v1/events")
    payout_id = road.owe()
    with working(road, database_url):
        eventually(lambda: quiet(road), seconds=30)
    assert road.story(payout_id) == ["TransferRequested a1", "TransferSettled a1"]


def test_another_payment_of_the_same_payout_waits_for_a_person(penniless_road: Road) -> None:
    road = penniless_road
    payout_id = paid_before_the_restore(road, amount_minor=4999)
    road.hear(payout_id, "transfer.created")
    waits = road.advance(payout_id, gateway=NeverCalled)
    assert isinstance(waits, Wait)
    assert waits.reason is Reason.TRANSFER_MISMATCHED
    road.owed.remove(payout_id)  # the books do not agree, and that is what is said


def test_what_only_seemed_to_be_of_the_payout_does_not_keep_it_from_being_paid(road: Road) -> None:
    """Once lists have had the time to show it."""
    payout_id = road.owe()
    stranger = {"object": "transfer", "id": "tr_x", "metadata": {}, "transfer_group": f"payout_{payout_id}"}
    road.notices.hear({"id": f"evt_{payout_id}", "type": "transfer.created", "data": {"object": stranger}})
    for minutes in (0, 15, 14):
        road.clock.ahead += timedelta(minutes=minutes)
        assert isinstance(road.advance(payout_id, gateway=NeverCalled), Wait)
    assert road.story(payout_id) == ["TransferNoticed"]
    road.clock.ahead += timedelta(minutes=1)
    road.advance(payout_id, gateway=NeverCalled)
    assert road.story(payout_id) == ["TransferNoticed", "TransferNotFound a1"]
    assert isinstance(road.advance(payout_id), Finished)
