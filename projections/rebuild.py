"""Rebuild the read models from the log: beside the live ones, compared row by row, then swapped in one transaction.

The old ones stay as `read_model_previous` until the next rebuild, for an instant way back (`roll_back`). Readers never see
a half-built table, and nothing but read models is touched: a rebuild has no side effects.
"""

from collections.abc import Callable
from dataclasses import dataclass

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
    """A row that the live read models and the rebuilt ones do not agree on. None: missing there."""

    table: str
    live: str | None
    rebuilt: str | None


@dataclass(frozen=True, slots=True)
class RebuildResult:
    """`differences` holds the first few; none means that the live read models were what the log says."""

    position: int
    differences: list[Difference]


class NothingToRollBackError(Exception):
    """There are no previous read models, or a migration has changed the live ones since."""

    def __init__(self) -> None:
        super().__init__("there are no previous read models of this release's shape to go back to")


def rebuild(pool: ConnectionPool, log: EventLog, on_progress: Callable[[int], None] = lambda _: None) -> RebuildResult:
    """Rebuild, compare, swap. `pool` connects as the owner of the read models; `on_progress` gets each position reached.

    Raises ProjectionStoppedError if the log holds an event that cannot be digested; the live read models stay then.
    """
    projector = _replay_beside(pool, log, on_progress)
    with pool.connection() as connection, connection.transaction():
        differences = _compare_held(connection, projector)
        position = projector.catch_up()
        connection.execute(QUERIES["swap"])
    return RebuildResult(position, differences)


def compare_with_replay(
    pool: ConnectionPool, log: EventLog, on_progress: Callable[[int], None] = lambda _: None
) -> list[Difference]:
    """Replay the log from zero beside the live read models, and name the first rows that differ. Changes nothing."""
    projector = _replay_beside(pool, log, on_progress)
    with pool.connection() as connection, connection.transaction():
        differences = _compare_held(connection, projector)
        connection.execute(QUERIES["drop_next"])
    return differences


def roll_back(pool: ConnectionPool) -> None:
    """Bring the previous read models back; the projector takes them on from where they were. Raises NothingToRollBackError."""
    with pool.connection() as connection, connection.transaction():
        row = connection.execute(QUERIES["has_previous"]).fetchone()
        if row is None or not row[0]:
            raise NothingToRollBackError
        connection.execute(QUERIES["swap_back"])


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
    if live is None:
        return []  # no event was ever projected
    projector.catch_up(until=live[0])
    tables = [table for (table,) in connection.execute(QUERIES["tables"]).fetchall()]
    return [difference for table in tables for difference in _compare(connection, table)][:DIFFERENCES_SHOWN]


def _compare(connection: Connection[TupleRow], table: str) -> list[Difference]:
    """Rows that only one of the two has. A row that differs shows up once on each side."""
    statement = SQL(
        "(SELECT to_jsonb(live)::text, NULL FROM read_model.{table} AS live"
        " EXCEPT SELECT to_jsonb(next)::text, NULL FROM read_model_next.{table} AS next)"
        " UNION ALL "
        "(SELECT NULL, to_jsonb(next)::text FROM read_model_next.{table} AS next"
        " EXCEPT SELECT NULL, to_jsonb(live)::text FROM read_model.{table} AS live)"
        " LIMIT {limit}"
    ).format(table=Identifier(table), limit=DIFFERENCES_SHOWN)
    return [Difference(table, live, rebuilt) for live, rebuilt in connection.execute(statement)]
