"""The chart of accounts. A debit is a positive amount, a credit a negative one, in minor units."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

__all__ = ["CHART", "Account", "Described"]


class Account(StrEnum):
    """In the order of every list of accounts."""

    STRIPE_BALANCE = "stripe_balance"
    TRANSFERS_IN_FLIGHT = "transfers_in_flight"
    CLAWBACKS_RECEIVABLE = "clawbacks_receivable"
    BONUSES_PAYABLE = "bonuses_payable"
    BONUS_EXPENSE = "bonus_expense"


@dataclass(frozen=True, slots=True)
class Described:
    """`kind` tells on which side the balance grows; `per_instructor`: each line names whom it is about."""

    name: str
    kind: Literal["asset", "liability", "expense"]
    per_instructor: bool
    holds: str


CHART: Mapping[Account, Described] = MappingProxyType(
    {
        Account.STRIPE_BALANCE: Described(
            "Stripe balance",
            "asset",
            per_instructor=False,
            holds="what left the platform's balance at Stripe, and came back",
        ),
        Account.TRANSFERS_IN_FLIGHT: Described(
            "Transfers in flight", "asset", per_instructor=False, holds="set aside for attempts whose outcome is open"
        ),
        Account.CLAWBACKS_RECEIVABLE: Described(
            "Clawbacks receivable", "asset", per_instructor=True, holds="payments that are being taken back"
        ),
        Account.BONUSES_PAYABLE: Described(
            "Bonuses payable", "liability", per_instructor=True, holds="bonuses earned and still owed"
        ),
        Account.BONUS_EXPENSE: Described(
            "Bonus expense", "expense", per_instructor=False, holds="what the bonuses cost the platform"
        ),
    }
)
