"""What Stripe tells us by webhook, as far as it concerns payouts. It only ever has something looked at sooner.

No amount and no outcome is taken from a notice: they arrive late, out of order and repeatedly, or not at all, and workers
find everything out by themselves. The caller has verified the signature.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ledger.event_log import ConflictError, Draft, EventLog
from ledger.events import BonusEarned, Happened, PayoutAccountUpdated, PlatformFundsAvailable, stripe_event_tag
from ledger.history import about
from ledger.payouts.todo import TodoList

ACTOR = "stripe"

_ID = re.compile(r"[A-Za-z0-9_\-]{1,255}")


class Notices:
    """Safe to use from many threads. Raises the recorder's errors when the database is lost: Stripe then tells us again."""

    def __init__(self, log: EventLog, todo: TodoList, clock: Callable[[], datetime]) -> None:
        self._log = log
        self._todo = todo
        self._clock = clock

    def hear(self, notice: Mapping[str, Any]) -> None:
        """Act on one of Stripe's events; what does not concern us, or is of another shape, is let pass."""
        match notice:
            case {"type": "transfer.created" | "transfer.updated" | "transfer.reversed", "data": {"object": transfer}}:
                if (payout_id := _payout_of(transfer)) is not None:
                    self._todo.wake([payout_id])
            case {"type": "account.updated", "data": {"object": {"id": str(account_id)}}} if _ID.fullmatch(account_id):
                self._todo.wake(self._payouts_to(account_id))
            case {"type": "capability.updated", "data": {"object": {"account": str(account_id)}}} if _ID.fullmatch(
                account_id
            ):
                self._todo.wake(self._payouts_to(account_id))
            case {"type": "balance.available", "id": str(event_id)} if _ID.fullmatch(event_id):
                if notice.get("account") is None:  # else it is a connected account's balance, not the platform's
                    self._funds_available(event_id)
            case _:
                pass

    def _payouts_to(self, stripe_account_id: str) -> list[str]:
        """The payouts of everybody who has ever named this account."""
        updates, _ = self._log.read([about(f"account:{stripe_account_id}", PayoutAccountUpdated)])
        owners = {update.event.instructor_id for update in updates if isinstance(update.event, PayoutAccountUpdated)}
        if not owners:
            return []
        bonuses, _ = self._log.read(about(f"referrer:{owner}", BonusEarned) for owner in owners)
        return [bonus.event.payout_id for bonus in bonuses if isinstance(bonus.event, BonusEarned)]

    def _funds_available(self, stripe_event_id: str) -> None:
        """Record it, once for each of Stripe's events."""
        told = about(stripe_event_tag(stripe_event_id), PlatformFundsAvailable)
        event = PlatformFundsAvailable(stripe_event_id=stripe_event_id)
        draft = Draft(Happened(event, self._clock()), ACTOR, causation_id=stripe_event_id, correlation_id=None)
        try:
            self._log.append([draft], [told], after=0)
        except ConflictError:
            return  # heard before


def _payout_of(transfer: object) -> str | None:
    """The payout that a transfer discharges; None if it is not one of ours."""
    match transfer:
        case {"metadata": {"payout_id": str(payout_id)}}:
            pass
        case {"transfer_group": str(group)} if group.startswith("payout_"):
            payout_id = group.removeprefix("payout_")
        case _:
            return None
    return payout_id if _ID.fullmatch(payout_id) else None
