"""The journal's answers: trial balance, entries, statements, payees; at any moment, by either clock.

`as_of` is a position of the log: with what had been recorded by then (`as_of.moment` finds it for a time). `effective_at` is
a time: of what had happened by then. Each method is one short read-only transaction.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any

from psycopg import Cursor
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool

from ledger.books.accounts import CHART, Account
from ledger.named_queries import named_queries
from ledger.program import INITIAL_TERMS
from projections.journal_views import (
    AccountBalance,
    JournalEntry,
    PayeeView,
    PostedLine,
    Statement,
    StatementLine,
    TrialBalance,
)
from projections.tables import LIVE_SCHEMA, use_schema
from projections.views import Page

__all__ = ["Filters", "Journal"]

QUERIES = named_queries("projections", "journal.sql")

FOR_EVER = datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)
SINCE_EVER = datetime(1, 1, 1, tzinfo=UTC)
EVERY_DAY = date.max
"""Later than every day of the journal: its last day is taken from the lines, should anything have happened on it."""
TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which entries: those with such a line. An entry is always shown whole."""

    account: Account | None = None
    instructor_id: str | None = None
    payout_id: str | None = None
    period: str | None = None
    effective_from: datetime | None = None
    effective_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Cut:
    """A snapshot of the tables, and the position where the log is cut off in it."""

    cursor: Cursor[DictRow]
    position: int
    currency: str
    as_of: int

    def fetch(self, query: str, **parameters: Any) -> list[DictRow]:
        # Planned for these very values: a plan for any would not see which filters there are.
        return self.cursor.execute(QUERIES[query], {"as_of": self.as_of, **parameters}, prepare=False).fetchall()

    def number(self, query: str, **parameters: Any) -> int:
        (row,) = self.fetch(query, **parameters)
        return int(row["balance_minor"])


class Journal:
    """Raises psycopg's errors when the database is lost."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def trial_balance(self, as_of: int | None = None, effective_at: datetime | None = None) -> TrialBalance:
        """Every account, also where nothing was posted to it."""
        with self._cut(as_of) as cut:
            found = {(row["account"], row["currency"]): row for row in _balances(cut, effective_at)}
        currencies = sorted({currency for _, currency in found} | {cut.currency})
        return TrialBalance(
            accounts=[
                _account_balance(account, currency, found.get((account.value, currency)))
                for currency in currencies
                for account in Account
            ],
            as_of=cut.as_of,
            effective_at=effective_at,
            position=cut.position,
        )

    def entries(
        self, filters: Filters, *, limit: int, after: int | None = None, as_of: int | None = None
    ) -> Page[JournalEntry]:
        """Entries in the order of recording."""
        with self._cut(as_of) as cut:
            found = cut.fetch(
                "entry_positions",
                after=max(after or 0, _begins_after(cut, filters.effective_from)),
                limit=limit + 1,
                account=filters.account.value if filters.account else None,
                instructor_id=filters.instructor_id,
                payout_id=filters.payout_id,
                period=filters.period,
                effective_from=filters.effective_from,
                effective_at=filters.effective_at,
            )
            shown = [row["position"] for row in found[:limit]]
            lines = cut.fetch("entries", positions=shown) if shown else []
        entries = [_entry(list(of_one)) for _, of_one in groupby(lines, key=lambda row: row["position"])]
        next_after = shown[-1] if len(found) > limit else None
        return Page(items=entries, next_after=next_after, position=cut.position)

    def statement(
        self,
        account: Account,
        instructor_id: str | None = None,
        *,
        limit: int,
        after: int | None = None,
        as_of: int | None = None,
        effective_from: datetime | None = None,
        effective_at: datetime | None = None,
    ) -> Statement:
        """A page of an account. `instructor_id`: of the accounts that are kept for each instructor."""
        with self._cut(as_of) as cut:
            which = {
                "account": account.value,
                "instructor_id": instructor_id,
                "currency": cut.currency,
                "effective_from": effective_from or SINCE_EVER,
                "effective_at": effective_at or FOR_EVER,
            }
            begins_after = _begins_after(cut, effective_from)
            rows = cut.fetch("statement_lines", **which, after=max(after or 0, begins_after), limit=limit + 1)
            opening, ends_at = 0, effective_at
            if effective_from is not None and effective_from > SINCE_EVER:
                until_then = effective_from - TICK
                opening = _balance(cut, account, instructor_id, until_then)
                # One that ends before it begins has no lines, and closes as it opens.
                ends_at = max(effective_at, until_then) if effective_at is not None else None
            carried = cut.number("carried_forward", **which, begins_after=begins_after, after=after) if after else 0
            closing = _balance(cut, account, instructor_id, ends_at)
        shown = rows[:limit]
        return Statement(
            account=account,
            instructor_id=instructor_id,
            currency=cut.currency,
            opening_minor=opening + carried,
            items=list(_running(shown, opening + carried)),
            closing_minor=closing,
            as_of=cut.as_of,
            effective_from=effective_from,
            effective_at=effective_at,
            next_after=shown[-1]["position"] if len(rows) > limit else None,
            position=cut.position,
        )

    def payees(self, year: int, *, limit: int, offset: int = 0, as_of: int | None = None) -> Page[PayeeView]:
        """Who was paid in a calendar year (UTC), most first; `next_after` is the next page's offset.

        The journal is only ever added to, so pages as of one position belong together, whatever is recorded meanwhile.
        """
        begins = datetime(year, 1, 1, tzinfo=UTC)
        with self._cut(as_of) as cut:
            rows = cut.fetch(
                "payees",
                begins=begins,
                ends=FOR_EVER if year == FOR_EVER.year else begins.replace(year=year + 1),
                limit=limit + 1,
                offset=offset,
            )
        next_after = offset + limit if len(rows) > limit else None
        return Page(items=[PayeeView(**row) for row in rows[:limit]], next_after=next_after, position=cut.as_of)

    def unbalanced(self, limit: int) -> list[int]:
        """Positions of entries that do not sum to zero in each currency. There are none, unless somebody changed the tables."""
        with self._cut(None) as cut:
            return [row["position"] for row in cut.fetch("unbalanced", limit=limit)]

    @contextmanager
    def _cut(self, as_of: int | None) -> Iterator[_Cut]:
        """One consistent view of all tables; the program's row is always read first, see the swap in rebuild.sql."""
        with self._pool.connection() as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            use_schema(connection, LIVE_SCHEMA)
            with connection.cursor(row_factory=dict_row) as cursor:
                program = cursor.execute("SELECT position, currency FROM program").fetchone()
                position = int(program["position"]) if program else 0
                currency = str(program["currency"]) if program else INITIAL_TERMS.currency
                yield _Cut(cursor, position, currency, position if as_of is None else min(as_of, position))


def _balances(cut: _Cut, effective_at: datetime | None, account: Account | None = None) -> list[DictRow]:
    """By account and currency. Lines are read only of the days that the moment cuts through."""
    recorded_day, whole_days_until = EVERY_DAY, cut.as_of
    if cut.as_of < cut.position:
        days = cut.fetch("day_of")
        recorded_day = days[0]["day"] if days else date.min
        whole_days_until = cut.fetch("newest_before", day=recorded_day)[0]["position"]
    until = effective_at or FOR_EVER
    return cut.fetch(
        "balances",
        recorded_day=recorded_day,
        whole_days_until=whole_days_until,
        effective_day=until.astimezone(UTC).date(),
        effective_at=until,
        account=account.value if account else None,
    )


def _begins_after(cut: _Cut, effective_from: datetime | None) -> int:
    """The position after which everything was recorded that happened from then on; 0: it may be anywhere."""
    if effective_from is None:
        return 0
    return int(cut.fetch("nothing_before", day=effective_from.astimezone(UTC).date())[0]["position"])


def _balance(cut: _Cut, account: Account, instructor_id: str | None, effective_at: datetime | None) -> int:
    if instructor_id is not None:
        return cut.number(
            "instructor_balance",
            account=account.value,
            instructor_id=instructor_id,
            currency=cut.currency,
            effective_at=effective_at or FOR_EVER,
        )
    found = [row for row in _balances(cut, effective_at, account) if row["currency"] == cut.currency]
    return sum(int(row["debit_minor"] - row["credit_minor"]) for row in found)


def _account_balance(account: Account, currency: str, row: DictRow | None) -> AccountBalance:
    debit_minor, credit_minor = (int(row["debit_minor"]), int(row["credit_minor"])) if row else (0, 0)
    return AccountBalance(
        account=account,
        kind=CHART[account].kind,
        currency=currency,
        debit_minor=debit_minor,
        credit_minor=credit_minor,
        balance_minor=debit_minor - credit_minor,
    )


def _entry(rows: Sequence[DictRow]) -> JournalEntry:
    shared = {name: rows[0][name] for name in JournalEntry.model_fields if name != "lines"}
    return JournalEntry(**shared, lines=[PostedLine(**_sides(row, PostedLine)) for row in rows])


def _running(rows: Sequence[DictRow], balance_minor: int) -> Iterator[StatementLine]:
    for row in rows:
        balance_minor += row["amount_minor"]
        yield StatementLine(**_sides(row, StatementLine), balance_minor=balance_minor)


def _sides(row: DictRow, view: type[PostedLine | StatementLine]) -> dict[str, Any]:
    """A line as the view shows it: its amount on one side or the other."""
    amount_minor = row["amount_minor"]
    return {
        **{name: row[name] for name in view.model_fields if name in row},
        "debit_minor": max(amount_minor, 0),
        "credit_minor": max(-amount_minor, 0),
    }
