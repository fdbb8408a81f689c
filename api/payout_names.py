"""Finds a payout by whatever somebody has of it: its own id, that of its referral, or that of its transfer at Stripe."""

from ledger.event_log import EventLog
from ledger.events import AboutPayout, BonusEarned, TransferSettled, payout_tag, referral_tag, transfer_tag
from ledger.history import about

__all__ = ["payout_named"]


def payout_named(log: EventLog, name: str) -> str | None:
    """Its id; None: no payout is known by this name."""
    tags = [about(payout_tag(name), BonusEarned), about(referral_tag(name), BonusEarned)]
    found, _ = log.read([*tags, about(transfer_tag(name), TransferSettled)], limit=1)
    return next((each.event.payout_id for each in found if isinstance(each.event, AboutPayout)), None)
