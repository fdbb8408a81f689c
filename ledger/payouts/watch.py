"""What is done now and then, whatever happens: the sweep, and asking Stripe for what it told while nobody listened.

Both are nets. Payouts are put on the list by following the log, and notices come by webhook; this finds what slipped
through, with any number of workers and after any crash.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from ledger.payouts.notices import Notices
from ledger.payouts.outcome import Answer, NoAnswer
from ledger.payouts.permissions import Permissions, refusal_of
from ledger.payouts.todo import TodoList

SWEEP_INTERVAL = timedelta(minutes=15)
ASK_INTERVAL = timedelta(hours=1)
STRIPE_KEEPS = timedelta(days=30)  # its events
OVERLAP = timedelta(minutes=10)  # events may appear in the list a little late

logger = structlog.get_logger("ledger.watch")


class EventLister(Protocol):
    """What Stripe has told since a Unix time, newest first."""

    async def list_events(self, since: int) -> Answer | NoAnswer: ...


class Watch:
    """`turn` does what is due. Correct with any number of workers; each asks Stripe once when it starts."""

    def __init__(self, todo: TodoList, notices: Notices, stripe: EventLister, clock: Callable[[], datetime]) -> None:
        self._todo = todo
        self._notices = notices
        self._stripe = stripe
        self._permissions = Permissions()
        self._clock = clock
        self._asked_at: datetime | None = None

    async def turn(self) -> None:
        found = await asyncio.to_thread(self._todo.sweep, SWEEP_INTERVAL)
        if found:
            logger.error("payouts_were_forgotten", count=found, action="they are looked at again; find out why")
        now = self._clock()
        if self._asked_at is None or now >= self._asked_at + ASK_INTERVAL:
            await self.ask_for_missed_notices(now)

    async def ask_for_missed_notices(self, now: datetime) -> int:
        """Hear, oldest first, what Stripe has told since we last asked. Hearing something again changes nothing."""
        told_until = await asyncio.to_thread(self._todo.told_until)
        since = max(told_until - OVERLAP, now - STRIPE_KEEPS) if told_until is not None else now - STRIPE_KEEPS
        answer = await self._stripe.list_events(int(since.timestamp()))
        if (refusal := refusal_of(answer)) is not None:
            self._permissions.refused("events", refusal)
            return 0
        if not isinstance(answer, Answer) or answer.status >= 300 or answer.body is None:
            logger.warning("events_not_read", since=since.isoformat(), answer=repr(answer)[:200])
            return 0  # asked again with the next turn
        self._permissions.granted("events")
        notices: list[dict[str, Any]] = [notice for notice in answer.body.get("data", ()) if isinstance(notice, dict)]
        for notice in reversed(notices):
            await asyncio.to_thread(self._notices.hear, notice)
        await asyncio.to_thread(self._todo.heard_until, now)
        self._asked_at = now
        return len(notices)
