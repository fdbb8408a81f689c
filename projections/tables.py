"""Rows in and out of PostgreSQL, set-wise: one statement a table, however many rows.

Table names are not qualified: the transaction's search_path says which copy of the read models is meant (`use_schema`).
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from functools import cache
from operator import attrgetter
from typing import Any, LiteralString, NamedTuple, TypeVar

import orjson
from psycopg import Connection
from psycopg.rows import TupleRow, class_row
from psycopg.sql import SQL, Identifier

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
    connection.execute(_statements(ProgramRow).insert_unless_there, [_json([first])])
    with connection.cursor(row_factory=class_row(ProgramRow)) as cursor:
        return cursor.execute(_statements(ProgramRow).claim).fetchone()


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
                self._connection.execute(_statements(kind).upsert, [_json(changed)])
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
        with self._connection.cursor(row_factory=class_row(kind)) as cursor:
            loaded = {getattr(row, kind.key): row for row in cursor.execute(_statements(kind).select, [missing])}
        rows.update(loaded)
        self._found[kind].update(loaded)
        return list(loaded.values())


class _Statements(NamedTuple):
    """Of one table."""

    claim: bytes
    select: bytes
    insert_unless_there: bytes
    upsert: bytes


def _statements(kind: type[Row]) -> _Statements:
    return _put_together(kind.table, kind.key, tuple(kind.columns()))


@cache
def _put_together(table: str, key: str, columns: Sequence[str]) -> _Statements:
    """Once for each table: to do it for every event took a quarter of a small batch's time."""
    names = {
        "table": Identifier(table),
        "key": Identifier(key),
        "columns": SQL(", ").join(map(Identifier, columns)),
        "changes": SQL(", ").join(
            SQL("{column} = excluded.{column}").format(column=Identifier(column)) for column in columns if column != key
        ),
    }
    insert: LiteralString = (
        "INSERT INTO {table} ({columns}) SELECT {columns} FROM jsonb_populate_recordset(NULL::{table}, %s::jsonb)"
    )
    return _Statements(
        claim=SQL("SELECT {columns} FROM {table} FOR UPDATE SKIP LOCKED").format(**names).as_bytes(),
        select=SQL("SELECT {columns} FROM {table} WHERE {key} = ANY (%s)").format(**names).as_bytes(),
        insert_unless_there=SQL(insert + " ON CONFLICT DO NOTHING").format(**names).as_bytes(),
        upsert=SQL(insert + " ON CONFLICT ({key}) DO UPDATE SET {changes}").format(**names).as_bytes(),
    )


def _json(rows: Collection[Row]) -> str:
    return orjson.dumps(list(rows), default=_plain).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, Payout):
        return orjson.Fragment(value.model_dump_json())
    raise TypeError(f"{type(value).__name__} has no place in a read model's row")
