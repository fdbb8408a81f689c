"""Rows in and out of PostgreSQL, set-wise: one statement a table, however many rows.

Table names are not qualified: the transaction's search_path says which copy of the read models is meant (`use_schema`).
"""

from collections.abc import Collection
from typing import Any, TypeVar

import orjson
from psycopg import Connection
from psycopg.rows import TupleRow, class_row
from psycopg.sql import SQL, Composed, Identifier

from ledger.payouts.payout import Payout
from projections import journal_tables
from projections.fold import Keys
from projections.rows import (
    BankAccountRow,
    EarningsRow,
    InstructorRow,
    PayoutRow,
    ProgramRow,
    ReadModel,
    ReferralRow,
    Row,
)

LIVE_SCHEMA = "read_model"

RowT = TypeVar("RowT", bound=Row)


def use_schema(connection: Connection[TupleRow], schema: str) -> None:
    """For the rest of this transaction, the tables of this schema are meant."""
    connection.execute(SQL("SET LOCAL search_path TO {}").format(Identifier(schema)))


def claim_program(connection: Connection[TupleRow]) -> ProgramRow | None:
    """The program's row, locked until the transaction ends: whoever has it moves the checkpoint. None: somebody else has it."""
    first = ProgramRow()
    connection.execute(_insert(ProgramRow) + SQL(" ON CONFLICT DO NOTHING"), [_json([first])])
    statement = SQL("SELECT {columns} FROM program FOR UPDATE SKIP LOCKED").format(columns=_columns(ProgramRow))
    with connection.cursor(row_factory=class_row(ProgramRow)) as cursor:
        return cursor.execute(statement).fetchone()


def load(connection: Connection[TupleRow], program: ProgramRow, keys: Keys) -> ReadModel:
    """The rows that these keys name, as far as they exist."""
    model = ReadModel(program=program)
    model.payouts = _load(connection, PayoutRow, keys.payouts)
    for row in model.payouts.values():
        row.state = Payout.model_validate(row.state)
    model.referrals = _load(connection, ReferralRow, keys.referrals)
    referrals = model.referrals.values()
    model.instructors = _load(connection, InstructorRow, keys.instructors | {row.referred_id for row in referrals})
    model.earnings = _load(connection, EarningsRow, keys.earnings | {row.referrer_id for row in referrals})
    model.bank_accounts = _load(connection, BankAccountRow, keys.bank_accounts)
    return model


def save(connection: Connection[TupleRow], model: ReadModel) -> None:
    """Write every row, and the checkpoint with them."""
    for kind, rows in model.tables():
        if rows:
            connection.execute(_upsert(kind), [_json(rows)])
    if model.journal is not None:
        journal_tables.add(connection, model.journal)


def _load(connection: Connection[TupleRow], kind: type[RowT], keys: Collection[str]) -> dict[str, RowT]:
    if not keys:
        return {}
    statement = SQL("SELECT {columns} FROM {table} WHERE {key} = ANY (%s)").format(
        columns=_columns(kind), table=Identifier(kind.table), key=Identifier(kind.key)
    )
    with connection.cursor(row_factory=class_row(kind)) as cursor:
        return {getattr(row, kind.key): row for row in cursor.execute(statement, [list(keys)])}


def _columns(kind: type[Row]) -> Composed:
    return SQL(", ").join(Identifier(column) for column in kind.columns())


def _insert(kind: type[Row]) -> Composed:
    return SQL(
        "INSERT INTO {table} ({columns}) SELECT {columns} FROM jsonb_populate_recordset(NULL::{table}, %s::jsonb)"
    ).format(table=Identifier(kind.table), columns=_columns(kind))


def _upsert(kind: type[Row]) -> Composed:
    changes = SQL(", ").join(
        SQL("{column} = excluded.{column}").format(column=Identifier(column))
        for column in kind.columns()
        if column != kind.key
    )
    conflict = SQL(" ON CONFLICT ({key}) DO UPDATE SET {changes}").format(key=Identifier(kind.key), changes=changes)
    return _insert(kind) + conflict


def _json(rows: Collection[Row]) -> str:
    return orjson.dumps(list(rows), default=_plain).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, Payout):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} has no place in a read model's row")
