"""What the queries answer with: frozen, typed, and made of plain values. Money in minor units of `currency`."""

from datetime import date, datetime
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from ledger.events import ActionKind, HoldReason, Tier
from ledger.reasons import Actor, Reason
from ledger.status import Status


class View(BaseModel):
    model_config = ConfigDict(frozen=True)


class BankLegView(View):
    """The way of a paid bonus from the payout account to the bank. `message`: why the bank refused, in our words."""

    stands: Literal["on_its_way", "sent", "refused"]
    reported_at: datetime | None
    message: str | None


class ReferralView(View):
    """A referral as its referrer sees it. `next_attempt_at`: when we try next by ourselves; None: when something happens."""

    referral_id: str
    referred_id: str
    referrer_id: str
    status: Status
    reason: Reason
    who: Actor
    explanation: str
    next_step: str
    next_attempt_at: datetime | None
    attributed_at: datetime
    live_at: datetime | None
    first_lesson_at: datetime | None
    earned_at: datetime | None
    tier: Tier | None
    founding_spot: int | None
    amount_minor: int | None
    currency: str | None
    payout_id: str | None
    paid_at: datetime | None
    transfer_id: str | None
    bank: str | None
    """Of a paid referral: the last leg of the money, from the payout account to the bank, in words."""
    bank_leg: BankLegView | None
    """The same for whoever writes dates in their own way."""


class HoldView(View):
    """Why a payout is held back, and since when. `held_by`: a person, or the payout process by a rule."""

    reason: HoldReason
    note: str
    held_by: str
    held_at: datetime


class ApprovalView(View):
    """Something that a second person has to decide on; `granted`: they did, and it is still to be carried out."""

    number: int
    action: ActionKind
    reason: str
    requested_by: str
    requested_at: datetime
    granted: bool


class OpenApprovalView(ApprovalView):
    """A request in the list of all open ones, with what it is about."""

    payout_id: str
    referrer_id: str
    referred_id: str
    status: Status
    amount_minor: int
    currency: str


class PayoutView(View):
    """A payout as finance and operators see it."""

    payout_id: str
    referral_id: str
    referrer_id: str
    referred_id: str
    status: Status
    reason: Reason
    who: Actor
    for_operator: str
    next_attempt_at: datetime | None
    attempt: int
    tier: Tier
    founding_spot: int | None
    amount_minor: int
    reversed_minor: int
    currency: str
    destination: str | None
    transfer_id: str | None
    last_error: str | None
    earned_at: datetime
    paid_at: datetime | None
    hold: HoldView | None
    approval: ApprovalView | None


class InstructorStats(View):
    position: int
    codes: list[str]
    live_at: datetime | None
    counts: dict[Status, int]
    earned_minor: int
    paid_minor: int
    pending_minor: int
    failed_minor: int
    currency: str


class MonthOfMoney(View):
    """What a referrer earned, and was paid, in one month. `month`: its beginning, in UTC. A bonus taken back is not paid."""

    month: datetime
    earned_minor: int
    paid_minor: int


class FoundingStatus(View):
    position: int
    is_founding_phase: bool
    total_founding_spots: int
    spots_filled: int
    spots_remaining: int
    founding_bonus_minor: int
    standard_bonus_minor: int
    currency: str


class ProgramTotals(View):
    """The contract's totals (DESIGN section 8). Statuses that nobody has are left out."""

    statuses: dict[Status, int]
    bonuses: dict[Tier, int]
    money_minor: dict[str, int]
    currency: str
    position: int


class PayoutDay(View):
    """What became of attempts to pay on a day (UTC). `settled_minor` in the program's currency."""

    day: date
    settled: int
    failed: int
    settled_minor: int


class ProgramOverview(View):
    """The program at a glance, all of it as of one position. `days`: the newest ones, oldest first, without a gap."""

    position: int
    founding: FoundingStatus
    counts: dict[Status, int]
    money_minor: dict[str, int]
    currency: str
    days: list[PayoutDay]
    credentials_rejected_at: datetime | None


class WaitingView(View):
    """Payouts that go on only once somebody of ours acts, oldest first; those with an open request are listed as such instead.
    `is_all`: no others were left unlooked at.
    """

    payouts: list[PayoutView]
    is_all: bool


class InstructorAsOf(View):
    """An instructor as of some moment: their sums, and the referrals behind them, newest attribution first."""

    stats: InstructorStats
    referred: list[ReferralView]


class Replayed(View):
    """The answer to one question as of some moment: of `totals`, `referral`, `instructor` and `payout` the one asked for.

    It reflects the log up to `position`; what waits is explained for the time `at`.
    """

    position: int
    at: datetime
    totals: ProgramTotals | None = None
    referral: ReferralView | None = None
    instructor: InstructorAsOf | None = None
    payout: PayoutView | None = None


ViewT = TypeVar("ViewT", bound=View)


class Page(View, Generic[ViewT]):
    """`next_after` goes into the next call; None: this was the last page."""

    items: list[ViewT]
    next_after: int | None
    position: int
