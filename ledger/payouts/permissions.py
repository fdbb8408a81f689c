"""What Stripe does not let our API key read. One alarm for each source, and another only after it could be read meanwhile.

A restricted key may lack a permission for ever. Nothing is paid wrongly by that, but what waits for such a source waits
until a person gives the permission, so somebody has to be told.
"""

from collections.abc import Mapping
from types import MappingProxyType

import structlog

from ledger.payouts.outcome import MESSAGE_LENGTH, Answer, NoAnswer, error_of
from ledger.payouts.stripe_gateway import Source

NEEDED: Mapping[Source, str] = MappingProxyType(
    {
        "transfer_group": "read transfers",
        "destination_and_time": "read transfers",
        "balance_transactions": "read balance transactions",
        "events": "read events",
    }
)

alarm = structlog.get_logger("ledger.alarm")


def refusal_of(answer: Answer | NoAnswer) -> str | None:
    """Stripe's words, which name the permission, if it says that our key may not read this; else None."""
    if isinstance(answer, NoAnswer) or answer.status != 403:
        return None
    return str(error_of(answer).get("message") or "HTTP 403")[:MESSAGE_LENGTH]


class Permissions:
    """For one event loop."""

    def __init__(self) -> None:
        self._missing: set[Source] = set()

    def refused(self, source: Source, refusal: str) -> None:
        if source in self._missing:
            return
        self._missing.add(source)
        action = f"give STRIPE_API_KEY the permission to {NEEDED[source]}; what waits for it goes on by itself"
        alarm.critical("stripe_permission_missing", source=source, said=refusal, action=action)

    def granted(self, source: Source) -> None:
        self._missing.discard(source)
