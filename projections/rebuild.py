"""Rebuild the read models from the log: beside the live ones, compared row by row, then swapped in one transaction.

The old ones stay as `read_model_previous` until the next rebuild, for an instant way back (`roll_back`). Readers never see
a half-built table, and nothing but read models is touched: a rebuild has no side effects. There is one place to build in,
so all that is done here is done by one at a time.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier
from psycopg_pool import ConnectionPool

from ledger.event_log import EventLog
from ledger.named_queries import named_queries
from projections.projector import BATCH_SIZE, Projector

QUERIES = named_queries("projections", "rebuild.sql")
NEXT_SCHEMA = "read_model_next"
DIFFERENCES_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that the live read models and the rebuilt ones do not agree on, as JSON. None: missing there.

    `key`: the names of its key's columns.
    """

    table: str
    live: str | None
    rebuilt: str | None
    key: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RebuildResult:
    """`differences` holds the first few; none means that the live read models were what the log says."""

    position: int
    differences: list[Difference]


class NothingToRollBackError(Exception):
    """There are no previous read models, or a migration has changed the live ones since."""

    def __init__(self) -> None:
        super().__init__("there are no previous read models of this release's shape to go back to")


class RebuildRunningError(Exception):
    """Somebody else rebuilds, compares or rolls back the read models of this database."""

    def __init__(self) -> None:
        super().__init__(
            "the read models are being rebuilt or checked by somebody else just now; try again when that is done"
        )


def rebuild(pool: ConnectionPool, log: EventLog, on_progress: Callable[[int], None] = lambda _: None) -> RebuildResult:
    """Rebuild, compare, swap. `pool` connects as the owner of the read models; `on_progress` gets each position reached.

    Raises RebuildRunningError; ProjectionStoppedError if the log holds an event that cannot be digested; the live read models
    stay then.
    """
    with _alone(pool):
        projector = _replay_beside(pool, log, on_progress)
        with pool.connection() as connection, connection.transaction():
            differences = _compare_held(connection, projector)
            position = projector.catch_up()
            connection.execute(QUERIES["swap"])
    return RebuildResult(position, differences)


def compare_with_replay(
    pool: ConnectionPool, log: EventLog, on_progress: Callable[[int], None] = lambda _: None
) -> list[Difference]:
    """Replay the log from zero beside the live read models, and name the first rows that differ. Changes nothing.

    Raises as `rebuild` does.
    """
    with _alone(pool):
        projector = _replay_beside(pool, log, on_progress)
        with pool.connection() as connection, connection.transaction():
            differences = _compare_held(connection, projector)
            connection.execute(QUERIES["drop_next"])
    return differences


def roll_back(pool: ConnectionPool) -> None:
    """Bring the previous read models back; the projector takes them on from where they were.

    Raises NothingToRollBackError, RebuildRunningError.
    """
    with _alone(pool), pool.connection() as connection, connection.transaction():
        row = connection.execute(QUERIES["has_previous"]).fetchone()
        if row is None or not row[0]:
            raise NothingToRollBackError
        connection.execute(QUERIES["swap_back"])


@contextmanager
def _alone(pool: ConnectionPool) -> Iterator[None]:
    """The lock is that of a session, so it is gone with whoever held it; and not of the pool's, which the work needs."""
    database = pool.conninfo() if callable(pool.conninfo) else pool.conninfo
    with psycopg.connect(database, autocommit=True) as session:
        row = session.execute(QUERIES["try_lock"]).fetchone()
        if row is None or not row[0]:
            raise RebuildRunningError
        try:
            yield
        finally:
            session.execute(QUERIES["unlock"])


def _replay_beside(pool: ConnectionPool, log: EventLog, on_progress: Callable[[int], None]) -> Projector:
    with pool.connection() as connection, connection.transaction():
        connection.execute(QUERIES["drop_next"])
        connection.execute(QUERIES["create_next"])
        for (table,) in connection.execute(QUERIES["tables"]).fetchall():
            connection.execute(
                SQL("CREATE TABLE read_model_next.{table} (LIKE read_model.{table} INCLUDING ALL)").format(
                    table=Identifier(table)
                )
            )
        connection.execute(QUERIES["grant_next"])
    projector = Projector(pool, log, NEXT_SCHEMA)
    target = Projector(pool, log).position()
    reached = 0
    while reached < target:
        reached = projector.catch_up(until=min(target, reached + BATCH_SIZE))
        on_progress(reached)
    return projector


def _compare_held(connection: Connection[TupleRow], projector: Projector) -> list[Difference]:
    """Hold the live read models still, bring the replay to exactly their position, and compare every table."""
    live = connection.execute(QUERIES["hold_live"]).fetchone()
    if live is not None:  # else no event was ever projected: then there is no row in any table
        projector.catch_up(until=live[0])
    tables = [table for (table,) in connection.execute(QUERIES["tables"]).fetchall()]
    return [difference for table in tables for difference in _compare(connection, table)][:DIFFERENCES_SHOWN]


def _compare(connection: Connection[TupleRow], table: str) -> list[Difference]:
    """The first rows, by their key, that are not the same in both."""
    key = [column for (column,) in connection.execute(QUERIES["key_columns"], {"table": table}).fetchall()]
    statement = SQL(
        "SELECT to_jsonb(live)::text, to_jsonb(next)::text"
        " FROM read_model.{table} AS live FULL JOIN read_model_next.{table} AS next USING ({key})"
        " WHERE to_jsonb(live) IS DISTINCT FROM to_jsonb(next)"
        " ORDER BY {key} LIMIT {limit}"
    ).format(table=Identifier(table), key=SQL(", ").join(map(Identifier, key)), limit=DIFFERENCES_SHOWN)
    return [Difference(table, live, rebuilt, tuple(key)) for live, rebuilt in connection.execute(statement)]
