"""Rebuild the read models from the log with nobody noticing: beside the live ones, compared row by row, swapped in one transaction.

The live ones are kept up meanwhile. The old ones stay as `read_model_previous` until the next rebuild, for an instant way back
(`roll_back`). Readers never see a half-built table nor an older state, and nothing but read models is touched: a rebuild has no
side effects. One that was stopped is gone on with by the next, if it is the same code. There is one place to build in, so all
that is done here is done by one at a time.

    MigratedMeanwhileError   a migration has changed the live ones while the others were being made ready
    NothingToRollBackError   there are no previous read models, or a migration has changed the live ones since
    RebuildRunningError      somebody else rebuilds, compares or rolls back the read models of this database
    ReadersInTheWayError     readers hold the live ones without a pause; all is ready for the next try
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psycopg
from psycopg_pool import ConnectionPool

from ledger.event_log import EventLog
from ledger.named_queries import named_queries
from projections import next_copy
from projections.comparing import Difference, differences
from projections.filling import database_of, fill
from projections.finishing import add_up, complete
from projections.next_copy import NEXT_SCHEMA, Begun, has_live_shape
from projections.projector import Projector

__all__ = [
    "Difference",
    "MigratedMeanwhileError",
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
SWAPS = {NEXT_SCHEMA: "swap", PREVIOUS_SCHEMA: "swap_back"}
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


class MigratedMeanwhileError(Exception):
    def __init__(self) -> None:
        super().__init__("a migration has changed the read models meanwhile; they stay, so try again")


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
    Raises RebuildRunningError, ReadersInTheWayError, MigratedMeanwhileError, FillingStoppedError; ProjectionStoppedError if the
    log holds an event that cannot be digested. The live read models stay then.
    """
    with _alone(pool) as session:
        stopped = None if anew else _stopped(pool, log)
        next_ones = _replay_beside(pool, log, on_progress, processes, stopped, session)
        found = differences(pool, next_ones)
        return RebuildResult(_swap(pool, log, NEXT_SCHEMA, session), found)


def compare_with_replay(
    pool: ConnectionPool, log: EventLog, on_progress: OnProgress = lambda _: None
) -> list[Difference]:
    """Replay the log from zero beside the live read models, and name the first rows that differ. Changes nothing.

    A rebuild that was stopped has begun with that: it is gone on with, and its tables stay for the next. Raises as `rebuild` does.
    """
    with _alone(pool) as session:
        stopped = _stopped(pool, log)
        found = differences(pool, _replay_beside(pool, log, on_progress, None, stopped, session))
        if stopped is None:
            with pool.connection() as connection, connection.transaction():
                next_copy.drop(connection)
    return found


def roll_back(pool: ConnectionPool, log: EventLog) -> int:
    """Bring the previous read models up to date and back, and keep the newer ones in their place. Returns the position.

    Raises NothingToRollBackError, RebuildRunningError, ReadersInTheWayError, MigratedMeanwhileError, ProjectionStoppedError.
    """
    with _alone(pool) as session:
        with pool.connection() as connection:
            if not has_live_shape(connection, PREVIOUS_SCHEMA):
                raise NothingToRollBackError
        return _swap(pool, log, PREVIOUS_SCHEMA, session)


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


def _stopped(pool: ConnectionPool, log: EventLog) -> Begun | None:
    """What can be gone on with; not what is ahead of the live ones."""
    target = Projector(pool, log).position()
    with pool.connection() as connection:
        begun = next_copy.begun(connection)
    return begun if begun is not None and max(begun.positions) <= target else None


def _replay_beside(
    pool: ConnectionPool,
    log: EventLog,
    on_progress: OnProgress,
    processes: int | None,
    stopped: Begun | None,
    session: psycopg.Connection,
) -> Projector:
    """The next read models, not far from where the live ones are, and not beyond.

    Once the session with the lock is lost, somebody else may have begun in the same place: the next step is not taken any more.
    Raises psycopg.OperationalError then.
    """

    def while_alone(position: int) -> None:
        session.execute(QUERIES["still_there"])
        on_progress(position)

    live = Projector(pool, log)
    target = live.position()
    if stopped is None:
        shares = processes or max(1, min(os.cpu_count() or 1, MOST_PROCESSES, target // EVENTS_WORTH_A_PROCESS))
        with pool.connection() as connection, connection.transaction():
            next_copy.begin(connection, shares)
        stopped = Begun([0] * shares, is_finished=False)
    if not stopped.is_finished:
        shares = len(stopped.positions)
        if target:
            fill(pool, log, shares, target, while_alone)
        complete(pool, shares)
        session.execute(QUERIES["still_there"])
        add_up(pool, shares)
    next_ones = Projector(pool, log, [NEXT_SCHEMA])
    if target:
        next_ones.catch_up(live.position(), while_alone)
    return next_ones


def _swap(pool: ConnectionPool, log: EventLog, schema: str, session: psycopg.Connection) -> int:
    """Not before these tables are up to date; and quickly: whoever reads meanwhile waits for that long. Returns their position.

    Not at all if the session with the lock is lost: somebody else may have begun since. Raises psycopg.OperationalError then.
    """
    newcomer, query = Projector(pool, log, [schema]), QUERIES[SWAPS[schema]]
    for _ in range(SWAP_TRIES):
        newcomer.catch_up()
        try:
            with pool.connection() as connection, connection.transaction():
                connection.execute(QUERIES["hold_migrations"])
                if not has_live_shape(connection, schema):
                    raise MigratedMeanwhileError
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
