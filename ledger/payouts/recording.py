"""Appends about one payout: always on the condition that nothing else happened to it since it was read."""

from collections.abc import Callable
from datetime import datetime

from eventsourcing.dcb.api import DCBQueryItem

from ledger.event_log import Appended, Draft
from ledger.events import AboutPayout, Happened, payout_tag
from ledger.history import about
from ledger.payouts.async_log import ACTOR, AsyncLog


class PayoutRecords:
    def __init__(self, log: AsyncLog, clock: Callable[[], datetime]) -> None:
        self._log = log
        self._clock = clock

    async def append(
        self, event: AboutPayout, cause: str, head: int, *also: DCBQueryItem, occurred_at: datetime | None = None
    ) -> Appended:
        """Record it unless something was recorded about the payout, or inside `also`, after `head`. `occurred_at` None: now.

        Raises ConflictError.
        """
        draft = Draft(
            Happened(event, occurred_at or self._clock()), ACTOR, causation_id=cause, correlation_id=event.referral_id
        )
        return await self._log.append([draft], [about(payout_tag(event.payout_id)), *also], after=head)
