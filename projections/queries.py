"""The read models' answers. Each method is one short read-only transaction, and its answer names the position it reflects.

Why something waits is worked out here, when asked, by the payout process's own decision function: a stored reason would be
stale as soon as time passes.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any, get_args

from psycopg import Cursor
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool

from ledger.named_queries import named_queries
from ledger.payouts.explain import explain
from ledger.payouts.next_step import Platform
from ledger.payouts.payout import Payout
from ledger.payouts.policy import PAY_AT_ONCE, Policy
from ledger.payouts.steps import Wait
from ledger.reasons import EXPLANATIONS, Reason
from ledger.referrals.payout_account import Account
from ledger.status import Status
from projections.bank_leg import BankReport, bank_leg
from projections.reviewed import approval_view, hold_view, last_error, open_approval_view
from projections.rows import ProgramRow
from projections.tables import LIVE_SCHEMA, use_schema
from projections.views import (
    FoundingStatus,
    InstructorStats,
    OpenApprovalView,
    Page,
    PayoutView,
    ProgramTotals,
    ReferralView,
)

QUERIES = named_queries("projections", "queries.sql")
STATUSES: tuple[Status, ...] = get_args(Status)
NO_BOUND = 2**62
CONTRACT_MONEY = ("earned_minor", "paid_minor", "pending_minor", "failed_minor")
_EMPTY_PROGRAM: dict[str, Any] = asdict(ProgramRow())


class ReadModels:
    """`clock` only tells whether a scheduled attempt lies ahead. Raises psycopg's errors when the database is lost."""

    def __init__(
        self,
        pool: ConnectionPool,
        clock: Callable[[], datetime],
        policy: Policy = PAY_AT_ONCE,
        schema: str = LIVE_SCHEMA,
    ) -> None:
        self._pool = pool
        self._policy = policy
        self._clock = clock
        self._schema = schema

    def position(self) -> int:
        """The position that the read models reflect; 0 before the first event."""
        with self._snapshot() as (_, program):
            return int(program["position"])

    def founding(self) -> FoundingStatus:
        with self._snapshot() as (_, program):
            pass
        remaining = max(0, program["founding_cap"] - program["spots_filled"])
        return FoundingStatus(
            position=program["position"],
            is_founding_phase=remaining > 0,
            total_founding_spots=program["founding_cap"],
            spots_filled=program["spots_filled"],
            spots_remaining=remaining,
            founding_bonus_minor=program["founding_bonus_minor"],
            standard_bonus_minor=program["standard_bonus_minor"],
            currency=program["currency"],
        )

    def totals(self) -> ProgramTotals:
        with self._snapshot() as (_, program):
            pass
        return ProgramTotals(
            statuses={status: program[status] for status in STATUSES if program[status]},
            bonuses={"founding": program["founding_bonuses"], "standard": program["standard_bonuses"]},
            money_minor={name: program[name] for name in CONTRACT_MONEY},
            currency=program["currency"],
            position=program["position"],
        )

    def stats(self, instructor_id: str) -> InstructorStats:
        """Zeros for an instructor whom no fact has mentioned."""
        with self._snapshot() as (cursor, program):
            instructor = cursor.execute(QUERIES["instructor"], {"instructor_id": instructor_id}).fetchone() or {}
            earnings = cursor.execute(QUERIES["earnings"], {"instructor_id": instructor_id}).fetchone() or {}
        return InstructorStats(
            position=program["position"],
            codes=instructor.get("codes", []),
            live_at=instructor.get("live_at"),
            counts={status: earnings.get(status, 0) for status in STATUSES},
            earned_minor=earnings.get("earned_minor", 0),
            paid_minor=earnings.get("paid_minor", 0),
            pending_minor=earnings.get("pending_minor", 0),
            failed_minor=earnings.get("failed_minor", 0),
            currency=program["currency"],
        )

    def referred(self, referrer_id: str, *, limit: int, after: int | None = None) -> Page[ReferralView]:
        """A referrer's referrals, newest attribution first."""
        with self._snapshot() as (cursor, program):
            parameters = {"referrer_id": referrer_id, "before": after or NO_BOUND, "limit": limit + 1}
            rows = cursor.execute(QUERIES["referrals_of"], parameters).fetchall()
            return self._referral_page(cursor, program, rows, limit)

    def referrals(self, *, limit: int, after: int | None = None) -> Page[ReferralView]:
        """All referrals, oldest attribution first."""
        with self._snapshot() as (cursor, program):
            rows = cursor.execute(QUERIES["referrals"], {"after": after or 0, "limit": limit + 1}).fetchall()
            return self._referral_page(cursor, program, rows, limit)

    def payouts(
        self, *, limit: int, after: int | None = None, status: Status | None = None, referrer_id: str | None = None
    ) -> Page[PayoutView]:
        """Payouts, newest first."""
        with self._snapshot() as (cursor, program):
            parameters = {"before": after or NO_BOUND, "status": status, "referrer_id": referrer_id, "limit": limit + 1}
            rows = cursor.execute(QUERIES["payouts"], parameters).fetchall()
            shown, next_after = _cut(rows, limit, "earned_position")
            context = self._context(cursor, program, shown)
        return Page(
            items=[_payout_view(row, context) for row in shown], next_after=next_after, position=context.position
        )

    def payout(self, payout_id: str) -> tuple[PayoutView | None, int]:
        """One payout (None: there is no such), and the position that says so."""
        with self._snapshot() as (cursor, program):
            rows = cursor.execute(QUERIES["payouts_by_id"], {"payout_ids": [payout_id]}).fetchall()
            context = self._context(cursor, program, rows)
        return (_payout_view(rows[0], context) if rows else None), context.position

    def open_approvals(self, *, limit: int, after: int | None = None) -> Page[OpenApprovalView]:
        """What a second person has to decide on, oldest bonus first."""
        with self._snapshot() as (cursor, program):
            rows = cursor.execute(QUERIES["open_approvals"], {"after": after or 0, "limit": limit + 1}).fetchall()
        shown, next_after = _cut(rows, limit, "earned_position")
        items = [open_approval_view(row) for row in shown]
        return Page(items=items, next_after=next_after, position=program["position"])

    @contextmanager
    def _snapshot(self) -> Iterator[tuple[Cursor[DictRow], DictRow]]:
        """One consistent view of all tables, and the program's row: always read first, see the swap in rebuild.sql."""
        with self._pool.connection() as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            use_schema(connection, self._schema)
            with connection.cursor(row_factory=dict_row) as cursor:
                yield cursor, cursor.execute(QUERIES["program"]).fetchone() or _EMPTY_PROGRAM

    def _context(self, cursor: Cursor[DictRow], program: DictRow, payouts: list[DictRow]) -> "_Context":
        referrers = list({row["referrer_id"] for row in payouts})
        accounts = cursor.execute(QUERIES["instructors"], {"instructor_ids": referrers}).fetchall() if referrers else []
        platform = Platform(
            funds_position=program["funds_position"], credentials_rejected_at=program["credentials_rejected_at"]
        )
        return _Context(
            program["position"],
            platform,
            {row["instructor_id"]: _account(row) for row in accounts},
            self._policy,
            self._clock(),
        )

    def _referral_page(
        self, cursor: Cursor[DictRow], program: DictRow, rows: list[DictRow], limit: int
    ) -> Page[ReferralView]:
        shown, next_after = _cut(rows, limit, "attributed_position")
        payout_ids = [row["payout_id"] for row in shown if row["payout_id"] is not None]
        payouts = cursor.execute(QUERIES["payouts_by_id"], {"payout_ids": payout_ids}).fetchall() if payout_ids else []
        context = self._context(cursor, program, payouts)
        by_id = {row["payout_id"]: row for row in payouts}
        reports = _bank_reports(cursor, payouts)
        items = [_referral_view(row, by_id.get(row["payout_id"]), context, reports) for row in shown]
        return Page(items=items, next_after=next_after, position=context.position)


class _Context:
    """What a payout's explanation depends on beside the payout."""

    def __init__(
        self,
        position: int,
        platform: Platform,
        accounts: Mapping[str, Account | None],
        policy: Policy,
        now: datetime,
    ) -> None:
        self.position = position
        self._platform = platform
        self._accounts = accounts
        self._policy = policy
        self._now = now

    def why(self, payout: Payout) -> Wait:
        return explain(payout, self._accounts.get(payout.bonus.referrer_id), self._platform, self._now, self._policy)


def _account(row: DictRow) -> Account | None:
    if row["stripe_account_id"] is None:
        return None
    return Account(
        stripe_account_id=row["stripe_account_id"],
        transfers_active=row["transfers_active"],
        updated_at=row["account_updated_at"],
        position=row["account_position"],
    )


def _cut(rows: list[DictRow], limit: int, order: str) -> tuple[list[DictRow], int | None]:
    """One row more than the limit was asked for, to know whether there is a next page."""
    shown = rows[:limit]
    return shown, shown[-1][order] if len(rows) > limit else None


def _bank_reports(cursor: Cursor[DictRow], payouts: list[DictRow]) -> dict[str, BankReport]:
    """By Stripe account, of the accounts that were paid to."""
    paid_to = list({row["destination"] for row in payouts if row["status"] == "paid"})
    if not paid_to:
        return {}
    rows = cursor.execute(QUERIES["bank_accounts"], {"stripe_account_ids": paid_to}).fetchall()
    return {
        row["stripe_account_id"]: BankReport(row["status"], row["failure_message"], row["reported_at"]) for row in rows
    }


def _referral_view(
    row: DictRow, payout_row: DictRow | None, context: _Context, bank_reports: Mapping[str, BankReport]
) -> ReferralView:
    if payout_row is not None:
        why = context.why(Payout.model_validate(payout_row["state"]))
    elif row["live_at"] is None:
        why = Wait(Reason.AWAITING_GO_LIVE)
    else:
        why = Wait(Reason.AWAITING_FIRST_LESSON)
    words = EXPLANATIONS[why.reason]
    return ReferralView(
        **{name: row[name] for name in ReferralView.model_fields if name in row},
        reason=why.reason,
        who=words.who,
        explanation=words.for_instructor,
        next_step=words.next_step,
        next_attempt_at=why.until,
        paid_at=payout_row["settled_at"] if payout_row else None,
        transfer_id=payout_row["transfer_id"] if payout_row else None,
        bank=_bank(payout_row, bank_reports),
    )


def _bank(payout_row: DictRow | None, reports: Mapping[str, BankReport]) -> str | None:
    if payout_row is None or payout_row["status"] != "paid":
        return None
    return bank_leg(payout_row["settled_at"], reports.get(payout_row["destination"]))


def _payout_view(row: DictRow, context: _Context) -> PayoutView:
    payout = Payout.model_validate(row["state"])
    why = context.why(payout)
    return PayoutView(
        **{name: row[name] for name in PayoutView.model_fields if name in row},
        reason=why.reason,
        who=EXPLANATIONS[why.reason].who,
        for_operator=EXPLANATIONS[why.reason].for_operator,
        next_attempt_at=why.until,
        founding_spot=payout.bonus.founding_spot,
        last_error=last_error(payout),
        paid_at=row["settled_at"],
        hold=hold_view(payout),
        approval=approval_view(payout),
    )
