"""The status of a referral and of its payout (contract: DESIGN section 2)."""

from datetime import datetime
from typing import Literal, get_args

from ledger.payouts.payout import Payout

Status = Literal["pending_live", "pending_lesson", "pending_transfer", "paid", "failed", "cancelled", "reversed"]
STATUSES: tuple[Status, ...] = get_args(Status)
PAYOUT_STATUSES: tuple[Status, ...] = ("pending_transfer", "paid", "failed", "cancelled", "reversed")
"""Those that a payout can have: the others are of referrals whose bonus is not earned yet."""


def status_of(live_at: datetime | None, payout: Payout | None) -> Status:
    """A referral that is live awaits its lesson; one whose lesson came first still awaits going live."""
    if payout is not None:
        return payout_status(payout)
    return "pending_live" if live_at is None else "pending_lesson"


def payout_status(payout: Payout) -> Status:
    match payout.phase:
        case "settled":
            return "paid"
        case "failed" | "cancelled" | "reversed":
            return payout.phase
        case _:
            return "pending_transfer"
