"""What concerns the books as a whole: the end of a period."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from ledger.books.accounts import Account
from ledger.books.months import Month
from ledger.events.event import Currency, Event

PERIODS_TAG = "periods"

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class PeriodCutOff(Event):
    """Nothing is posted to this month or an earlier one any more: what happened then and is recorded from here on goes
    to the month after it, under its original date.
    """

    month: Month

    def tags(self) -> tuple[str, ...]:
        return (PERIODS_TAG,)


class PeriodBalance(BaseModel):
    """An account over one month. Balances are debit (positive) or credit (negative), in minor units."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    account: Account
    currency: Currency
    opening_minor: int
    debit_minor: Annotated[int, Field(ge=0)]
    credit_minor: Annotated[int, Field(ge=0)]
    closing_minor: int


class PeriodClosed(Event):
    """The books of a month as they are for ever. `digest`: SHA-256, in hexadecimal, of the month's export.

    `seal`: a signed checkpoint that covers the log at least up to `cut_off_position`; None where nothing seals the log.
    """

    month: Month
    cut_off_position: Annotated[int, Field(ge=1)]
    entries: Annotated[int, Field(ge=0)]
    trial_balance: tuple[PeriodBalance, ...]
    digest: Digest
    seal: str | None

    def tags(self) -> tuple[str, ...]:
        return (PERIODS_TAG,)
