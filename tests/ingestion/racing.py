"""Processes that race: each with its own recorder on the same PostgreSQL, all let go at the same moment."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from threading import BrokenBarrierError
from typing import Any, TypeVar

from ledger.event_log import ConflictError, EventLog
from ledger.events import ProgramTermsSet
from ledger.ingestion import Ingestion
from ledger.lifecycle import parse_fact
from ledger.set_terms import set_terms
from ledger.store import PostgresRecorder
from tests.ingestion.names import Names
from tests.rules.vocabulary import minute

RACERS = 8
T = TypeVar("T")
Outcome = tuple[str, str | None]

_start: Any = None  # in each racing process: the barrier at which it waits for the others


class Race:
    """So many processes, ready to start. One job each."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def run(self, job: Callable[..., T], url: str, shares: Sequence[object]) -> list[T]:
        """What the job gives for each share. Raises what a process raised, TimeoutError if one hangs."""
        assert len(shares) == RACERS
        running = [self._pool.submit(_on_the_mark, job, url, share) for share in shares]
        try:
            return [future.result(timeout=40) for future in running]
        except TimeoutError:
            for process in list(self._pool._processes.values()):  # or the end of the tests would wait for it, too
                process.kill()
            raise


@contextmanager
def racers() -> Iterator[Race]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])  # eight processes, one import
    barrier = context.Barrier(RACERS)
    with ProcessPoolExecutor(RACERS, context, initializer=_get_ready, initargs=(barrier,)) as pool:
        yield Race(pool)


def _get_ready(barrier: Any) -> None:
    globals()["_start"] = barrier


def _on_the_mark(job: Callable[[EventLog, Any], T], url: str, share: object) -> T:
    recorder = PostgresRecorder(url, read_pool_size=2)
    try:
        recorder.head()  # connected
        _start.wait(timeout=30)
        return job(EventLog(recorder), share)
    except BrokenBarrierError:
        raise TimeoutError("not all processes came to the start") from None
    finally:
        recorder.close()


def ingest(log: EventLog, share: tuple[int, list[Any]]) -> list[Outcome]:
    """Deliver (size of a batch, deliveries); the outcome of each."""
    size, deliveries = share
    ingestion = Ingestion(log, Names())
    outcomes: list[Outcome] = []
    for place in range(0, len(deliveries), size):
        facts = [parse_fact(item) for item in deliveries[place : place + size]]
        outcomes += [(receipt.outcome, receipt.reason) for receipt in ingestion.ingest(facts, "tests")]
    return outcomes


def change_terms(log: EventLog, terms: ProgramTermsSet) -> int | None:
    """Try until these terms are recorded; the position at which they are."""
    for _ in range(1000):
        with suppress(ConflictError):
            return set_terms(log, terms, actor="tests", now=minute(0))
    raise TimeoutError("others keep changing the terms")


def ingest_or_change_terms(log: EventLog, share: tuple[int, list[Any]] | list[ProgramTermsSet]) -> list[Outcome]:
    """One process changes the terms again and again while the others ingest."""
    if isinstance(share, tuple):
        return ingest(log, share)
    for terms in share:
        change_terms(log, terms)
    return []
