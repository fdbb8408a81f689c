"""Holds the live read models against a replay of the log, row by row, at one and the same position."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composed, Identifier
from psycopg_pool import ConnectionPool

from ledger.named_queries import named_queries
from projections.projector import Projector

__all__ = ["Difference", "differences"]

QUERIES = named_queries("projections", "comparing.sql")
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


def differences(pool: ConnectionPool, next_ones: Projector) -> list[Difference]:
    """The first few. The live read models go on meanwhile: they are held only until the others are at their position."""
    with _at_one_position(pool, next_ones) as snapshot:
        tables = snapshot.execute(QUERIES["key_columns"]).fetchall()
        return [found for table, key in tables for found in _compare(snapshot, table, key)][:DIFFERENCES_SHOWN]


@contextmanager
def _at_one_position(pool: ConnectionPool, next_ones: Projector) -> Iterator[Connection[TupleRow]]:
    with ExitStack() as compared:
        with pool.connection() as holding, holding.transaction():
            live = holding.execute(QUERIES["hold_live"]).fetchone()
            if live is not None:  # else no event was ever projected: then there is no row in any table
                next_ones.catch_up(until=live[0])
            snapshot = compared.enter_context(pool.connection())
            compared.enter_context(snapshot.transaction())
            snapshot.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            snapshot.execute(QUERIES["take_snapshot"])
        yield snapshot


def _compare(snapshot: Connection[TupleRow], table: str, key: list[str]) -> list[Difference]:
    """The first rows, by their key, that are not the same in both."""
    rows = snapshot.execute(_differing(table, key)).fetchall()
    return [Difference(table, live, rebuilt, tuple(key)) for live, rebuilt in rows]


def _differing(table: str, key: list[str]) -> Composed:
    return SQL(
        "SELECT CASE WHEN live.{first} IS NOT NULL THEN to_jsonb(live)::text END,"
        " CASE WHEN next.{first} IS NOT NULL THEN to_jsonb(next)::text END"
        " FROM read_model.{table} AS live FULL JOIN read_model_next.{table} AS next USING ({key})"
        " WHERE (live.*) IS DISTINCT FROM (next.*)"
        " ORDER BY {key} LIMIT {limit}"
    ).format(
        table=Identifier(table),
        first=Identifier(key[0]),
        key=SQL(", ").join(map(Identifier, key)),
        limit=DIFFERENCES_SHOWN,
    )
