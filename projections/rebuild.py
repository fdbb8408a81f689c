"""Rebuild the read models from the log with nobody noticing: beside the live ones, compared row by row, swapped in one transaction.

The live ones are kept up meanwhile. The old ones stay as `read_model_previous` until the next rebuild, for an instant way back
(`roll_back`). Readers never see a half-built table nor an older state, and nothing but read models is touched: a rebuild has no
side effects. One that was stopped is gone on with by the next, if it is the same code. There is one place to build in, so all
that is done here is done by one at a time.

    NothingToRollBackError   there are no previous read models, or a migration has changed the live ones since
    RebuildRunningError      somebody else rebuilds, compares or rolls back the read models of this database
    ReadersInTheWayError     readers hold the live ones without a pause; all is ready for the next try
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg_pool import ConnectionPool

from ledger.event_log import EventLog
from ledger.named_queries import named_queries
from projections import next_copy
from projections.comparing import Difference, differences
from projections.filling import database_of, fill
from projections.finishing import finish
from projections.next_copy import NEXT_SCHEMA, Begun
from projections.projector import Projector

__all__ = [
    "Difference",
    "NothingToRollBackError",
    "ReadersInTheWayError",
    "RebuildResult",
    "RebuildRunningError",
    "compare_with_replay",
    "rebuild",
    "roll_back",
]

QUERIES = named_queries("projections", "rebuild.sql")
PREVIOUS_SCHEMA = "read_model_previous"
EVENTS_WORTH_A_PROCESS = 50_000
MOST_PROCESSES = 8
SWAP_TRIES = 25
SECONDS_BETWEEN_SWAP_TRIES = 0.2

OnProgress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class RebuildResult:
    """`differences` holds the first few; none means that the live read models were what the log says."""

    position: int
    differences: list[Difference]


class NothingToRollBackError(Exception):
    def __init__(self) -> None:
        super().__init__("there are no previous read models of this release's shape to go back to")


class RebuildRunningError(Exception):
    def __init__(self) -> None:
        super().__init__(
            "the read models are being rebuilt or checked by somebody else just now; try again when that is done"
        )


class ReadersInTheWayError(Exception):
    def __init__(self) -> None:
        super().__init__(
            f"readers held the read models in each of {SWAP_TRIES} tries to swap them; all is ready, so try again"
        )


def rebuild(
    pool: ConnectionPool,
    log: EventLog,
    on_progress: OnProgress = lambda _: None,
    *,
    processes: int | None = None,
    anew: bool = False,
) -> RebuildResult:
    """Rebuild, compare, swap. `pool` connects as the owner of the read models; `on_progress` gets each position reached.

    `processes`: how many fold the log at once; None: as many as are worth it. `anew`: do not go on with what was stopped.
    Raises RebuildRunningError, ReadersInTheWayError, FillingStoppedError; ProjectionStoppedError if the log holds an event that
    cannot be digested. The live read models stay then.
    """
    with _alone(pool) as session:
        next_ones = _replay_beside(pool, log, on_progress, processes=processes, anew=anew)
        found = differences(pool, next_ones)
        return RebuildResult(_swap(pool, next_ones, QUERIES["swap"], session), found)


def compare_with_replay(
    pool: ConnectionPool, log: EventLog, on_progress: OnProgress = lambda _: None, *, processes: int | None = None
) -> list[Difference]:
    """Replay the log from zero beside the live read models, and name the first rows that differ. Changes nothing.

    Raises as `rebuild` does.
    """
    with _alone(pool):
        found = differences(pool, _replay_beside(pool, log, on_progress, processes=processes, anew=True))
        with pool.connection() as connection, connection.transaction():
            next_copy.drop(connection)
    return found


def roll_back(pool: ConnectionPool, log: EventLog) -> int:
    """Bring the previous read models up to date and back, and keep the newer ones in their place. Returns the position.

    Raises NothingToRollBackError, RebuildRunningError, ReadersInTheWayError, ProjectionStoppedError.
    """
    with _alone(pool) as session:
        with pool.connection() as connection:
            row = connection.execute(QUERIES["has_previous"]).fetchone()
        if row is None or not row[0]:
            raise NothingToRollBackError
        return _swap(pool, Projector(pool, log, [PREVIOUS_SCHEMA]), QUERIES["swap_back"], session)


@contextmanager
def _alone(pool: ConnectionPool) -> Iterator[psycopg.Connection]:
    """The lock is that of a session, so it is gone with whoever held it; and not of the pool's, which the work needs.

    Gives the session: as long as it answers, nobody else is at work.
    """
    with psycopg.connect(database_of(pool), autocommit=True) as session:
        row = session.execute(QUERIES["try_lock"]).fetchone()
        if row is None or not row[0]:
            raise RebuildRunningError
        try:
            yield session
        finally:
            with suppress(psycopg.OperationalError):  # gone, and the lock with it
                session.execute(QUERIES["unlock"])


def _replay_beside(
    pool: ConnectionPool, log: EventLog, on_progress: OnProgress, *, processes: int | None, anew: bool
) -> Projector:
    """The next read models, not far from where the live ones are, and not beyond."""
    live = Projector(pool, log)
    target = live.position()
    with pool.connection() as connection, connection.transaction():
        begun = None if anew else next_copy.begun(connection)
        if begun is None or max(begun.positions) > target:
            shares = processes or max(1, min(os.cpu_count() or 1, MOST_PROCESSES, target // EVENTS_WORTH_A_PROCESS))
            next_copy.begin(connection, shares)
            begun = Begun([0] * shares, is_finished=False)
    if not begun.is_finished:
        shares = len(begun.positions)
        if target:
            fill(pool, log, shares, target, on_progress)
        finish(pool, shares)
    next_ones = Projector(pool, log, [NEXT_SCHEMA])
    if target:
        next_ones.catch_up(live.position(), on_progress)
    return next_ones


def _swap(pool: ConnectionPool, newcomer: Projector, query: LiteralString, session: psycopg.Connection) -> int:
    """Not before the newcomer is up to date; and quickly: whoever reads meanwhile waits for that long. Returns its position.

    Not at all if the session with the lock is lost: somebody else may have begun since. Raises psycopg.OperationalError then.
    """
    for _ in range(SWAP_TRIES):
        newcomer.catch_up()
        try:
            with pool.connection() as connection, connection.transaction():
                connection.execute(QUERIES["hold_live"])
                position = newcomer.catch_up()
                session.execute(QUERIES["still_there"])
                connection.execute(QUERIES["wait_little"])
                connection.execute(QUERIES["shut_readers_out"])
                connection.execute(query)
        except psycopg.errors.LockNotAvailable:
            time.sleep(SECONDS_BETWEEN_SWAP_TRIES)
        else:
            return position
    raise ReadersInTheWayError
