"""A line of a book, in the one form in which all are compared."""

from datetime import datetime
from typing import NamedTuple

TRANSFER = "transfer"
TRANSFER_REVERSAL = "transfer_reversal"
LOG_CATEGORIES = frozenset({TRANSFER, TRANSFER_REVERSAL})
BANK_CATEGORIES = frozenset({"topup", "topup_reversal", "payout", "payout_reversal"})


class Line(NamedTuple):
    """`amount_minor` is signed as it changes Stripe's balance: a transfer and a payout to the bank are negative.

    Happened at some moment in [at, until]: for the log between the intent and its outcome, elsewhere both are the same.
    `id` names the line on its own side. `source_id` is Stripe's object of the movement, where the side knows it,
    `transfer_id` the transfer that a reversal takes back.
    """

    id: str
    at: datetime
    until: datetime
    category: str
    currency: str
    amount_minor: int
    fee_minor: int = 0
    net_minor: int = 0
    source_id: str | None = None
    transfer_id: str | None = None
    payout_id: str | None = None
    account: str | None = None
    in_flight: bool = False
