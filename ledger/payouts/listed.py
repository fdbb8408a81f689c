"""Entries of Stripe's lists, as far as they are about transfers."""

from collections.abc import Mapping
from typing import Any


def object_in(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """The transfer itself, the one inside an event, or the expanded source of a balance transaction."""
    match item:
        case {"object": "event", "data": {"object": dict(transfer)}}:
            return transfer
        case {"object": "balance_transaction", "source": dict(transfer)}:
            return transfer
        case _:
            return item


def claims_payout(item: Mapping[str, Any], payout_id: str) -> bool:
    """Whether it is about a transfer that says it is of this payout."""
    match object_in(item):
        case {"metadata": {"payout_id": claimed}}:
            return bool(claimed == payout_id)
        case _:
            return False
