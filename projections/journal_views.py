"""What the journal answers with. Money in minor units of `currency`; balances are debit (positive) or credit (negative)."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from ledger.books.accounts import Account
from projections.views import View

__all__ = ["AccountBalance", "JournalEntry", "PayeeView", "PostedLine", "Statement", "StatementLine", "TrialBalance"]


class AccountBalance(View):
    """All that was posted to an account, and what it comes to."""

    account: Account
    kind: Literal["asset", "liability", "expense"]
    currency: str = Field(examples=["usd"])
    debit_minor: int = Field(examples=[22500])
    credit_minor: int = Field(examples=[7500])
    balance_minor: int = Field(examples=[15000])


class TrialBalance(View):
    """Every account. The balances of each currency sum to zero.

    `as_of`: with what the log held up to this position; `effective_at`: of what had happened by then (null: of all).
    """

    accounts: list[AccountBalance]
    as_of: int
    effective_at: datetime | None
    position: int


class PostedLine(View):
    """Either `debit_minor` or `credit_minor` is zero. `instructor_id`: of the accounts that are kept for each."""

    account: Account
    instructor_id: str | None
    debit_minor: int
    credit_minor: int


class JournalEntry(View):
    """What one event posted: it has the position of the event. `occurred_at` is the effective date."""

    position: int
    event_type: str = Field(examples=["BonusEarned"])
    payout_id: str
    currency: str = Field(examples=["usd"])
    period: str = Field(description="The month whose books it belongs to", examples=["2026-03"])
    occurred_at: datetime
    recorded_at: datetime
    lines: list[PostedLine]


class StatementLine(View):
    """`balance_minor`: after this line."""

    position: int
    event_type: str
    payout_id: str
    instructor_id: str | None
    period: str
    occurred_at: datetime
    recorded_at: datetime
    debit_minor: int
    credit_minor: int
    balance_minor: int


class Statement(View):
    """An account, or one instructor's part of it, in the order of recording.

    `opening_minor` is the balance before the first of these lines; `closing_minor` that after the last line of the last
    page.
    """

    account: Account
    instructor_id: str | None
    currency: str
    opening_minor: int
    items: list[StatementLine]
    closing_minor: int
    as_of: int
    effective_from: datetime | None
    effective_at: datetime | None
    next_after: int | None
    position: int


class PayeeView(View):
    """What an instructor was paid in a calendar year (UTC): settled less reversed."""

    instructor_id: str
    currency: str
    settled_minor: int
    reversed_minor: int
    paid_minor: int
