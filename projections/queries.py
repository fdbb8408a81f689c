"""The read models' answers. Each method is one short read-only transaction, and its answer names the position it reflects."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from typing import Any, TypeVar
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool

from ledger.named_queries import named_queries
from ledger.payouts.payout import Payout
from ledger.payouts.policy import PAY_AT_ONCE, Policy
from ledger.status import Status
from projections import answers
from projections.answers import Surroundings, payout_view, referral_view
from projections.own_questions import NO_BOUND, OwnQuestions, Question, together
from projections.reviewed import open_approval_view
from projections.rows import BankAccountRow, InstructorRow, PayoutRow, ProgramRow, ReferralRow, Row
from projections.story_views import Part, Sum
from projections.sums import EXAMPLES, TOTALS, made_up
from projections.tables import LIVE_SCHEMA, use_schema
from projections.views import (
    FoundingStatus,
    InstructorStats,
    MonthOfMoney,
    OpenApprovalView,
    Page,
    PayoutView,
    ProgramOverview,
    ProgramTotals,
    ReferralView,
    WaitingView,
)

QUERIES = named_queries("projections", "queries.sql")

AnswerT = TypeVar("AnswerT")
RowT = TypeVar("RowT", bound=Row)


class ReadModels:
    """`clock` only tells whether a scheduled attempt lies ahead. Raises psycopg's errors when the database is lost."""

    def __init__(self, pool: ConnectionPool, clock: Callable[[], datetime], policy: Policy = PAY_AT_ONCE) -> None:
        self._pool = pool
        self._policy = policy
        self._clock = clock
        self._own = OwnQuestions(clock, policy)

    def position(self) -> int:
        """The position that the read models reflect; 0 before the first event."""
        with self._snapshot() as (_, program):
            return program.position

    def founding(self) -> FoundingStatus:
        with self._snapshot() as (_, program):
            return answers.founding(program)

    def totals(self) -> ProgramTotals:
        with self._snapshot() as (_, program):
            return answers.totals(program)

    def overview(self, *, days: int) -> ProgramOverview:
        """With what became of attempts to pay on so many days (UTC), the last of them today."""
        today = self._clock().astimezone(UTC).date()
        first = today - timedelta(days=days - 1)
        with self._snapshot() as (cursor, program):
            since = {"since": datetime.combine(first, time(), UTC), "currency": program.currency}
            found = cursor.execute(QUERIES["payout_days"], since).fetchall()
        return answers.overview(program, found, first, today)

    def waiting(self, *, most: int) -> WaitingView:
        """Payouts that wait for somebody of ours, and not for a second person; `most`: so many that may do so are looked at."""
        with self._snapshot() as (cursor, program):
            is_rejected = program.credentials_rejected_at is not None
            found = _payout_rows(cursor, "may_wait_for_somebody", credentials_rejected=is_rejected, limit=most + 1)
            around = self._surroundings(cursor, program, found)
        views = [payout_view(row, around) for row in found[:most]]
        return WaitingView(payouts=[each for each in views if each.who == "operator"], is_all=len(found) <= most)

    def stats(self, instructor_id: str) -> InstructorStats:
        """Zeros for an instructor whom no fact has mentioned."""
        return self._ask(self._own.stats(instructor_id))

    def referred(self, referrer_id: str, *, limit: int, after: int | None = None) -> Page[ReferralView]:
        """A referrer's referrals, newest attribution first."""
        told = self._ask(self._own.referred(referrer_id, limit=limit, after=after))
        items = [ReferralView.model_validate(each) for each in told.items]
        return Page(items=items, next_after=told.next_after, position=told.position)

    def referral_of(self, referrer_id: str, referral_id: str) -> tuple[ReferralView | None, int]:
        """One of a referrer's own referrals (None: there is no such), and the position that says so."""
        with self._snapshot() as (cursor, program):
            found = _rows(ReferralRow, cursor, "referral_of", referrer_id=referrer_id, referral_id=referral_id)
            page = self._referral_page(cursor, program, found, limit=1)
        return next(iter(page.items), None), page.position

    def months_of(self, referrer_id: str) -> list[MonthOfMoney]:
        """The months in which a referrer earned or was paid anything, oldest first. They add up to what `stats` says."""
        with self._snapshot() as (cursor, _):
            found = cursor.execute(QUERIES["months_of"], {"referrer_id": referrer_id}).fetchall()
        return [MonthOfMoney.model_validate(row) for row in found]

    def referrals(self, *, limit: int, after: int | None = None) -> Page[ReferralView]:
        """All referrals, oldest attribution first."""
        with self._snapshot() as (cursor, program):
            found = _rows(ReferralRow, cursor, "referrals", after=after or 0, limit=limit + 1)
            return self._referral_page(cursor, program, found, limit)

    def payouts(
        self, *, limit: int, after: int | None = None, status: Status | None = None, referrer_id: str | None = None
    ) -> Page[PayoutView]:
        """Payouts, newest first."""
        with self._snapshot() as (cursor, program):
            found = _payout_rows(
                cursor,
                "payouts",
                before=after or NO_BOUND,
                status=status,
                referrer_id=referrer_id,
                limit=limit + 1,
            )
            shown = found[:limit]
            around = self._surroundings(cursor, program, shown)
        return Page(
            items=[payout_view(row, around) for row in shown],
            next_after=shown[-1].earned_position if len(found) > limit else None,
            position=program.position,
        )

    def payout(self, payout_id: str) -> tuple[PayoutView | None, int]:
        """One payout (None: there is no such), and the position that says so."""
        with self._snapshot() as (cursor, program):
            found = _payout_rows(cursor, "payouts_by_id", payout_ids=[payout_id])
            around = self._surroundings(cursor, program, found)
        return (payout_view(found[0], around) if found else None), program.position

    def open_approvals(self, *, limit: int, after: int | None = None) -> Page[OpenApprovalView]:
        """What a second person has to decide on, oldest bonus first."""
        with self._snapshot() as (cursor, program):
            found = cursor.execute(QUERIES["open_approvals"], {"after": after or 0, "limit": limit + 1}).fetchall()
        shown = found[:limit]
        return Page(
            items=[open_approval_view(row) for row in shown],
            next_after=shown[-1]["earned_position"] if len(found) > limit else None,
            position=program.position,
        )

    def total(self, name: str) -> tuple[Sum, FoundingStatus]:
        """How a figure of the program (one of `sums.TOTALS`) is made up; and, as of the same position, the founding spots."""
        total = TOTALS[name]
        with self._snapshot() as (cursor, program):
            shown = {"statuses": list(total.statuses), "share": total.share, "tier": total.tier}
            wanted = shown | {"first": EXAMPLES}
            parts = [Part.model_validate(row) for row in cursor.execute(QUERIES["parts"], wanted)]
        return made_up(name, total.figure(program), parts, program.currency), answers.founding(program)

    def position_of(self, event_id: UUID) -> int | None:
        """Where the log has an event; None: nowhere."""
        with self._pool.connection() as connection:
            row = connection.execute(QUERIES["position_of_event"], {"event_id": event_id}).fetchone()
        return row[0] if row is not None else None

    def _ask(self, question: Question[AnswerT]) -> AnswerT:
        with self._pool.connection() as connection:
            cursor = connection.cursor(binary=True)
            rows = cursor.execute(question.statement, together([question]), prepare=True).fetchall()
        return question.answer(rows)

    @contextmanager
    def _snapshot(self) -> Iterator[tuple[Cursor[DictRow], ProgramRow]]:
        """One consistent view of all tables, and the program's row: always read first, see the swap in rebuild.sql."""
        with self._pool.connection() as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            use_schema(connection, LIVE_SCHEMA)
            with connection.cursor(row_factory=dict_row) as cursor:
                yield cursor, _first(ProgramRow, cursor, "program") or ProgramRow()

    def _surroundings(
        self, cursor: Cursor[DictRow], program: ProgramRow, payouts: Collection[PayoutRow]
    ) -> Surroundings:
        """What the explanations of these payouts depend on."""
        referrers = list({row.referrer_id for row in payouts})
        paid_to = list({row.destination for row in payouts if row.status == "paid"})
        instructors = _rows(InstructorRow, cursor, "instructors", instructor_ids=referrers) if referrers else []
        banks = _rows(BankAccountRow, cursor, "bank_accounts", stripe_account_ids=paid_to) if paid_to else []
        return Surroundings(
            program=program,
            instructors={row.instructor_id: row for row in instructors},
            bank_accounts={row.stripe_account_id: row for row in banks},
            policy=self._policy,
            now=self._clock(),
        )

    def _referral_page(
        self, cursor: Cursor[DictRow], program: ProgramRow, found: list[ReferralRow], limit: int
    ) -> Page[ReferralView]:
        shown = found[:limit]
        payout_ids = [row.payout_id for row in shown if row.payout_id is not None]
        payouts = _payout_rows(cursor, "payouts_by_id", payout_ids=payout_ids) if payout_ids else []
        around = self._surroundings(cursor, program, payouts)
        by_referral = {row.referral_id: row for row in payouts}
        return Page(
            items=[referral_view(row, by_referral.get(row.referral_id), around) for row in shown],
            next_after=shown[-1].attributed_position if len(found) > limit else None,
            position=program.position,
        )


def _rows(kind: type[RowT], cursor: Cursor[DictRow], query: str, **parameters: Any) -> list[RowT]:
    """Columns that this release does not know are left alone: a newer one may have migrated the tables already."""
    found = cursor.execute(QUERIES[query], parameters)
    return [kind(**{column: row[column] for column in kind.columns()}) for row in found]


def _first(kind: type[RowT], cursor: Cursor[DictRow], query: str, **parameters: Any) -> RowT | None:
    return next(iter(_rows(kind, cursor, query, **parameters)), None)


def _payout_rows(cursor: Cursor[DictRow], query: str, **parameters: Any) -> list[PayoutRow]:
    found = _rows(PayoutRow, cursor, query, **parameters)
    for row in found:
        row.state = Payout.model_validate(row.state)
    return found
