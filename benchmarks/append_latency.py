"""What a lone caller waits for: nobody shares a commit with it, and no thread is handed anything."""

from contextlib import ExitStack
from dataclasses import dataclass
from types import MappingProxyType

from benchmarks.append_contenders import fill, ledger, plain
from benchmarks.contenders import take_turns
from benchmarks.database import scratch_database
from benchmarks.declaration import Benchmark, Progress, Result

__all__ = ["AppendLatency"]


@dataclass(frozen=True)
class AppendLatency(Benchmark):
    name = "append-latency"
    about = "one caller, one conditional tagged event at a time"
    target = "a median of at most 1.6 times the same rows in one plain statement and commit"
    short = MappingProxyType({"stored": 2_000, "seconds": 1.0, "rounds": 4})

    stored: int = 100_000
    seconds: float = 5.0
    """For each contender."""
    rounds: int = 10
    warm_up_seconds: float = 0.5

    def run(self, progress: Progress) -> Result:
        with scratch_database() as database_url, ExitStack() as stack:
            progress(f"storing {self.stored:,} events with each contender")
            fill(database_url, self.stored, for_stock=False)
            ours, theirs = ledger(database_url, 1, stack), plain(database_url, 1, stack)
            take_turns(
                [ours, theirs],
                seconds=self.seconds,
                rounds=self.rounds,
                warm_up_seconds=self.warm_up_seconds,
                progress=progress,
            )
        return Result(
            [each.milliseconds(share) for each in (ours, theirs) for share in (0.5, 0.99)],
            [
                ours.times_as_long_as(theirs, 0.5, "p50-vs-plain", at_most=1.6),
                ours.times_as_long_as(theirs, 0.99, "p99-vs-plain"),
            ],
        )
