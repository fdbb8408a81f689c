"""The last leg of the money, from an instructor's Stripe account to their bank: as Stripe reported it, in words for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from projections.views import BankLegView

__all__ = ["WHY_REFUSED", "BankReport", "bank_leg", "in_words"]

_NAME_ANOTHER = "Please name another one in your payout account."
_ASK_BANK = "Please ask your bank, or name another account in your payout account."
_CORRECT_IT = "Please correct it in your payout account."

WHY_REFUSED: Mapping[str, str] = {
    "account_closed": f"the bank account is closed. {_NAME_ANOTHER}",
    "account_frozen": f"the bank account is frozen. {_ASK_BANK}",
    "bank_account_restricted": f"the bank account may not receive such payments. {_ASK_BANK}",
    "bank_ownership_changed": f"the bank account has moved to another bank. {_NAME_ANOTHER}",
    "could_not_process": f"it could not process the payment. {_ASK_BANK}",
    "debit_not_authorized": f"the bank account does not allow payments to be taken back. {_ASK_BANK}",
    "declined": f"it declined the payment. {_ASK_BANK}",
    "incorrect_account_holder_address": f"the address of the account's holder is another one there. {_CORRECT_IT}",
    "incorrect_account_holder_name": f"the name of the account's holder is another one there. {_CORRECT_IT}",
    "incorrect_account_holder_tax_id": f"the tax number of the account's holder is another one there. {_CORRECT_IT}",
    "incorrect_account_type": f"the bank account is of another type than you gave. {_CORRECT_IT}",
    "insufficient_funds": "there was not enough money in your payout account when it was sent.",
    "invalid_account_number": f"the account number is not valid. {_CORRECT_IT}",
    "invalid_currency": f"the bank account does not take this currency. {_NAME_ANOTHER}",
    "no_account": f"no bank account was found with the number you gave. {_CORRECT_IT}",
    "unsupported_card": f"the card does not take such payments. {_NAME_ANOTHER}",
}
"""By Stripe's code (docs.stripe.com/api/payouts/failures). Its text is never told: it may name what instructors cannot mend."""


@dataclass(frozen=True, slots=True)
class BankReport:
    """The newest that Stripe told of bank payouts from one account, and when that happened."""

    status: Literal["paid", "failed"]
    failure_code: str | None
    reported_at: datetime


def bank_leg(paid_at: datetime, report: BankReport | None) -> BankLegView:
    """Where the money of a payout is, that was paid into the account at `paid_at`. An older report is about other money.

    Stripe sends what has gathered in an account, so a report is about the account and not about one payout.
    """
    if report is None or report.reported_at < paid_at:
        return BankLegView(stands="on_its_way", reported_at=None, message=None)
    if report.status == "paid":
        return BankLegView(stands="sent", reported_at=report.reported_at, message=None)
    message = WHY_REFUSED.get(report.failure_code or "", "it did not say why.")
    return BankLegView(stands="refused", reported_at=report.reported_at, message=message)


def in_words(leg: BankLegView) -> str:
    match leg:
        case BankLegView(stands="sent", reported_at=datetime() as at):
            return f"Paid out to your bank by {at:%Y-%m-%d}."
        case BankLegView(stands="refused"):
            return f"Your bank refused the newest payment from your account: {leg.message}"
        case _:
            return "On its way to your bank."
