"""Searching for a transfer whose answer was lost: any source will do, and only all of them together say no."""

import asyncio
import json
from datetime import timedelta
from typing import get_args

import pytest

from ledger.events import TransferNotFound, TransferRequested
from ledger.payouts.explain import explain
from ledger.payouts.intents import transfer_intent
from ledger.payouts.next_step import Platform
from ledger.payouts.outcome import Answer, NoAnswer
from ledger.payouts.permissions import NEEDED, Permissions
from ledger.payouts.steps import Finished, Wait
from ledger.payouts.stripe_gateway import Source, StripeGateway
from ledger.reasons import EXPLANATIONS, Reason
from sandbox.stripe_twin import Fault
from tests.payouts.gateways import NeverCalled
from tests.payouts.road import API_KEY, Road

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SOURCES: tuple[Source, ...] = get_args(Source)


def sees_only(*visible: Source) -> type[StripeGateway]:
    """The other lists lag."""

    class SeesOnly(NeverCalled):
        async def list_for_search(self, source: Source, request: TransferRequested, since: int) -> Answer | NoAnswer:
            answer = await super().list_for_search(source, request, since)
            return answer if source in visible else Answer(200, {"object": "list", "data": []})

    return SeesOnly


def cannot_read(unreadable: Source, answer: Answer | NoAnswer) -> type[StripeGateway]:
    class CannotRead(NeverCalled):
        async def list_for_search(self, source: Source, request: TransferRequested, since: int) -> Answer | NoAnswer:
            return answer if source == unreadable else await super().list_for_search(source, request, since)

    return CannotRead


def after_a_500(road: Road, fault: Fault) -> str:
    payout_id = road.owe()
    road.stripe.meets(fault)
    road.advance(payout_id)
    road.clock.ahead += HOUR
    return payout_id


@pytest.mark.parametrize("source", SOURCES)
def test_each_source_alone_leads_to_the_transfer(road: Road, source: Source) -> None:
    payout_id = after_a_500(road, Fault.ERROR_500_WITH_EFFECT)
    assert isinstance(road.advance(payout_id, gateway=sees_only(source)), Finished)
    assert road.newest(payout_id).adopted


def test_a_complete_search_names_what_it_searched(road: Road) -> None:
    payout_id = after_a_500(road, Fault.ERROR_500_WITHOUT_EFFECT)
    road.advance(payout_id, gateway=NeverCalled)
    newest = road.newest(payout_id)
    assert isinstance(newest, TransferNotFound)
    assert newest.searched == SOURCES


class ReadsOnePage(NeverCalled):
    """Of a hundred."""

    pages_at_most = searched_pages_at_most = 1


def test_what_others_are_paid_later_does_not_keep_a_search_from_its_end(penniless_road: Road) -> None:
    """The longer an outcome is open, the more would have to be read: nobody would ever confirm that it is absent."""
    road = penniless_road
    road.stripe.top_up(1_000_000)
    payout_id = after_a_500(road, Fault.ERROR_500_WITHOUT_EFFECT)
    road.stripe.let_pass(2 * DAY)
    road.clock.ahead += 2 * DAY
    pay_others(road, 101)
    road.advance(payout_id, gateway=ReadsOnePage)
    assert road.story(payout_id)[2:] == ["TransferNotFound a1"]


def test_a_list_that_is_too_long_to_be_searched_proves_nothing_and_is_said(
    road: Road, capsys: pytest.CaptureFixture[str]
) -> None:
    payout_id = after_a_500(road, Fault.ERROR_500_WITHOUT_EFFECT)
    pay_others(road, 101)
    road.advance(payout_id, gateway=ReadsOnePage)
    assert road.story(payout_id)[2:] == []
    assert "stripe_lists_too_long" in capsys.readouterr().out
    road.advance(payout_id, gateway=NeverCalled)
    assert road.story(payout_id)[2:] == ["TransferNotFound a1"]


def pay_others(road: Road, count: int) -> None:
    """Transfers of the platform's that are not of the ledger's payouts."""
    ours = transfer_intent(road.payout(road.owed[-1]), 1, "acct_ok1")
    theirs = {"payout_id": "another", "transfer_group": "lessons", "destination": "acct_ok_others", "metadata": {}}

    async def pay() -> None:
        gateway = StripeGateway(API_KEY, road.stripe.url)
        for number in range(count):
            key = f"others {ours.payout_id} {number}"
            await gateway.create_transfer(ours.model_copy(update={**theirs, "idempotency_key": key}))
        await gateway.close()

    asyncio.run(pay())


NO_ANSWERS: list[Answer | NoAnswer] = [
    NoAnswer("TimeoutError"),
    Answer(502, None),
    Answer(429, {"error": {}}),
]
NOT_ALLOWED = "The key lacks 'rak_for_this'."
FORBIDDEN = Answer(403, {"error": {"type": "invalid_request_error", "message": NOT_ALLOWED}})


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("answer", NO_ANSWERS, ids=repr)
def test_an_incomplete_search_is_not_recorded(road: Road, source: Source, answer: Answer | NoAnswer) -> None:
    payout_id = after_a_500(road, Fault.ERROR_500_WITHOUT_EFFECT)
    waits = road.advance(payout_id, gateway=cannot_read(source, answer))
    assert isinstance(waits, Wait)
    assert waits.reason is Reason.CONFIRMING_WITH_STRIPE
    assert road.payout(payout_id).unresolved.searches == 0  # type: ignore[union-attr]


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_that_our_key_may_not_read_is_said_once_and_names_what_it_takes(
    road: Road, source: Source, capsys: pytest.CaptureFixture[str]
) -> None:
    payout_id = after_a_500(road, Fault.ERROR_500_WITHOUT_EFFECT)

    async def three_looks() -> list[Wait | Finished]:
        looks = []
        async with road.process(gateway=cannot_read(source, FORBIDDEN)) as process:
            for _ in range(3):
                looks.append(await process.advance(payout_id))
                road.clock.ahead += HOUR
        return looks

    looks = asyncio.run(three_looks())
    assert [look.reason for look in looks if isinstance(look, Wait)] == [Reason.SEARCH_REFUSED] * 3
    assert all(isinstance(look, Wait) and look.until is not None for look in looks)
    assert road.story(payout_id)[2:] == ["TransferSearchRefused a1"]
    refused = road.newest(payout_id)
    assert (refused.sources, refused.message) == ((source,), NOT_ALLOWED)
    said = capsys.readouterr().out
    assert said.count("stripe_permission_missing") == 1
    assert f"the permission to {NEEDED[source]}" in said
    assert NOT_ALLOWED in said
    why = explain(road.payout(payout_id), None, Platform(), road.clock())
    assert (why.reason, EXPLANATIONS[why.reason].who) == (Reason.SEARCH_REFUSED, "operator")

    road.advance(payout_id, gateway=NeverCalled)
    assert explain(road.payout(payout_id), None, Platform(), road.clock()).reason is Reason.CONFIRMING_WITH_STRIPE
    assert road.story(payout_id)[2:] == ["TransferSearchRefused a1", "TransferNotFound a1"]


def test_a_transfer_that_another_source_shows_is_found_all_the_same(road: Road) -> None:
    payout_id = after_a_500(road, Fault.ERROR_500_WITH_EFFECT)
    assert isinstance(road.advance(payout_id, gateway=cannot_read("transfer_group", FORBIDDEN)), Finished)


def test_a_key_that_may_not_send_is_said_once_and_not_taken_for_the_referrers_fault_alone(
    road: Road, capsys: pytest.CaptureFixture[str]
) -> None:
    class MayNotSend(StripeGateway):
        async def create_transfer(self, request: TransferRequested) -> Answer | NoAnswer:
            return FORBIDDEN

        async def read_account(self, stripe_account_id: str) -> Answer | NoAnswer:
            return FORBIDDEN

    payout_ids = [road.owe() for _ in range(2)]

    async def twice() -> None:
        async with road.process(gateway=MayNotSend) as process:
            for payout_id in payout_ids:
                await process.advance(payout_id)
            road.clock.ahead += HOUR
            for payout_id in payout_ids:
                await process.advance(payout_id)

    asyncio.run(twice())
    said = capsys.readouterr().out
    assert said.count("stripe_permission_missing") == 2
    for permission in ("write transfers", "read accounts"):
        assert said.count(f"the permission to {permission}") == 1
    for payout_id in payout_ids:
        assert isinstance(road.advance(payout_id), Finished)


def test_an_account_that_stripe_refuses_is_no_lack_of_a_permission(
    road: Road, capsys: pytest.CaptureFixture[str]
) -> None:
    payout_id = road.owe()
    road.stripe.meets(Fault.ERROR_403)
    assert isinstance(road.advance(payout_id), Wait)
    assert "stripe_permission_missing" not in capsys.readouterr().out
    road.clock.ahead += HOUR
    assert isinstance(road.advance(payout_id), Finished)


def test_a_second_alarm_follows_only_after_the_permission_was_given(capsys: pytest.CaptureFixture[str]) -> None:
    permissions = Permissions()
    for _ in range(3):
        permissions.refused("events", "no")
    permissions.granted("events")
    permissions.refused("events", "no")
    assert capsys.readouterr().out.count("stripe_permission_missing") == 2


def test_a_refused_key_while_searching_concerns_everybody(own_road: Road) -> None:
    road = own_road
    payout_id = after_a_500(road, Fault.ERROR_500_WITHOUT_EFFECT)
    waits = road.advance(payout_id, gateway=cannot_read("events", Answer(401, {"error": {}})))
    assert waits == Wait(Reason.STRIPE_CREDENTIALS_REJECTED)
    assert road.payout(payout_id).unresolved.searches == 0  # type: ignore[union-attr]


OTHERS: list[dict[str, object]] = [{"amount_minor": 4999}, {"destination": "acct_ok_other"}]


@pytest.mark.parametrize("change", OTHERS, ids=["amount", "destination"])
def test_a_transfer_that_claims_to_be_ours_and_disagrees_is_neither_adopted_nor_absent(
    own_road: Road, change: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    """Money moved for this payout. However often it is searched for, a new key would pay it twice."""
    road = own_road
    payout_id = after_a_500(road, Fault.ERROR_500_WITHOUT_EFFECT)
    ours = transfer_intent(road.payout(payout_id), 1, "acct_ok1")
    foreign = ours.model_copy(update={"idempotency_key": f"by hand {payout_id}", **change})

    async def by_hand() -> None:
        gateway = StripeGateway(API_KEY, road.stripe.url)
        await gateway.create_transfer(foreign)
        await gateway.close()

    asyncio.run(by_hand())
    for _ in range(4):
        road.clock.ahead += HOUR
        waits = road.advance(payout_id, gateway=NeverCalled)
        assert isinstance(waits, Wait)
        assert waits.reason is Reason.TRANSFER_MISMATCHED
    assert road.story(payout_id)[2:] == ["TransferMismatched a1"]
    assert capsys.readouterr().out.count("stripe_holds_another_transfer") == 1

    [held] = road.stripe.transfers()[payout_id]
    assert road.newest(payout_id).transfer_ids == (held["id"],)
    road.stripe.reverse(held["id"], held["amount"])
    road.clock.ahead += HOUR
    road.advance(payout_id, gateway=NeverCalled)
    assert road.story(payout_id)[3:] == ["TransferNotFound a1"]
    assert explain(road.payout(payout_id), None, Platform(), road.clock()).reason is not Reason.TRANSFER_MISMATCHED
    road.owed.remove(payout_id)  # the books do not agree, and that is what was said


def test_a_transfer_in_another_currency_is_neither_adopted_nor_absent(
    road: Road, capsys: pytest.CaptureFixture[str]
) -> None:
    class InEuro(NeverCalled):
        async def list_for_search(self, source: Source, request: TransferRequested, since: int) -> Answer | NoAnswer:
            answer = await super().list_for_search(source, request, since)
            assert isinstance(answer, Answer)
            return Answer(answer.status, json.loads(json.dumps(answer.body).replace('"usd"', '"eur"')))

    payout_id = after_a_500(road, Fault.ERROR_500_WITH_EFFECT)
    assert isinstance(road.advance(payout_id, gateway=InEuro), Wait)
    assert road.story(payout_id)[2:] == ["TransferMismatched a1"]
    assert "stripe_holds_another_transfer" in capsys.readouterr().out
    assert isinstance(road.advance(payout_id, gateway=NeverCalled), Finished)
