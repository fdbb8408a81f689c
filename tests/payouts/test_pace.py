"""How fast Stripe is called: calls at once and calls a second, which adapt to what it answers."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from ledger.payouts.breaker import Breaker
from ledger.payouts.calls import StripeCalls
from ledger.payouts.outcome import Answer
from ledger.payouts.pace import INITIAL_RATE_PER_SECOND, MAKE_UP_CALLS, MAX_RATE_PER_SECOND, MIN_RATE_PER_SECOND, Pace
from ledger.payouts.stripe_gateway import StripeGateway


async def paced(work: Callable[[Pace, Callable[[float], None]], Awaitable[None]]) -> None:
    """With seconds that only pass when told to."""
    seconds = 0.0

    def pass_by(more: float) -> None:
        nonlocal seconds
        seconds += more

    await work(Pace(clock=lambda: seconds), pass_by)


def test_the_rate_doubles_every_second_until_it_meets_a_limit() -> None:
    async def work(pace: Pace, pass_by: Callable[[float], None]) -> None:
        assert pace.rate_per_second == INITIAL_RATE_PER_SECOND
        for expected in (2 * INITIAL_RATE_PER_SECOND, 4 * INITIAL_RATE_PER_SECOND, MAX_RATE_PER_SECOND):
            for _ in range(int(pace.rate_per_second)):  # what is answered in a second
                pace.answered()
            assert pace.rate_per_second == expected

    asyncio.run(paced(work))


def test_after_its_first_429_the_rate_falls_by_half_once_a_burst_and_rises_slowly() -> None:
    async def work(pace: Pace, pass_by: Callable[[float], None]) -> None:
        for _ in range(16):
            pace.slow_down()
        assert pace.rate_per_second == INITIAL_RATE_PER_SECOND / 2
        pass_by(1.0)
        pace.slow_down()
        assert pace.rate_per_second == INITIAL_RATE_PER_SECOND / 4
        for _ in range(int(pace.rate_per_second)):
            pace.answered()
        assert 0.5 < pace.rate_per_second - INITIAL_RATE_PER_SECOND / 4 <= 1

    asyncio.run(paced(work))


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_workers_that_know_each_other_divide_the_rate(workers: int) -> None:
    async def work(pace: Pace, pass_by: Callable[[float], None]) -> None:
        pace.share(workers)
        for _ in range(200):
            pace.answered()
        assert pace.rate_per_second == MAX_RATE_PER_SECOND / workers
        pace.share(2 * workers)  # as many again came
        assert pace.rate_per_second == MAX_RATE_PER_SECOND / workers / 2
        pace.share(workers)  # and went
        for _ in range(200):
            pace.answered()
        assert pace.rate_per_second == MAX_RATE_PER_SECOND / workers

    asyncio.run(paced(work))


@pytest.mark.parametrize("idle_seconds", [0.05, 3600.0])
def test_turns_that_nobody_was_there_for_are_made_up_but_never_more_than_a_few(
    monkeypatch: pytest.MonkeyPatch, idle_seconds: float
) -> None:
    waited: list[float] = []

    async def note(seconds: float) -> None:
        waited.append(seconds)

    async def work(pace: Pace, pass_by: Callable[[float], None]) -> None:
        for _ in range(200):
            pace.answered()
        async with pace.call():
            pass_by(idle_seconds)
        for _ in range(MAKE_UP_CALLS + 101):
            async with pace.call():
                pass
        in_a_second = MAKE_UP_CALLS + 101 - sum(seconds >= 1.0 for seconds in waited)
        assert MAX_RATE_PER_SECOND < in_a_second <= 100
        assert sorted(waited) == waited

    monkeypatch.setattr("ledger.payouts.pace.asyncio.sleep", note)
    asyncio.run(paced(work))


def test_it_tells_which_calls_have_had_their_turn() -> None:
    async def work(pace: Pace, pass_by: Callable[[float], None]) -> None:
        async with pace.call():
            async with pace.call():
                assert pace.calls_under_way == 2
            assert pace.calls_under_way == 1
        assert pace.calls_under_way == 0

    asyncio.run(paced(lambda pace, pass_by: work(_hurried(pace), pass_by)))


@pytest.mark.parametrize("reason", ["global-concurrency", "endpoint-concurrency"])
def test_too_many_at_once_are_fewer_at_once_and_more_again_with_time(reason: str) -> None:
    async def work(pace: Pace, pass_by: Callable[[float], None]) -> None:
        for expected in (8, 4, 2, 1, 1):
            pass_by(1.0)
            pace.slow_down(reason)
            assert pace.calls_at_once == expected
        assert pace.rate_per_second == INITIAL_RATE_PER_SECOND
        for _ in range(int(3 * INITIAL_RATE_PER_SECOND)):
            pace.answered()
        assert 3 <= pace.calls_at_once <= 4
        for _ in range(10_000):
            pace.answered()
        assert pace.calls_at_once == 16

    asyncio.run(paced(work))


@pytest.mark.parametrize("reason", ["global-rate", "endpoint-rate", "resource-specific", None])
def test_any_other_429_is_a_lower_rate(reason: str | None) -> None:
    async def work(pace: Pace, pass_by: Callable[[float], None]) -> None:
        pace.slow_down(reason)
        assert (pace.rate_per_second, pace.calls_at_once) == (INITIAL_RATE_PER_SECOND / 2, 16)

    asyncio.run(paced(work))


def test_fewer_at_once_holds_for_those_who_wait_already() -> None:
    async def work(pace: Pace, pass_by: Callable[[float], None]) -> None:
        started: list[int] = []
        gates = [asyncio.Event() for _ in range(20)]

        async def call(number: int) -> None:
            async with pace.call():
                started.append(number)
                await gates[number].wait()

        async with asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(call(number))
            await everybody_moves()
            assert started == list(range(16))
            pace.slow_down("global-concurrency")
            for number in range(8):
                gates[number].set()
            await everybody_moves()
            assert started == list(range(16))  # eight are under way, which is all there may be
            gates[8].set()
            await everybody_moves()
            assert started == list(range(17))
            for gate in gates:
                gate.set()

    asyncio.run(paced(lambda pace, pass_by: work(_hurried(pace), pass_by)))


async def everybody_moves() -> None:
    """As far as they can without time passing."""
    for _ in range(100):
        await asyncio.sleep(0)


def _hurried(pace: Pace) -> Pace:
    """At a rate that nobody waits for."""
    pace._rate = float("inf")
    return pace


def test_the_rate_stays_between_its_bounds() -> None:
    async def work(pace: Pace, pass_by: Callable[[float], None]) -> None:
        for _ in range(10_000):
            pace.answered()
        assert pace.rate_per_second == MAX_RATE_PER_SECOND
        for _ in range(50):
            pass_by(2.0)
            pace.slow_down()
        assert pace.rate_per_second == MIN_RATE_PER_SECOND

    asyncio.run(paced(work))


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_workers_share_a_limit_without_a_coordinator(workers: int) -> None:
    """A model of Stripe that answers 429 above 25 a second: together they use most of it, and each gets a part."""
    limit = 25.0

    async def share() -> list[float]:
        seconds = 0.0
        lots = random.Random(7)
        paces = [Pace(clock=lambda: seconds) for _ in range(workers)]
        used: list[list[float]] = []
        for second in range(300):
            seconds = float(second)
            rates = [pace.rate_per_second for pace in paces]
            used.append(rates)
            share_refused = max(0.0, 1 - limit / sum(rates))
            for pace, rate in zip(paces, rates, strict=True):
                for _ in range(max(1, int(rate * (1 - share_refused)))):
                    pace.answered()
                if share_refused and lots.random() < 0.7:  # not everybody is told in the same second
                    pace.slow_down()
        settled = used[100:]
        return [sum(rates[place] for rates in settled) / len(settled) for place in range(workers)]

    means = asyncio.run(share())
    assert 0.5 * limit < sum(means) < 1.6 * limit
    assert min(means) > 0.3 * max(means)


def test_no_more_calls_at_once_than_allowed() -> None:
    at_once, most = 0, 0

    def now() -> datetime:
        return datetime(2026, 3, 1, tzinfo=UTC)

    async def work() -> None:
        calls = StripeCalls(StripeGateway("sk_test_x"), Pace(concurrency=3), Breaker(now), now)
        release = asyncio.Event()

        async def call(_gateway: object) -> Answer:
            nonlocal at_once, most
            at_once += 1
            most = max(most, at_once)
            if at_once == 3:
                release.set()
            await release.wait()
            at_once -= 1
            return Answer(200, {})

        await asyncio.gather(*(calls.make(call) for _ in range(9)))

    asyncio.run(work())
    assert most == 3
