"""What Stripe does not let our API key do. One alarm for each, and another only after it was allowed meanwhile.

A restricted key may lack a permission for ever. Nothing is paid wrongly by that, but what waits for it waits until a person
gives the permission, so somebody has to be told.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import structlog

from ledger.payouts.outcome import ACCOUNT_CODES, MESSAGE_LENGTH, Answer, NoAnswer, error_of
from ledger.payouts.stripe_gateway import Source

Call = Source | Literal["sending", "transfer", "account"]

NEEDED: Mapping[Call, str] = MappingProxyType(
    {
        "sending": "write transfers",
        "transfer": "read transfers",
        "account": "read accounts",
        "transfer_group": "read transfers",
        "destination_and_time": "read transfers",
        "balance_transactions": "read balance transactions",
        "events": "read events",
    }
)

ABOUT_THE_ACCOUNT = ACCOUNT_CODES | {"account_invalid"}

alarm = structlog.get_logger("ledger.alarm")


def refusal_of(answer: Answer | NoAnswer) -> str | None:
    """Stripe's words, which name the permission, if it says that our key may not read this; else None."""
    if isinstance(answer, NoAnswer) or answer.status != 403:
        return None
    return str(error_of(answer).get("message") or "HTTP 403")[:MESSAGE_LENGTH]


def lack_of_permission(answer: Answer | NoAnswer) -> str | None:
    """Stripe's words, if it refused our key and not the account that was named: of that it would give a code."""
    refusal = refusal_of(answer)
    if refusal is None or not isinstance(answer, Answer) or error_of(answer).get("code") in ABOUT_THE_ACCOUNT:
        return None
    return refusal


class Permissions:
    """For one event loop."""

    def __init__(self) -> None:
        self._missing: set[Call] = set()

    def refused(self, call: Call, refusal: str) -> None:
        if call in self._missing:
            return
        self._missing.add(call)
        action = f"give STRIPE_API_KEY the permission to {NEEDED[call]}; what waits for it goes on by itself"
        alarm.critical("stripe_permission_missing", source=call, said=refusal, action=action)

    def granted(self, call: Call) -> None:
        self._missing.discard(call)
