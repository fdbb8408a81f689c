"""Contenders for the same work: they take turns in short rounds, so a machine that is busy for a while is busy for all.

Ratios are those of each round, in the median: what disturbs a round disturbs both sides.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain

from benchmarks.declaration import Figure, Progress, ratio

__all__ = ["Call", "Contender", "median_figure", "take_turns", "timed"]

Call = Callable[[], object]


@dataclass
class Contender:
    """`calls`: one function for each thread, called again and again while a round lasts."""

    name: str
    calls: Sequence[Call]
    rounds: list[list[float]] = field(default_factory=list)
    """What each call of a round took, in seconds."""
    rates: list[float] = field(default_factory=list)
    """Calls a second in each round."""

    def run(self, seconds: float) -> None:
        """One round."""
        started = time.perf_counter()
        taken: list[list[float]] = [[] for _ in self.calls]
        if len(self.calls) == 1:
            _keep_calling(self.calls[0], taken[0], started + seconds)
        else:
            with ThreadPoolExecutor(len(self.calls)) as threads:
                list(threads.map(lambda call, times: _keep_calling(call, times, started + seconds), self.calls, taken))
        self.rounds.append(list(chain.from_iterable(taken)))
        self.rates.append(len(self.rounds[-1]) / (time.perf_counter() - started))

    def forget(self) -> None:
        """The warm-up."""
        self.rounds.clear()
        self.rates.clear()

    def rate(self, unit: str = "/s") -> Figure:
        return median_figure(f"{self.name}", self.rates, unit)

    def milliseconds(self, share: float) -> Figure:
        """A quantile of what the calls took, round by round: 0.5 is the median, 0.99 what one in a hundred exceeds."""
        values = [1000 * _quantile(taken, share) for taken in self.rounds]
        return median_figure(f"{self.name}-p{share * 100:g}", values, "ms")

    def times_as_fast_as(
        self, other: "Contender", name: str, *, at_least: float | None = None, at_most: float | None = None
    ) -> Figure:
        """By calls a second."""
        rounds = [mine / theirs for mine, theirs in zip(self.rates, other.rates, strict=True)]
        return _ratio(name, rounds, at_least, at_most)

    def times_as_long_as(
        self,
        other: "Contender",
        share: float,
        name: str,
        *,
        at_least: float | None = None,
        at_most: float | None = None,
    ) -> Figure:
        """By a quantile of what a call takes."""
        rounds = [
            _quantile(mine, share) / _quantile(theirs, share)
            for mine, theirs in zip(self.rounds, other.rounds, strict=True)
        ]
        return _ratio(name, rounds, at_least, at_most)


def take_turns(
    contenders: Sequence[Contender], *, seconds: float, rounds: int, warm_up_seconds: float, progress: Progress
) -> None:
    """Each contender has `seconds` in so many rounds, after a warm-up (connections, plans, caches) that does not count."""
    for contender in contenders:
        progress(f"{contender.name}: {warm_up_seconds:g} s of warm-up")
        contender.run(warm_up_seconds)
        contender.forget()
    for number in range(rounds):
        progress(f"round {number + 1} of {rounds}: {', '.join(contender.name for contender in contenders)}")
        # Every other round backwards: none of them always follows the same one.
        for contender in contenders if number % 2 == 0 else reversed(contenders):
            contender.run(seconds / rounds)


def median_figure(
    name: str, values: Sequence[float], unit: str, *, at_least: float | None = None, at_most: float | None = None
) -> Figure:
    """The median of some rounds, with the lowest and the highest of them."""
    return Figure(name, statistics.median(values), unit, min(values), max(values), at_least, at_most)


def timed(call: Call, times: int) -> list[float]:
    """Milliseconds that each of some calls in a row took."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append(1000 * (time.perf_counter() - began))
    return taken


def _keep_calling(call: Call, taken: list[float], deadline: float) -> None:
    before = time.perf_counter()
    while True:
        call()
        after = time.perf_counter()
        taken.append(after - before)
        if after >= deadline:
            return
        before = after


def _quantile(taken: Sequence[float], share: float) -> float:
    ordered = sorted(taken)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def _ratio(name: str, rounds: Sequence[float], at_least: float | None, at_most: float | None) -> Figure:
    return ratio(name, statistics.median(rounds), min(rounds), max(rounds), at_least=at_least, at_most=at_most)
