"""How fast the log is sealed, and how long it takes to prove that nothing on it was changed."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from types import MappingProxyType

from benchmarks import journeys
from benchmarks.contenders import median_figure, timed
from benchmarks.database import scratch_database
from benchmarks.declaration import Benchmark, Progress, Result
from ledger.proof.notes import SigningKey
from ledger.proof.seal_role import SEAL_ROLE
from ledger.proof.seal_store import SealStore
from ledger.proof.sealer import Sealer
from ledger.proof.verification import verify
from ledger.store import PostgresRecorder
from ledger.store.connection import ConnectionSettings, open_pool

__all__ = ["SealLog", "VerifyLog"]

KEY = SigningKey("benchmark.example/ledger", b"\x01" * 32)
WANTED_SECONDS = 60.0
MILLION = 1_000_000


@dataclass(frozen=True)
class SealLog(Benchmark):
    name = "seal"
    about = "new events hashed into the tree, and its root signed and kept in the database and in a folder"
    target = "none of its own: faster than anything that one process records"
    short = MappingProxyType({"events": 4_000, "rounds": 2})

    events: int = 100_000
    """In each round."""
    rounds: int = 5
    warm_up: int = 1

    def run(self, progress: Progress) -> Result:
        rates = []
        with scratch_database() as url, _sealer(url) as (sealer, _):
            for number in range(self.warm_up + self.rounds):
                journeys.fill(url, self.events, progress, first=number * self.events)
                progress(f"round {number + 1 - self.warm_up} of {self.rounds}")
                began = time.perf_counter()
                sealer.seal_now()
                rates.append(self.events / (time.perf_counter() - began))
        return Result([median_figure("sealed", rates[self.warm_up :], "events/s")])


@dataclass(frozen=True)
class VerifyLog(Benchmark):
    name = "verify"
    about = "every event of a sealed log hashed again, held against every seal inside and outside"
    target = "a million events in well under a minute"
    short = MappingProxyType({"events": 4_000, "rounds": 2})

    events: int = MILLION
    processes: int = 2
    rounds: int = 3
    warm_up: int = 1

    def run(self, progress: Progress) -> Result:
        with scratch_database() as url, _sealer(url) as (sealer, store):
            journeys.fill(url, self.events, progress)
            progress("sealing")
            sealer.seal_now()

            def prove() -> None:
                verdict = verify(url, sealer.seals, store, [KEY.public], datetime.now(UTC), processes=self.processes)
                assert verdict.holds, list(verdict.findings)
                assert verdict.sealed == self.events

            timed(prove, self.warm_up)
            progress("verifying")
            seconds = [milliseconds / 1000 for milliseconds in timed(prove, self.rounds)]
        wanted = WANTED_SECONDS if self.events >= MILLION else None
        return Result([median_figure("verified", seconds, "s", at_most=wanted)])


@contextmanager
def _sealer(url: str) -> Iterator[tuple[Sealer, SealStore]]:
    folder = Path(mkdtemp(prefix="ledger-benchmark-seals-"))
    try:
        with closing(PostgresRecorder(url)) as recorder, open_pool(url, ConnectionSettings(role=SEAL_ROLE)) as pool:
            store = SealStore(str(folder / "seals"))
            yield Sealer(pool, recorder, KEY, store), store
    finally:
        rmtree(folder, ignore_errors=True)
