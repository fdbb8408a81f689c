"""What a database holds, looked at by its superuser: every column of every table, as text."""

from collections.abc import Iterator

import psycopg
from psycopg.sql import SQL, Identifier

PERSON = "ledger.person"


def places_with(url: str, *texts: str) -> set[str]:
    """The columns in which one of these texts can be read, whatever its case: `schema.table.column`."""
    with psycopg.connect(url) as connection:
        found = set()
        for schema, table, column in columns(connection):
            statement = SQL(
                "SELECT 1 FROM {table} WHERE EXISTS ("
                "SELECT FROM unnest(%s::text[]) AS wanted WHERE strpos(lower({column}::text), lower(wanted)) > 0) LIMIT 1"
            ).format(table=Identifier(schema, table), column=Identifier(column))
            if connection.execute(statement, [list(texts)]).fetchone():
                found.add(f"{schema}.{table}.{column}")
    return found


def columns(connection: psycopg.Connection) -> Iterator[tuple[str, str, str]]:
    found = connection.execute(
        "SELECT table_schema, table_name, column_name FROM information_schema.columns"
        " WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2, ordinal_position"
    ).fetchall()
    assert len(found) > 100
    yield from found


def content(url: str, table: str, but: str | None = None) -> list[str]:
    """A table's rows as PostgreSQL writes them, sorted; without one column."""
    schema, name = table.split(".")
    with psycopg.connect(url) as connection:
        kept = [column for *place, column in columns(connection) if place == [schema, name] and column != but]
        statement = SQL("SELECT ROW({columns})::text FROM {table} ORDER BY 1").format(
            columns=SQL(", ").join(map(Identifier, kept)), table=Identifier(schema, name)
        )
        return [row for (row,) in connection.execute(statement)]


def tables(url: str, schema: str) -> list[str]:
    with psycopg.connect(url) as connection:
        found = {f"{place}.{name}" for place, name, _ in columns(connection) if place == schema}
    return sorted(found)
