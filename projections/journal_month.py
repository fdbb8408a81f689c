"""One month of the books: its trial balance, and its export, which is the same to the byte whenever it is made.

The export is a CSV file: per account an `opening` row, then each `line` in the order of the log, then per account its
`turnover` and its `closing` balance. What a closed month holds never changes, so neither does this.
"""

import csv
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import DictRow, TupleRow, dict_row
from psycopg_pool import ConnectionPool

from ledger.books.accounts import Account
from ledger.events import PeriodBalance
from ledger.named_queries import named_queries
from projections.tables import LIVE_SCHEMA, use_schema

__all__ = ["COLUMNS", "MonthBooks", "MonthsOfJournal", "Turnover"]

QUERIES = named_queries("projections", "journal.sql")
LINES_AT_ONCE = 2000

COLUMNS = (
    "row",
    "period",
    "position",
    "line",
    "effective_at",
    "recorded_at",
    "event",
    "payout_id",
    "account",
    "instructor_id",
    "currency",
    "debit_minor",
    "credit_minor",
)


@dataclass(frozen=True, slots=True)
class Turnover:
    """What an account was posted with in a month: debits less credits."""

    account: Account
    currency: str
    net_minor: int


class MonthBooks:
    """A month as one view of the tables has it: `month`, and whatever lies between it and `after`, the one closed before."""

    def __init__(self, connection: Connection[TupleRow], month: str, after: str | None, position: int) -> None:
        self._connection = connection
        self._parameters = {"month": month, "after": after or ""}
        self.month = month
        self.position = position
        """What the view reflects."""

    def trial_balance(self) -> tuple[PeriodBalance, ...]:
        """In the order of the chart of accounts; accounts that nothing was ever posted to are left out."""
        with self._connection.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(QUERIES["period_balances"], self._parameters).fetchall()
        order = list(Account)
        found = [PeriodBalance.model_validate(row) for row in rows]
        return tuple(sorted(found, key=lambda each: (each.currency, order.index(each.account))))

    def entries(self) -> int:
        """How many, each of one line or more."""
        (count,) = self._connection.execute(QUERIES["period_entries"], self._parameters).fetchone() or (0,)
        return int(count)

    def digest(self) -> str:
        """SHA-256 of the export, in hexadecimal."""
        running = hashlib.sha256()
        for part in self.export():
            running.update(part)
        return running.hexdigest()

    def export(self) -> Iterator[bytes]:
        """The file in parts, in constant memory."""
        balances = self.trial_balance()
        yield _csv([COLUMNS, *(self._balance("opening", each, each.opening_minor) for each in balances)])
        with self._connection.cursor(name="period_lines", row_factory=dict_row) as cursor:
            cursor.execute(QUERIES["period_lines"], self._parameters)
            while rows := cursor.fetchmany(LINES_AT_ONCE):
                yield _csv([_line(row) for row in rows])
        yield _csv(
            [
                *(self._sum("turnover", each, each.debit_minor, each.credit_minor) for each in balances),
                *(self._balance("closing", each, each.closing_minor) for each in balances),
            ]
        )

    def _balance(self, kind: str, account: PeriodBalance, balance_minor: int) -> tuple[Any, ...]:
        return self._sum(kind, account, max(balance_minor, 0), max(-balance_minor, 0))

    def _sum(self, kind: str, account: PeriodBalance, debit_minor: int, credit_minor: int) -> tuple[Any, ...]:
        blank = ("",) * 6
        return (kind, self.month, *blank, account.account, "", account.currency, debit_minor, credit_minor)


class MonthsOfJournal:
    """Raises psycopg's errors when the database is lost."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def first_period(self) -> str | None:
        """The earliest month to which anything was posted."""
        with self._view() as (connection, _):
            row = connection.execute(QUERIES["first_period"]).fetchone()
            return row[0] if row else None

    def turnovers(self, after: str | None) -> dict[str, list[Turnover]]:
        """By month: what was posted to those after the newest that is closed; None: to any."""
        found: dict[str, list[Turnover]] = {}
        with self._view() as (connection, _):
            for month, account, currency, net_minor in connection.execute(QUERIES["turnovers"], {"after": after or ""}):
                found.setdefault(month, []).append(Turnover(Account(account), currency, net_minor))
        return found

    @contextmanager
    def month(self, month: str, after: str | None) -> Iterator[MonthBooks]:
        """One month, while the context is open. `after`: the month closed before it; None: there is none."""
        with self._view() as (connection, position):
            yield MonthBooks(connection, month, after, position)

    @contextmanager
    def _view(self) -> Iterator[tuple[Connection[TupleRow], int]]:
        with self._pool.connection() as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            use_schema(connection, LIVE_SCHEMA)
            row = connection.execute("SELECT position FROM program").fetchone()
            yield connection, row[0] if row else 0


def _line(row: DictRow) -> tuple[Any, ...]:
    amount_minor = row["amount_minor"]
    return (
        "line",
        row["period"],
        row["position"],
        row["line"],
        _moment(row["occurred_at"]),
        _moment(row["recorded_at"]),
        row["event_type"],
        row["payout_id"],
        row["account"],
        row["instructor_id"] or "",
        row["currency"],
        max(amount_minor, 0),
        max(-amount_minor, 0),
    )


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _csv(rows: list[tuple[Any, ...]]) -> bytes:
    """No cell can be a formula: ids begin with a letter or a digit (ledger.lifecycle), all else is ours."""
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue().encode()
