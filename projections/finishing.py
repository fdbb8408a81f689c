"""Makes the next read models, once the log is in them, what the live ones are: keys, indexes, statistics, grants, whole sums."""

import asyncio
from collections.abc import Collection, Sequence

from psycopg import AsyncConnection, Connection
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composed, Identifier
from psycopg_pool import ConnectionPool

from projections import next_copy
from projections.filling import database_of
from projections.next_copy import ADDED_UP, NEXT_SCHEMA, QUERIES

__all__ = ["add_up", "complete"]

SORT_MEGABYTES = 256
"""Of memory for the indexes of all tables that are completed at the same time."""


def complete(pool: ConnectionPool, shares: int) -> None:
    """The tables that all shares have filled, as many at a time as there were shares.

    If it is stopped, the next time goes on from the tables that are complete.
    """
    with pool.connection() as connection:
        tables = [table for (table,) in connection.execute(QUERIES["filled"], {"added_up": [*ADDED_UP]}).fetchall()]
        completing = [_completing(connection, table) for table in tables]
    asyncio.run(_complete(database_of(pool), completing, shares))


def add_up(pool: ConnectionPool, shares: int) -> None:
    """The tables of which each share has its own; then the next read models are finished."""
    with pool.connection() as connection, connection.transaction():
        for table, (key, summed) in ADDED_UP.items():
            connection.execute(_added_up(connection, table, key, summed, shares))
            for statement in _completing(connection, table):
                connection.execute(statement)
        connection.execute(QUERIES["grant_next"])
        connection.execute(QUERIES["note_finished"])
        next_copy.drop_shares(connection)


def _completing(connection: Connection[TupleRow], table: str) -> list[bytes]:
    """The statements that make a table complete."""
    made = [
        statement.encode()
        for what in ("constraints", "indexes")
        for (statement,) in connection.execute(QUERIES[what], {"tables": [table]}).fetchall()
    ]
    return [*made, SQL("ANALYZE {}").format(Identifier(NEXT_SCHEMA, table)).as_bytes()]


async def _complete(database: str, completing: Sequence[Sequence[bytes]], at_a_time: int) -> None:
    """Each table in a transaction of its own. Whoever stops us stops the statements under way."""
    turns = asyncio.Semaphore(at_a_time)
    memory = SQL("SET LOCAL maintenance_work_mem TO {}").format(
        f"{SORT_MEGABYTES // min(at_a_time, len(completing))}MB"
    )

    async def complete(statements: Sequence[bytes]) -> None:
        async with turns, await AsyncConnection.connect(database) as connection:
            await connection.execute(memory)
            for statement in statements:
                await connection.execute(statement)

    await asyncio.gather(*map(complete, completing))


def _added_up(
    connection: Connection[TupleRow], table: str, key: Collection[str], summed: Collection[str], shares: int
) -> Composed:
    columns = [column for (column,) in connection.execute(QUERIES["columns"], {"table": table}).fetchall()]
    values = [
        SQL("{}" if column in key else "sum({})" if column in summed else "max({})").format(Identifier(column))
        for column in columns
    ]
    parts = [
        SQL("SELECT * FROM {}").format(Identifier(next_copy.schemas_of(share)[0], table)) for share in range(shares)
    ]
    return SQL("INSERT INTO {} ({}) SELECT {} FROM ({}) AS shares GROUP BY {}").format(
        Identifier(NEXT_SCHEMA, table),
        next_copy.column_list(columns),
        SQL(", ").join(values),
        SQL(" UNION ALL ").join(parts),
        next_copy.column_list(key),
    )
