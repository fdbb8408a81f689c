"""The rows of the read models: field for column as in migrations/. Mutable, since a batch of events is folded into them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import ClassVar, Literal

from ledger.events import Tier
from ledger.payouts.payout import Payout
from ledger.program import INITIAL_TERMS
from ledger.status import Status
from projections.journal_rows import JournalRows


@dataclass(slots=True)
class Row:
    """`table` is the row's table in the read_model schema, `key` its primary key."""

    table: ClassVar[str]
    key: ClassVar[str]

    @classmethod
    def columns(cls) -> list[str]:
        return [column.name for column in fields(cls)]


@dataclass(slots=True)
class InstructorRow(Row):
    table: ClassVar[str] = "instructor"
    key: ClassVar[str] = "instructor_id"
    instructor_id: str
    codes: list[str] = field(default_factory=list)
    live_at: datetime | None = None
    first_lesson_at: datetime | None = None
    stripe_account_id: str | None = None
    transfers_active: bool | None = None
    account_updated_at: datetime | None = None
    account_position: int | None = None


@dataclass(slots=True)
class ReferralRow(Row):
    table: ClassVar[str] = "referral"
    key: ClassVar[str] = "referral_id"
    referral_id: str
    referred_id: str
    referrer_id: str
    code: str
    status: Status
    attributed_at: datetime
    attributed_position: int
    live_at: datetime | None = None
    first_lesson_at: datetime | None = None
    earned_at: datetime | None = None
    tier: Tier | None = None
    founding_spot: int | None = None
    amount_minor: int | None = None
    currency: str | None = None
    payout_id: str | None = None


@dataclass(slots=True)
class PayoutRow(Row):
    """`state` is the payout as the payout process folds it. `given_up_minor` is of what came back (`reversed_minor`)."""

    table: ClassVar[str] = "payout"
    key: ClassVar[str] = "payout_id"
    payout_id: str
    referral_id: str
    referrer_id: str
    referred_id: str
    status: Status
    earned_position: int
    earned_at: datetime
    amount_minor: int
    currency: str
    tier: Tier
    attempt: int
    destination: str | None
    transfer_id: str | None
    settled_at: datetime | None
    state: Payout
    reversed_minor: int = 0
    open_approval: int | None = None
    given_up_minor: int = 0

    def shares(self) -> dict[str, int]:
        """The bonus by what became of it: paid is what the instructor has; what came back is reversed, as long as it is owed
        again, and cancelled once it is given up. Together they are the bonus.
        """
        if self.status in ("paid", "reversed"):
            return {
                "paid_minor": self.amount_minor - self.reversed_minor,
                "reversed_minor": self.reversed_minor - self.given_up_minor,
                "cancelled_minor": self.given_up_minor,
            }
        return {MONEY_OF_STATUS[self.status]: self.amount_minor}


@dataclass(slots=True)
class BankAccountRow(Row):
    """The newest that Stripe told of the bank leg of a connected account."""

    table: ClassVar[str] = "bank_account"
    key: ClassVar[str] = "stripe_account_id"
    stripe_account_id: str
    status: Literal["paid", "failed"]
    amount_minor: int
    currency: str
    failure_code: str | None
    reported_at: datetime


@dataclass(slots=True)
class Sums(Row):
    """Referrals by status, and money in minor units of the program's currency. A reversed or cancelled bonus stays earned."""

    pending_live: int = 0
    pending_lesson: int = 0
    pending_transfer: int = 0
    paid: int = 0
    failed: int = 0
    cancelled: int = 0
    reversed: int = 0
    earned_minor: int = 0
    pending_minor: int = 0
    paid_minor: int = 0
    failed_minor: int = 0
    cancelled_minor: int = 0
    reversed_minor: int = 0

    def count(self, status: Status, shares: Mapping[str, int], sign: int) -> None:
        """Count a referral in (sign 1) or out (sign -1), with the money of its payout (`PayoutRow.shares`)."""
        setattr(self, status, getattr(self, status) + sign)
        for money, amount_minor in shares.items():
            setattr(self, money, getattr(self, money) + sign * amount_minor)


MONEY_OF_STATUS: dict[Status, str] = {
    "pending_transfer": "pending_minor",
    "failed": "failed_minor",
    "cancelled": "cancelled_minor",
}
"""Where all of a bonus is in one state; else see `PayoutRow.shares`."""


@dataclass(slots=True)
class EarningsRow(Sums):
    table: ClassVar[str] = "instructor_earnings"
    key: ClassVar[str] = "instructor_id"
    instructor_id: str = ""


@dataclass(slots=True)
class ProgramRow(Sums):
    """The only row of its table. `position`: everything reflects the log up to here."""

    table: ClassVar[str] = "program"
    key: ClassVar[str] = "only_row"
    only_row: bool = True
    position: int = 0
    founding_cap: int = INITIAL_TERMS.founding_cap
    founding_bonus_minor: int = INITIAL_TERMS.founding_bonus_minor
    standard_bonus_minor: int = INITIAL_TERMS.standard_bonus_minor
    currency: str = INITIAL_TERMS.currency
    spots_filled: int = 0
    founding_bonuses: int = 0
    standard_bonuses: int = 0
    funds_position: int = 0
    credentials_rejected_at: datetime | None = None
    cut_off_month: str | None = None
    """The newest month to which nothing is posted any more."""


@dataclass(slots=True)
class ReadModel:
    """The rows that a batch of events touches, or, folded from an empty one, all rows there are.

    `journal`: what the batch posts, which is only ever added. None: whoever folds has no use for it.
    """

    program: ProgramRow = field(default_factory=ProgramRow)
    instructors: dict[str, InstructorRow] = field(default_factory=dict)
    referrals: dict[str, ReferralRow] = field(default_factory=dict)
    payouts: dict[str, PayoutRow] = field(default_factory=dict)
    earnings: dict[str, EarningsRow] = field(default_factory=dict)
    bank_accounts: dict[str, BankAccountRow] = field(default_factory=dict)
    journal: JournalRows | None = field(default_factory=JournalRows)

    def instructor(self, instructor_id: str) -> InstructorRow:
        row = self.instructors.get(instructor_id)
        if row is None:
            row = self.instructors[instructor_id] = InstructorRow(instructor_id)
        return row

    def earnings_of(self, instructor_id: str) -> EarningsRow:
        row = self.earnings.get(instructor_id)
        if row is None:
            row = self.earnings[instructor_id] = EarningsRow(instructor_id=instructor_id)
        return row

    def tables(self) -> list[tuple[type[Row], list[Row]]]:
        """Every table with its rows, but for the journal's."""
        return [
            (ProgramRow, [self.program]),
            (InstructorRow, [*self.instructors.values()]),
            (ReferralRow, [*self.referrals.values()]),
            (PayoutRow, [*self.payouts.values()]),
            (EarningsRow, [*self.earnings.values()]),
            (BankAccountRow, [*self.bank_accounts.values()]),
        ]
