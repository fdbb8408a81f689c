"""When Stripe is silent or has had enough: the breaker, who respects it, and a key that grows old in the queue."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from ledger.events import TransferRequested
from ledger.payouts.breaker import LONGEST_PAUSE, SHORTEST_PAUSE, Breaker
from ledger.payouts.outcome import Answer, NoAnswer
from ledger.payouts.pace import Pace
from ledger.payouts.process import PayoutProcess
from ledger.payouts.steps import Finished, Wait
from ledger.payouts.stripe_gateway import StripeGateway
from ledger.payouts.worker import ThreadedLog
from ledger.reasons import Reason
from sandbox.stripe_twin import Fault
from tests.payouts.gateways import NeverCalled
from tests.payouts.road import API_KEY, Road

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Time:
    """A clock that only moves when told to."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, time: timedelta) -> None:
        self.now += time


@pytest.fixture
def time() -> Time:
    return Time()


def opened(time: Time, failures: int = 5) -> Breaker:
    breaker = Breaker(time, failures)
    for _ in range(failures):
        assert breaker.wait_until() is None
        breaker.unanswered()
    return breaker


def test_it_opens_after_so_many_unanswered_calls_in_a_row(time: Time) -> None:
    breaker = Breaker(time, 3)
    for _ in range(4):
        breaker.unanswered()
        breaker.unanswered()
        breaker.answered()
    assert not breaker.is_open
    breaker = opened(time, 3)
    assert breaker.wait_until() == START + SHORTEST_PAUSE


def test_after_the_pause_one_is_let_through_and_the_others_wait(time: Time) -> None:
    breaker = opened(time)
    time.pass_by(SHORTEST_PAUSE)
    assert [breaker.wait_until() is None for _ in range(5)] == [True, False, False, False, False]
    breaker.answered()
    assert breaker.wait_until() is None
    assert not breaker.is_open


def test_who_was_let_through_and_never_called_does_not_keep_it_open_for_ever(time: Time) -> None:
    breaker = opened(time)
    time.pass_by(SHORTEST_PAUSE)
    assert breaker.wait_until() is None
    time.pass_by(SHORTEST_PAUSE)
    assert breaker.wait_until() is None


def test_each_probe_in_vain_doubles_the_pause_up_to_a_limit(time: Time) -> None:
    breaker = opened(time)
    pauses = []
    for _ in range(10):
        until = breaker.wait_until()
        assert until is not None
        pauses.append(until - time.now)
        time.now = until
        assert breaker.wait_until() is None
        breaker.unanswered()
    assert pauses == [min(LONGEST_PAUSE, SHORTEST_PAUSE * 2**n) for n in range(10)]


def test_calls_that_were_on_their_way_when_it_opened_do_not_lengthen_the_pause(time: Time) -> None:
    breaker = opened(time)
    for _ in range(11):  # a whole worker's calls end at once
        breaker.unanswered()
    assert breaker.wait_until() == START + SHORTEST_PAUSE


def test_no_intent_is_recorded_while_it_is_open(road: Road) -> None:
    payout_ids = [road.owe() for _ in range(8)]
    road.stripe.meets(Fault.RESET_BEFORE, times=5)

    async def one_after_the_other() -> list[Wait | Finished]:
        async with road.process() as process:
            return [await process.advance(payout_id) for payout_id in payout_ids]

    results = asyncio.run(one_after_the_other())
    reasons = [result.reason for result in results if isinstance(result, Wait)]
    assert reasons == [*[Reason.CONFIRMING_WITH_STRIPE] * 5, *[Reason.STRIPE_UNAVAILABLE] * 3]
    assert [road.story(payout_id) for payout_id in payout_ids[5:]] == [[], [], []]
    road.clock.ahead += HOUR
    for payout_id in payout_ids:
        assert isinstance(road.advance(payout_id), Finished)


def test_what_is_asked_beside_the_payouts_opens_the_breaker_and_respects_it(road: Road) -> None:
    asked: list[str] = []

    class Silent(StripeGateway):
        async def list_events(self, since: int, until: int | None = None) -> Answer | NoAnswer:
            asked.append("events")
            return NoAnswer("TimeoutError")

        async def read_balance(self) -> Answer | NoAnswer:
            asked.append("balance")
            return NoAnswer("TimeoutError")

    async def one_after_the_other() -> Wait | Finished:
        async with road.process(gateway=Silent) as process:
            for _ in range(4):
                await process.calls.list_events(0)
                await process.calls.read_balance()
            return await process.advance(payout_id)

    payout_id = road.owe()
    waits = asyncio.run(one_after_the_other())
    assert len(asked) == 5
    assert isinstance(waits, Wait)
    assert waits.reason is Reason.STRIPE_UNAVAILABLE


def test_a_429_to_what_is_asked_beside_the_payouts_slows_everybody_down(road: Road) -> None:
    class Busy(StripeGateway):
        async def list_events(self, since: int, until: int | None = None) -> Answer | NoAnswer:
            return Answer(429, {"error": {}})

    async def rates() -> tuple[float, float]:
        async with road.process(gateway=Busy) as process:
            before = process.pace.rate_per_second
            await process.calls.list_events(0)
            return before, process.pace.rate_per_second

    before, after = asyncio.run(rates())
    assert after == before / 2


def test_people_are_heard_while_it_is_open(road: Road) -> None:
    payout_id, another_id = road.owe(), road.owe()
    road.agree_to("cancel", another_id)
    road.stripe.meets(Fault.RESET_BEFORE, times=5)

    async def meanwhile() -> Wait | Finished:
        async with road.process() as process:
            for _ in range(5):
                await process.advance(payout_id)
                road.clock.ahead += timedelta(minutes=2)
            return await process.advance(another_id)

    assert isinstance(asyncio.run(meanwhile()), Finished)
    assert isinstance(road.advance(payout_id), Finished)


def test_an_outage_of_a_day_ends_in_an_orderly_drain(own_road: Road) -> None:
    """Few calls while it lasts, no payout in doubt but those that were on their way, and everybody paid afterwards."""
    road = own_road
    calls: list[datetime] = []
    is_down = True

    class Down(StripeGateway):
        async def create_transfer(self, request: TransferRequested) -> Answer | NoAnswer:
            calls.append(road.clock())
            return NoAnswer("ClientConnectorError") if is_down else await super().create_transfer(request)

    payout_ids = [road.owe() for _ in range(12)]

    async def a_day() -> None:
        nonlocal is_down
        async with road.process(gateway=Down) as process:
            for _ in range(24):
                for payout_id in payout_ids:
                    await process.advance(payout_id)
                road.clock.ahead += timedelta(minutes=54)
            assert len(calls) <= 5 + 24
            in_doubt = [payout_id for payout_id in payout_ids if road.payout(payout_id).attempt]
            assert len(in_doubt) <= 8
            is_down = False
            for _ in range(4):
                road.clock.ahead += timedelta(minutes=3)
                await asyncio.gather(*(process.advance(payout_id) for payout_id in payout_ids))

    asyncio.run(a_day())
    assert all(road.payout(payout_id).phase == "settled" for payout_id in payout_ids)


def test_a_key_that_grew_too_old_while_it_waited_for_its_turn_is_not_sent(road: Road) -> None:
    """A machine that sleeps between decision and call wakes up with a key that Stripe may have forgotten."""
    payout_id = road.owe()
    road.stripe.meets(Fault.TIMEOUT_AFTER)
    road.advance(payout_id)
    road.clock.ahead += HOUR

    class Sleeps(Pace):
        def call(self):  # type: ignore[no-untyped-def]
            road.clock.ahead += timedelta(hours=30)
            return super().call()

    async def advance() -> Wait | Finished:
        gateway = NeverCalled(API_KEY, road.stripe.url)
        try:
            return await PayoutProcess(ThreadedLog(road.log), gateway, Sleeps(), road.clock).advance(payout_id)
        finally:
            await gateway.close()

    assert isinstance(asyncio.run(advance()), Finished)
    assert road.newest(payout_id).adopted


def test_a_first_sending_that_slept_over_its_window_is_searched_for_and_not_sent(road: Road) -> None:
    payout_id = road.owe()

    class Sleeps(Pace):
        def call(self):  # type: ignore[no-untyped-def]
            road.clock.ahead += timedelta(hours=30)
            return super().call()

    async def advance() -> Wait | Finished:
        gateway = NeverCalled(API_KEY, road.stripe.url)
        try:
            return await PayoutProcess(ThreadedLog(road.log), gateway, Sleeps(), road.clock).advance(payout_id)
        finally:
            await gateway.close()

    waits = asyncio.run(advance())
    assert isinstance(waits, Wait)
    assert waits.reason is Reason.RECONCILIATION_REQUIRED
