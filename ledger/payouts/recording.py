"""Appends about one payout: always on the condition that nothing else happened to it since it was read."""

from collections.abc import Callable, Sequence
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
        return await self.append_all([(event, occurred_at or self._clock())], cause, head, *also)

    async def append_all(
        self, happened: Sequence[tuple[AboutPayout, datetime]], cause: str, head: int, *also: DCBQueryItem
    ) -> Appended:
        """Record all of it, each with its time, or nothing: on the same condition. About one payout. Raises ConflictError."""
        drafts = [
            Draft(Happened(event, at), ACTOR, causation_id=cause, correlation_id=event.referral_id)
            for event, at in happened
        ]
        boundary = [about(payout_tag(happened[0][0].payout_id)), *also]
        return await self._log.append(drafts, boundary, after=head)
