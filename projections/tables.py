"""Rows in and out of PostgreSQL, set-wise: one statement a table, however many rows.

Table names are not qualified: the transaction's search_path says which copy of the read models is meant (`use_schema`).
"""

from collections import defaultdict
from collections.abc import Collection
from operator import attrgetter
from typing import Any, TypeVar

import orjson
from psycopg import Connection
from psycopg.rows import TupleRow, class_row
from psycopg.sql import SQL, Composed, Identifier

from ledger.payouts.payout import Payout
from projections import journal_tables
from projections.copying import copy_in
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

__all__ = ["LIVE_SCHEMA", "WorkingRows", "claim_program", "use_schema"]

LIVE_SCHEMA = "read_model"

RowT = TypeVar("RowT", bound=Row)


def use_schema(connection: Connection[TupleRow], *schemas: str) -> None:
    """For the rest of this transaction, the tables of this schema are meant; of several, the first that has one."""
    connection.execute(SQL("SET LOCAL search_path TO {}").format(SQL(", ").join(map(Identifier, schemas))))


def claim_program(connection: Connection[TupleRow]) -> ProgramRow | None:
    """The program's row, locked until the transaction ends: whoever has it moves the checkpoint. None: somebody else has it."""
    first = ProgramRow()
    connection.execute(_insert(ProgramRow) + SQL(" ON CONFLICT DO NOTHING"), [_json([first])])
    statement = SQL("SELECT {columns} FROM program FOR UPDATE SKIP LOCKED").format(columns=_columns(ProgramRow))
    with connection.cursor(row_factory=class_row(ProgramRow)) as cursor:
        return cursor.execute(statement).fetchone()


class WorkingRows:
    """The rows that a transaction works on: each loaded before an event looks at it, and written at the end.

    Whoever has claimed the program's row is the only one to write, so a row that was not found can be added without looking.
    """

    def __init__(self, connection: Connection[TupleRow], program: ProgramRow) -> None:
        self.model = ReadModel(program=program)
        self._connection = connection
        self._found: defaultdict[type[Row], set[object]] = defaultdict(set)
        self._found[ProgramRow].add(program.only_row)

    def load(self, keys: Keys) -> None:
        """What these keys name and is not here yet, as far as it exists."""
        model = self.model
        for payout in self._load(PayoutRow, model.payouts, keys.payouts):
            payout.state = Payout.model_validate(payout.state)
        referrals = self._load(ReferralRow, model.referrals, keys.referrals)
        self._load(InstructorRow, model.instructors, keys.instructors)
        self._load(EarningsRow, model.earnings, keys.earnings | {row.referrer_id for row in referrals})
        self._load(BankAccountRow, model.bank_accounts, keys.bank_accounts)

    def save(self) -> None:
        """Everything, and the checkpoint with it."""
        for kind, rows in self.model.tables():
            found, key = self._found[kind], attrgetter(kind.key)
            changed = [row for row in rows if key(row) in found]
            if changed:
                self._connection.execute(_upsert(kind), [_json(changed)])
            if len(changed) < len(rows):
                values = attrgetter(*kind.columns())
                added = [values(row) for row in rows if key(row) not in found]
                copy_in(self._connection, kind.table, kind.columns(), added)
        if self.model.journal is not None:
            journal_tables.add(self._connection, self.model.journal)

    def _load(self, kind: type[RowT], rows: dict[str, RowT], keys: Collection[str]) -> list[RowT]:
        missing = [key for key in keys if key not in rows]
        if not missing:
            return []
        statement = SQL("SELECT {columns} FROM {table} WHERE {key} = ANY (%s)").format(
            columns=_columns(kind), table=Identifier(kind.table), key=Identifier(kind.key)
        )
        with self._connection.cursor(row_factory=class_row(kind)) as cursor:
            loaded = {getattr(row, kind.key): row for row in cursor.execute(statement, [missing])}
        rows.update(loaded)
        self._found[kind].update(loaded)
        return list(loaded.values())


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
        return orjson.Fragment(value.model_dump_json())
    raise TypeError(f"{type(value).__name__} has no place in a read model's row")
