"""Workers that die, come late, or are two at one payout: on real PostgreSQL and the real twin, always one transfer."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from ledger.event_log import Appended
from ledger.events import AboutPayout, TransferMismatched, TransferRequested, TransferSettled
from ledger.payouts.outcome import Answer, NoAnswer
from ledger.payouts.process import PayoutProcess
from ledger.payouts.recording import PayoutRecords
from ledger.payouts.steps import Finished
from ledger.payouts.stripe_gateway import StripeGateway
from ledger.store import StoreUnavailable
from sandbox.stripe_twin import Fault
from tests.payouts.gateways import Died, DiesAfterTheCall, DiesBeforeTheCall
from tests.payouts.road import Road

A1, A1_UNKNOWN, A1_SETTLED = (f"Transfer{name} a1" for name in ("Requested", "OutcomeUnknown", "Settled"))
HOUR = timedelta(hours=1)


@pytest.mark.parametrize("gateway", [DiesBeforeTheCall, DiesAfterTheCall])
def test_whoever_comes_after_a_crash_goes_on_with_the_same_key(road: Road, gateway: type[StripeGateway]) -> None:
    payout_id = road.owe()
    with pytest.raises(Died):
        road.advance(payout_id, gateway=gateway)
    assert road.story(payout_id) == [A1]
    road.connect(payout_id, "acct_ok_other")
    assert isinstance(road.advance(payout_id), Finished)
    assert road.story(payout_id) == [A1, A1_UNKNOWN, A1_SETTLED]
    assert road.newest(payout_id).replayed == (gateway is DiesAfterTheCall)
    assert road.newest(payout_id).destination == "acct_ok1"


async def both(road: Road, payout_id: str) -> None:
    async with road.process() as one, road.process() as another:
        await asyncio.gather(one.advance(payout_id), another.advance(payout_id))


@pytest.mark.parametrize("fault", [None, Fault.LATE_EFFECT, Fault.SLOW_ANSWER, Fault.RESET_AFTER, Fault.TIMEOUT_AFTER])
def test_two_workers_at_one_payout_make_one_transfer(road: Road, fault: Fault | None) -> None:
    payout_id = road.owe()
    if fault is not None:
        road.stripe.meets(fault, seconds=0.2)
    asyncio.run(both(road, payout_id))
    road.clock.ahead += HOUR
    assert isinstance(road.advance(payout_id), Finished)
    assert road.story(payout_id).count(A1) == 1
    assert road.story(payout_id).count(A1_SETTLED) == 1


def test_an_answer_that_money_moved_is_recorded_whatever_another_worker_recorded_meanwhile(road: Road) -> None:
    payout_id = road.owe()

    class Overtaken(StripeGateway):
        """Another worker sends the same key and loses the answer, while ours is on its way back."""

        async def create_transfer(self, request: TransferRequested) -> Answer | NoAnswer:
            answer = await super().create_transfer(request)
            road.stripe.meets(Fault.RESET_AFTER)
            async with road.process() as another:
                await another.advance(payout_id)
            return answer

    assert isinstance(road.advance(payout_id, gateway=Overtaken), Finished)
    assert road.story(payout_id) == [A1, A1_UNKNOWN, A1_UNKNOWN, A1_SETTLED]


def test_a_second_transfer_that_should_never_be_is_on_the_log_and_said(
    road: Road, capsys: pytest.CaptureFixture[str]
) -> None:
    payout_id = road.owe()

    assert isinstance(road.advance(payout_id, gateway=settled_meanwhile(road)), Finished)
    [held] = road.stripe.transfers()[payout_id]
    assert road.story(payout_id) == [A1, A1_SETTLED, "TransferMismatched a1"]
    assert road.newest(payout_id).transfer_ids == (held["id"],)
    assert capsys.readouterr().out.count("paid_twice") == 1
    road.owed.remove(payout_id)  # the books do not agree, and that is what is said


def test_a_second_transfer_is_said_also_where_it_cannot_be_recorded(
    road: Road, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever reads the log next finds a settled payout, and nothing to do."""
    payout_id = road.owe()
    append = PayoutRecords.append

    async def lost(records: PayoutRecords, event: AboutPayout, *rest: Any, **more: Any) -> Appended:
        if isinstance(event, TransferMismatched):
            raise StoreUnavailable("the database is gone")
        return await append(records, event, *rest, **more)

    monkeypatch.setattr(PayoutRecords, "append", lost)
    with pytest.raises(StoreUnavailable):
        road.advance(payout_id, gateway=settled_meanwhile(road))
    assert "paid_twice" in capsys.readouterr().out
    road.owed.remove(payout_id)


def settled_meanwhile(road: Road) -> type[StripeGateway]:
    class Overtaken(StripeGateway):
        """Somebody else settles the payout, by another transfer, while our answer is on its way."""

        async def create_transfer(self, request: TransferRequested) -> Answer | NoAnswer:
            answer = await super().create_transfer(request)
            road.append(settled_by(request, "tr_another"))
            return answer

    return Overtaken


def settled_by(request: TransferRequested, transfer_id: str) -> TransferSettled:
    return TransferSettled.of(
        request,
        attempt=request.attempt,
        transfer_id=transfer_id,
        amount_minor=request.amount_minor,
        currency=request.currency,
        destination=request.destination,
    )


def test_a_worker_that_comes_late_with_the_same_news_records_nothing(road: Road) -> None:
    payout_id = road.owe()

    class Overtaken(StripeGateway):
        async def create_transfer(self, request: TransferRequested) -> Answer | NoAnswer:
            answer = await super().create_transfer(request)
            async with road.process() as another:
                await another.advance(payout_id)
            return answer

    assert isinstance(road.advance(payout_id, gateway=Overtaken), Finished)
    assert road.story(payout_id) == [A1, A1_UNKNOWN, A1_SETTLED]


def test_a_refusal_of_one_call_ends_nothing_while_another_worker_is_sending_the_same_key(road: Road) -> None:
    """Our lease ran out while our call was on its way; a 403 says nothing of the call that somebody else has made since."""
    payout_id = road.owe()
    road.stripe.meets(Fault.ERROR_403)

    class Overtaken(StripeGateway):
        async def create_transfer(self, request: TransferRequested) -> Answer | NoAnswer:
            answer = await super().create_transfer(request)
            road.stripe.meets(Fault.RESET_AFTER)
            async with road.process() as another:
                await another.advance(payout_id)
            return answer

    road.advance(payout_id, gateway=Overtaken)
    assert road.story(payout_id) == [A1, A1_UNKNOWN, A1_UNKNOWN]
    road.clock.ahead += HOUR
    assert isinstance(road.advance(payout_id), Finished)


def test_an_intent_is_not_recorded_if_the_account_was_replaced_since_it_was_decided(road: Road) -> None:
    payout_id = road.owe("acct_ok_old")

    class Replaced(PayoutProcess):
        replaced = False

        async def _request_and_send(self, situation, intent):  # type: ignore[no-untyped-def]
            if not self.replaced:
                self.replaced = True
                await asyncio.to_thread(road.connect, payout_id, "acct_ok_new")
            return await super()._request_and_send(situation, intent)

    async def advance() -> None:
        async with road.process() as process:
            replaced = Replaced(process._log, process.calls._gateway, process.pace, process._clock)
            await replaced.advance(payout_id)

    asyncio.run(advance())
    assert road.story(payout_id) == [A1, A1_SETTLED]
    assert road.newest(payout_id).destination == "acct_ok_new"
