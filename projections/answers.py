"""From rows to answers: pure, and the same whether the rows come from the tables or from a replay of the log.

Why something waits is worked out here, when asked, by the payout process's own decision function: a stored reason would be
stale as soon as time passes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from ledger.payouts.explain import explain
from ledger.payouts.next_step import Platform
from ledger.payouts.payout import Payout
from ledger.payouts.policy import Policy
from ledger.payouts.steps import Wait
from ledger.reasons import EXPLANATIONS, Reason
from ledger.referrals.payout_account import Account
from ledger.status import STATUSES, Status
from projections.bank_leg import BankReport, bank_leg, in_words
from projections.reviewed import approval_view, hold_view, last_error
from projections.rows import BankAccountRow, EarningsRow, InstructorRow, PayoutRow, ProgramRow, ReferralRow
from projections.views import (
    BankLegView,
    FoundingStatus,
    InstructorStats,
    PayoutDay,
    PayoutView,
    ProgramOverview,
    ProgramTotals,
    ReferralView,
)

__all__ = [
    "PayoutOfReferral",
    "ReferralFields",
    "Surroundings",
    "founding",
    "overview",
    "payout_view",
    "referral_fields",
    "referral_view",
    "stats",
    "totals",
]

CONTRACT_MONEY = ("earned_minor", "paid_minor", "pending_minor", "failed_minor")
MONEY = (*CONTRACT_MONEY, "cancelled_minor", "reversed_minor")

ReferralFields = dict[str, object]
"""The values of a `ReferralView`, by name."""


class PayoutOfReferral(NamedTuple):
    """What a referral tells of its payout."""

    status: Status
    destination: str | None
    transfer_id: str | None
    settled_at: datetime | None
    state: Payout


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an explanation depends on beside the payout. `now`: the moment for which it is given.

    `instructors` by their id, at least those who are paid; `bank_accounts` by Stripe account, at least those paid to.
    """

    program: ProgramRow
    instructors: Mapping[str, InstructorRow]
    bank_accounts: Mapping[str, BankAccountRow]
    policy: Policy
    now: datetime

    def why(self, payout: Payout) -> Wait:
        platform = Platform(
            funds_position=self.program.funds_position,
            credentials_rejected_at=self.program.credentials_rejected_at,
        )
        account = _account(self.instructors.get(payout.bonus.referrer_id))
        return explain(payout, account, platform, self.now, self.policy)


def founding(program: ProgramRow) -> FoundingStatus:
    remaining = max(0, program.founding_cap - program.spots_filled)
    return FoundingStatus(
        position=program.position,
        is_founding_phase=remaining > 0,
        total_founding_spots=program.founding_cap,
        spots_filled=program.spots_filled,
        spots_remaining=remaining,
        founding_bonus_minor=program.founding_bonus_minor,
        standard_bonus_minor=program.standard_bonus_minor,
        currency=program.currency,
    )


def totals(program: ProgramRow) -> ProgramTotals:
    return ProgramTotals(
        statuses={status: count for status in STATUSES if (count := getattr(program, status))},
        bonuses={"founding": program.founding_bonuses, "standard": program.standard_bonuses},
        money_minor={name: getattr(program, name) for name in CONTRACT_MONEY},
        currency=program.currency,
        position=program.position,
    )


def overview(program: ProgramRow, found: Iterable[Mapping[str, Any]], first: date, today: date) -> ProgramOverview:
    """`found`: the days since `first` on which anything became of an attempt."""
    known = {row["day"]: PayoutDay.model_validate(row) for row in found}
    days = [first + timedelta(days=number) for number in range((today - first).days + 1)]
    return ProgramOverview(
        position=program.position,
        founding=founding(program),
        counts={status: getattr(program, status) for status in STATUSES},
        money_minor={name: getattr(program, name) for name in MONEY},
        currency=program.currency,
        days=[known.get(day) or PayoutDay(day=day, settled=0, failed=0, settled_minor=0) for day in days],
        credentials_rejected_at=program.credentials_rejected_at,
    )


def stats(instructor: InstructorRow | None, earnings: EarningsRow | None, program: ProgramRow) -> InstructorStats:
    """Zeros for an instructor whom no fact has mentioned."""
    sums = earnings or EarningsRow()
    return InstructorStats(
        position=program.position,
        codes=instructor.codes if instructor else [],
        live_at=instructor.live_at if instructor else None,
        counts={status: getattr(sums, status) for status in STATUSES},
        earned_minor=sums.earned_minor,
        paid_minor=sums.paid_minor,
        pending_minor=sums.pending_minor,
        failed_minor=sums.failed_minor,
        currency=program.currency,
    )


def referral_view(row: ReferralRow, payout: PayoutRow | None, around: Surroundings) -> ReferralView:
    """`payout`: that of the referral, if its bonus is earned."""
    return ReferralView.model_validate(referral_fields(row, payout, around))


def referral_fields(
    row: ReferralRow, payout: PayoutRow | PayoutOfReferral | None, around: Surroundings
) -> ReferralFields:
    """The fields of a `ReferralView`, for whoever needs no model of them."""
    if payout is not None:
        why = around.why(payout.state)
    elif row.live_at is None:
        why = Wait(Reason.AWAITING_GO_LIVE)
    else:
        why = Wait(Reason.AWAITING_FIRST_LESSON)
    words = EXPLANATIONS[why.reason]
    leg = _bank_leg(payout, around.bank_accounts)
    return {
        "referral_id": row.referral_id,
        "referred_id": row.referred_id,
        "referrer_id": row.referrer_id,
        "status": row.status,
        "reason": why.reason,
        "who": words.who,
        "explanation": words.for_instructor,
        "next_step": words.next_step,
        "next_attempt_at": why.until,
        "attributed_at": row.attributed_at,
        "live_at": row.live_at,
        "first_lesson_at": row.first_lesson_at,
        "earned_at": row.earned_at,
        "tier": row.tier,
        "founding_spot": row.founding_spot,
        "amount_minor": row.amount_minor,
        "currency": row.currency,
        "payout_id": row.payout_id,
        "paid_at": payout.settled_at if payout else None,
        "transfer_id": payout.transfer_id if payout else None,
        "bank": in_words(leg) if leg else None,
        "bank_leg": leg,
    }


def payout_view(row: PayoutRow, around: Surroundings) -> PayoutView:
    payout = row.state
    why = around.why(payout)
    words = EXPLANATIONS[why.reason]
    return PayoutView(
        **_shown(row),
        reason=why.reason,
        who=words.who,
        for_operator=words.for_operator,
        next_attempt_at=why.until,
        founding_spot=payout.bonus.founding_spot,
        last_error=last_error(payout),
        paid_at=row.settled_at,
        hold=hold_view(payout),
        approval=approval_view(payout),
    )


def _shown(row: PayoutRow) -> dict[str, Any]:
    """The columns that the view shows as they are."""
    return {column: getattr(row, column) for column in _SHOWN}


_SHOWN = [column for column in PayoutRow.columns() if column in PayoutView.model_fields]


def _account(row: InstructorRow | None) -> Account | None:
    if row is None or row.stripe_account_id is None or row.account_updated_at is None:  # one event sets them all
        return None
    return Account(
        stripe_account_id=row.stripe_account_id,
        transfers_active=bool(row.transfers_active),
        updated_at=row.account_updated_at,
        position=row.account_position or 0,
    )


def _bank_leg(
    payout: PayoutRow | PayoutOfReferral | None, bank_accounts: Mapping[str, BankAccountRow]
) -> BankLegView | None:
    if payout is None or payout.status != "paid" or payout.settled_at is None or payout.destination is None:
        return None
    known = bank_accounts.get(payout.destination)
    report = BankReport(known.status, known.failure_code, known.reported_at) if known else None
    return bank_leg(payout.settled_at, report)
