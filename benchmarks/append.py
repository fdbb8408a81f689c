"""How fast the log takes appends of many callers in one process, and how long each of them waits."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from types import MappingProxyType

from benchmarks.append_contenders import fill, ledger, plain, stock
from benchmarks.contenders import Contender, take_turns
from benchmarks.database import migrated_database, scratch_server
from benchmarks.declaration import Benchmark, Figure, Progress, Result

__all__ = ["Append"]

TIMES_PLAIN = {16: 1.3, 64: 2.5}
TIMES_STOCK = 6.0
SLOW_COMMIT = {"commit_delay": "1000", "commit_siblings": "0"}  # a commit costs a millisecond more, on every side
SLOW_COMMIT_CALLERS = 64
TIMES_PLAIN_AT_SLOW_COMMIT = 1.5


@dataclass(frozen=True)
class Append(Benchmark):
    name = "append"
    about = "callers of one process, one conditional tagged event each"
    target = (
        "16 callers at least 1.3 times and 64 at least 2.5 times as many appends as threads that do the same rows in one plain"
        " statement and commit, with a lower p99; 6 times the library's recorder; where a commit costs 1 ms more, 64 callers"
        " 1.5 times plain"
    )
    short = MappingProxyType({"stored": 2_000, "seconds": 1.0, "rounds": 4})

    callers: tuple[int, ...] = (16, 64)
    stored: int = 100_000
    seconds: float = 10.0
    """For each contender."""
    rounds: int = 10
    warm_up_seconds: float = 0.5

    def run(self, progress: Progress) -> Result:
        figures: list[Figure] = []
        ratios: list[Figure] = []
        with scratch_server() as server_url, migrated_database(server_url) as database_url:
            progress(f"storing {self.stored:,} events with each contender")
            fill(database_url, self.stored)
            for callers in self.callers:
                with ExitStack() as stack:
                    ours, theirs, librarys = (
                        start(database_url, callers, stack, f"{callers}-callers-{start.__name__}")
                        for start in (ledger, plain, stock)
                    )
                    self._compare([ours, theirs, librarys], progress)
                figures += _figures(ours, theirs, librarys)
                at = f"{callers}-callers"
                wanted = TIMES_PLAIN.get(callers)
                ratios.append(ours.times_as_fast_as(theirs, f"{at}-vs-plain", at_least=wanted))
                ratios.append(ours.times_as_long_as(theirs, 0.99, f"{at}-p99-vs-plain", at_most=1.0))
                ratios.append(ours.times_as_fast_as(librarys, f"{at}-vs-stock", at_least=TIMES_STOCK))
        with scratch_server(SLOW_COMMIT) as server_url, migrated_database(server_url) as database_url:
            progress("the same where a commit costs 1 ms more")
            fill(database_url, self.stored, for_stock=False)
            with ExitStack() as stack:
                ours, theirs = (
                    start(database_url, SLOW_COMMIT_CALLERS, stack, f"slow-commit-{start.__name__}")
                    for start in (ledger, plain)
                )
                self._compare([ours, theirs], progress)
            figures += _figures(ours, theirs)
            ratios.append(ours.times_as_fast_as(theirs, "slow-commit-vs-plain", at_least=TIMES_PLAIN_AT_SLOW_COMMIT))
        return Result(figures, ratios)

    def _compare(self, contenders: list[Contender], progress: Progress) -> None:
        take_turns(
            contenders,
            seconds=self.seconds,
            rounds=self.rounds,
            warm_up_seconds=self.warm_up_seconds,
            progress=progress,
        )


def _figures(*contenders: Contender) -> Iterator[Figure]:
    for each in contenders:
        yield from (each.rate("appends/s"), each.milliseconds(0.5), each.milliseconds(0.99))
