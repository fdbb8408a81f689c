"""The last leg of the money, from an instructor's Stripe account to their bank: as Stripe reported it, in words for them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from projections.views import BankLegView


@dataclass(frozen=True, slots=True)
class BankReport:
    """The newest that Stripe told of bank payouts from one account, and when that happened."""

    status: Literal["paid", "failed"]
    failure_message: str | None
    reported_at: datetime


def bank_leg(paid_at: datetime, report: BankReport | None) -> BankLegView:
    """Where the money of a payout is, that was paid into the account at `paid_at`. An older report is about other money.

    Stripe sends what has gathered in an account, so a report is about the account and not about one payout.
    """
    if report is None or report.reported_at < paid_at:
        return BankLegView(stands="on_its_way", reported_at=None, message=None)
    if report.status == "paid":
        return BankLegView(stands="sent", reported_at=report.reported_at, message=None)
    message = report.failure_message or "it did not say why."
    return BankLegView(stands="refused", reported_at=report.reported_at, message=message)


def in_words(leg: BankLegView) -> str:
    match leg:
        case BankLegView(stands="sent", reported_at=datetime() as at):
            return f"Paid out to your bank by {at:%Y-%m-%d}."
        case BankLegView(stands="refused"):
            return f"Your bank refused the newest payment from your account: {leg.message}"
        case _:
            return "On its way to your bank."
