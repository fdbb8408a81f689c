"""How fast the log takes appends of many callers in one process, and how long each of them waits."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from types import MappingProxyType

from benchmarks.append_contenders import fill, ledger, plain, stock
from benchmarks.contenders import Contender, take_turns
from benchmarks.database import migrated_database, scratch_server
from benchmarks.declaration import Benchmark, Figure, NotRun, Progress, Result
from benchmarks.pgbench import PgBench

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
        results: list[Result] = []
        with scratch_server() as server_url, migrated_database(server_url) as database_url:
            progress(f"storing {self.stored:,} events with each contender")
            fill(database_url, self.stored)
            results += [self._with(callers, database_url, progress) for callers in self.callers]
        with scratch_server(SLOW_COMMIT) as server_url, migrated_database(server_url) as database_url:
            progress("the same where a commit costs 1 ms more")
            fill(database_url, self.stored, for_stock=False)
            results.append(self._with_slow_commits(database_url, progress))
        return Result(
            [figure for each in results for figure in each.figures],
            [ratio for each in results for ratio in each.ratios],
            list(dict.fromkeys(remark for each in results for remark in each.remarks)),
        )

    def _with(self, callers: int, database_url: str, progress: Progress) -> Result:
        at = f"{callers}-callers"
        remarks = []
        with ExitStack() as stack:
            ours, theirs, librarys = (
                start(database_url, callers, stack, f"{at}-{start.__name__}") for start in (ledger, plain, stock)
            )
            inserts: list[Contender] = []
            try:
                inserts.append(PgBench(f"{callers}-clients-pgbench", database_url, callers))
            except NotRun as reason:
                remarks.append(f"no figure of pgbench: {reason}")
            self._compare([ours, theirs, librarys, *inserts], progress)
        return Result(
            [*_figures(ours, theirs, librarys), *(each.rate("inserts/s") for each in inserts)],
            [
                ours.times_as_fast_as(theirs, f"{at}-vs-plain", at_least=TIMES_PLAIN.get(callers)),
                ours.times_as_long_as(theirs, 0.99, f"{at}-p99-vs-plain", at_most=1.0),
                ours.times_as_fast_as(librarys, f"{at}-vs-stock", at_least=TIMES_STOCK),
                *(ours.times_as_fast_as(each, f"{at}-vs-pgbench") for each in inserts),
            ],
            remarks,
        )

    def _with_slow_commits(self, database_url: str, progress: Progress) -> Result:
        with ExitStack() as stack:
            ours, theirs = (
                start(database_url, SLOW_COMMIT_CALLERS, stack, f"slow-commit-{start.__name__}")
                for start in (ledger, plain)
            )
            self._compare([ours, theirs], progress)
        ratio = ours.times_as_fast_as(theirs, "slow-commit-vs-plain", at_least=TIMES_PLAIN_AT_SLOW_COMMIT)
        return Result(list(_figures(ours, theirs)), [ratio])

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
