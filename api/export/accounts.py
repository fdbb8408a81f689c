"""Our accounts under the names and numbers that accounting programs know them by."""

import re
from collections.abc import Mapping
from datetime import UTC, date
from types import MappingProxyType

from ledger.books.accounts import Account
from ledger.books.months import month_of
from projections.journal_stretch import ExportedLine

__all__ = ["BEANCOUNT", "CODES", "beancount_account", "component", "posted_on"]

CODES: Mapping[Account, str] = MappingProxyType(
    {
        Account.STRIPE_BALANCE: "1100",
        Account.TRANSFERS_IN_FLIGHT: "1150",
        Account.CLAWBACKS_RECEIVABLE: "1200",
        Account.BONUSES_PAYABLE: "2100",
        Account.BONUS_EXPENSE: "6100",
    }
)
"""By the usual ranges: 1 assets, 2 liabilities, 6 expenses. Accounting packages map them to their own on import."""

BEANCOUNT: Mapping[Account, str] = MappingProxyType(
    {
        Account.STRIPE_BALANCE: "Assets:StripeBalance",
        Account.TRANSFERS_IN_FLIGHT: "Assets:TransfersInFlight",
        Account.CLAWBACKS_RECEIVABLE: "Assets:ClawbacksReceivable",
        Account.BONUSES_PAYABLE: "Liabilities:BonusesPayable",
        Account.BONUS_EXPENSE: "Expenses:Bonuses",
    }
)

_PREFIX = "Id-"  # a component of Beancount's begins with a capital, and an id of the platform's need not
_PLAIN = re.compile(r"[A-Za-z0-9]", re.ASCII)


def beancount_account(account: str, instructor_id: str | None) -> str:
    name = BEANCOUNT[Account(account)]
    return name if instructor_id is None else f"{name}:{component(instructor_id)}"


def component(instructor_id: str) -> str:
    """`ins_1` → `Id-ins-5F1`: letters and digits stay, any other byte is a dash and its two hexadecimal digits."""
    kept = (chr(byte) if _PLAIN.match(chr(byte)) else f"-{byte:02X}" for byte in instructor_id.encode())
    return f"{_PREFIX}{''.join(kept)}"


def posted_on(line: ExportedLine) -> date:
    """The day in the books: when it happened (UTC), or the first of its period when that month was closed already."""
    if month_of(line.occurred_at) == line.period:
        return line.occurred_at.astimezone(UTC).date()
    return date.fromisoformat(f"{line.period}-01")
