"""The tables of the next read models: begun, and found again after a stop (`finishing` makes them what the live ones are).

Each share of the log (`share`) fills the same tables, except those that add up over all of it: of these it has its own, with
its own checkpoint, in a schema of its own that its search_path names first.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composed, Identifier

import ledger
import projections
from ledger.named_queries import named_queries
from projections.journal_rows import DayKey
from projections.rows import BankAccountRow, EarningsRow, InstructorRow, PayoutRow, ProgramRow, ReferralRow, Sums

__all__ = [
    "ADDED_UP",
    "NEXT_SCHEMA",
    "QUERIES",
    "Begun",
    "begin",
    "begun",
    "column_list",
    "drop",
    "drop_shares",
    "has_live_shape",
    "schemas_of",
]

QUERIES = named_queries("projections", "next_copy.sql")
NEXT_SCHEMA = "read_model_next"

LOOKED_UP = [kind.table for kind in (InstructorRow, ReferralRow, PayoutRow, BankAccountRow)]
"""Filled by key. All other keys and indexes are made when the tables are full, which is much less work."""

ADDED_UP = {
    ProgramRow.table: ([ProgramRow.key], [*Sums.columns(), "founding_bonuses", "standard_bonuses"]),
    EarningsRow.table: ([EarningsRow.key], Sums.columns()),
    "journal_day": (list(DayKey._fields), ["debit_minor", "credit_minor"]),
}
"""Key, and what is summed. Of the rest the largest counts; what concerns no journey is the same in every share."""


@dataclass(frozen=True, slots=True)
class Begun:
    """`positions`: how far each share has come. `is_finished`: they are added up already."""

    positions: Sequence[int]
    is_finished: bool


def schemas_of(share: int) -> tuple[str, str]:
    return f"{NEXT_SCHEMA}_{share}", NEXT_SCHEMA


def begin(connection: Connection[TupleRow], shares: int) -> None:
    """Empty tables, whatever was there."""
    drop(connection)
    connection.execute(QUERIES["create_next"])
    connection.execute(QUERIES["note_begun"], {"code": _code(), "shares": shares})
    for (table,) in connection.execute(QUERIES["tables"]).fetchall():
        _make(connection, NEXT_SCHEMA, table)
    for (statement,) in connection.execute(QUERIES["constraints"], {"tables": LOOKED_UP}).fetchall():
        connection.execute(statement)
    for own, _ in map(schemas_of, range(shares)):
        connection.execute(SQL("CREATE SCHEMA {}").format(Identifier(own)))
        for table, (key, _) in ADDED_UP.items():
            _make(connection, own, table)
            connection.execute(
                SQL("ALTER TABLE {} ADD PRIMARY KEY ({})").format(Identifier(own, table), column_list(key))
            )


def begun(connection: Connection[TupleRow]) -> Begun | None:
    """What this very code began before; None: nothing, or in tables of another shape."""
    row = connection.execute(QUERIES["is_begun"]).fetchone()
    if row is None or not row[0]:
        return None
    code, shares, is_finished = connection.execute(QUERIES["begun"]).fetchone() or ("", 0, False)
    if code != _code() or (is_finished and not has_live_shape(connection, NEXT_SCHEMA)):
        return None
    programs = [(NEXT_SCHEMA, ProgramRow.table)]
    if not is_finished:
        programs = [(own, ProgramRow.table) for own, _ in map(schemas_of, range(shares))]
    rows = [
        connection.execute(SQL("SELECT position FROM {}").format(Identifier(*each))).fetchone() for each in programs
    ]
    return Begun([row[0] if row else 0 for row in rows], is_finished)


def has_live_shape(connection: Connection[TupleRow], schema: str) -> bool:
    """Whether a complete copy could take the place of the live tables: no migration has changed them since it was made."""
    row = connection.execute(QUERIES["has_live_shape"], {"schema": schema}).fetchone()
    return row is not None and bool(row[0])


def drop(connection: Connection[TupleRow]) -> None:
    connection.execute(QUERIES["drop_next"])
    drop_shares(connection)


def drop_shares(connection: Connection[TupleRow]) -> None:
    for (schema,) in connection.execute(QUERIES["share_schemas"]).fetchall():
        connection.execute(SQL("DROP SCHEMA {} CASCADE").format(Identifier(schema)))


def _make(connection: Connection[TupleRow], schema: str, table: str) -> None:
    statement = SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL EXCLUDING INDEXES)")
    connection.execute(statement.format(Identifier(schema, table), Identifier("read_model", table)))


def column_list(columns: Collection[str]) -> Composed:
    return SQL(", ").join(map(Identifier, columns))


def _code() -> str:
    """Of all that folds: rows that other code wrote are not gone on with."""
    running = hashlib.sha256()
    for package in (ledger, projections):
        for path in sorted(Path(*package.__path__).rglob("*.*")):
            if path.suffix in (".py", ".sql"):
                running.update(path.read_bytes())
    return running.hexdigest()
