"""Fills the next read models from the log: in this process, or in several at once, each with its share of the journeys.

FillingStoppedError   a process ended without a word: killed, or out of memory
"""

import gc
import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait

from psycopg_pool import ConnectionPool

from ledger.event_log import EventLog
from ledger.store import PostgresRecorder
from ledger.store.connection import ConnectionSettings, open_pool
from projections.next_copy import schemas_of
from projections.projector import Projector
from projections.share import Share

__all__ = ["FillingStoppedError", "database_of", "fill"]

SPAWN = get_context("spawn")  # a fork would have its parent's connections


class FillingStoppedError(Exception):
    """What was filled before stays: the next rebuild goes on from there."""

    def __init__(self) -> None:
        super().__init__(
            "a process that was filling the next read models ended too early; the next rebuild goes on from there"
        )


def fill(pool: ConnectionPool, log: EventLog, shares: int, until: int, on_progress: Callable[[int], None]) -> None:
    """Up to a position of the log. `on_progress` gets how far all shares have come.

    Raises FillingStoppedError, and what Projector.catch_up raises.
    """
    if shares == 1:
        Projector(pool, log, schemas_of(0)).catch_up(until, on_progress)
        return
    with _processes(database_of(pool), shares, until) as pipes:
        reached = dict.fromkeys(pipes, 0)
        running = set(pipes)
        while running:
            for pipe in running.intersection(wait(running)):
                try:
                    said = pipe.recv()
                except EOFError:
                    running.remove(pipe)
                    continue
                if isinstance(said, Exception):
                    raise said
                reached[pipe] = said
                on_progress(min(reached.values()))
    if min(reached.values()) < until:
        raise FillingStoppedError


def database_of(pool: ConnectionPool) -> str:
    """The connection string, with all settings that the pool's connections have."""
    return pool.conninfo() if callable(pool.conninfo) else pool.conninfo


@contextmanager
def _processes(database: str, shares: int, until: int) -> Iterator[list[Pipe]]:
    """One for each share, gone at the end. Each pipe tells the positions reached, or an error; it ends with its process."""
    pipes: list[Pipe] = []
    processes = []
    try:
        for number in range(shares):
            receiver, sender = SPAWN.Pipe(duplex=False)
            arguments = (database, Share(number, shares), until, sender)
            process = SPAWN.Process(target=_fill_share, args=arguments, daemon=True)
            process.start()
            sender.close()
            pipes.append(receiver)
            processes.append(process)
        yield pipes
    finally:
        for process in processes:
            process.terminate()  # a batch under way is rolled back
            process.join()


def _fill_share(database: str, share: Share, until: int, tell: Pipe) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it reaches all processes of a terminal; whoever started us ends us
    gc.disable()  # it would look through a batch's rows again and again: they are in no cycles, so it finds nothing
    unchanged = ConnectionSettings(role=None, statement_timeout_seconds=0, idle_in_transaction_timeout_seconds=0)
    with (
        closing(PostgresRecorder(database, unchanged, only=share.condition)) as recorder,
        open_pool(database, unchanged) as pool,
    ):
        try:
            Projector(pool, EventLog(recorder), schemas_of(share.number)).catch_up(until, tell.send)
        except Exception as error:  # noqa: BLE001 - whatever it is, whoever started us raises it
            tell.send(error)
