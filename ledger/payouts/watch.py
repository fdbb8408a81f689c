"""What is done now and then, whatever happens: the sweep, and asking Stripe for what it told while nobody listened.

Both are nets. Payouts are put on the list by following the log, and notices come by webhook; this finds what slipped
through, with any number of workers and after any crash.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import structlog

from ledger.payouts.notices import Notices
from ledger.payouts.outcome import Answer, NoAnswer, TooLong
from ledger.payouts.permissions import Permissions, refusal_of
from ledger.payouts.todo import TodoList

SWEEP_INTERVAL = timedelta(minutes=15)
ASK_INTERVAL = timedelta(hours=1)
STRIPE_KEEPS = timedelta(days=30)  # its events
OVERLAP = timedelta(minutes=10)  # events may appear in the list a little late
QUESTIONS_AT_A_TURN = 10
FEW_IN_A_STRETCH = 1000  # so that the next may be longer

logger = structlog.get_logger("ledger.watch")


class EventLister(Protocol):
    """What Stripe has told from a Unix time on, and before another, newest first; TooLong if that is too much at once."""

    async def list_events(self, since: int, until: int | None = None) -> Answer | NoAnswer: ...


class Watch:
    """Correct with any number of workers; each asks Stripe once when it starts."""

    def __init__(self, todo: TodoList, notices: Notices, stripe: EventLister, clock: Callable[[], datetime]) -> None:
        self._todo = todo
        self._notices = notices
        self._stripe = stripe
        self._permissions = Permissions()
        self._clock = clock
        self._asked_at: datetime | None = None
        self._is_refused = False
        self._stretch_seconds: int | None = None

    @property
    def is_behind(self) -> bool:
        """Whether Stripe may have told what nobody heard since we started. What it refuses to tell us is not waited for: with a
        key that is not taken nothing is paid, and one that may not read events is alarmed about.
        """
        return self._asked_at is None and not self._is_refused

    async def sweep(self) -> None:
        """If it is due: put on the list what should be there and is not."""
        found = await asyncio.to_thread(self._todo.sweep, SWEEP_INTERVAL)
        if found:
            logger.error("payouts_were_forgotten", count=found, action="they are looked at again; find out why")

    async def listen(self) -> None:
        """If it is due: ask for missed notices."""
        now = self._clock()
        if self._asked_at is None or now >= self._asked_at + ASK_INTERVAL:
            await self.ask_for_missed_notices(now)

    async def ask_for_missed_notices(self, now: datetime) -> int:
        """Hear, oldest first, what Stripe has told since we last asked. Hearing something again changes nothing.

        What is too much for one answer is asked for in stretches of time, the oldest first. The mark moves over a stretch
        once all of it was heard: whoever dies, is not answered, or leaves the rest to the next turn, goes on from there.
        """
        since, heard = await self._since(now), 0
        for _ in range(QUESTIONS_AT_A_TURN):
            until = None if self._stretch_seconds is None else since + self._stretch_seconds
            answer = await self._stripe.list_events(since, until)
            if isinstance(answer, TooLong):
                self._stretch_seconds = max(1, ((until or int(now.timestamp())) - since) // 2)
                continue
            notices = self._notices_in(answer, since)
            if notices is None:
                return heard  # asked again with the next turn
            for notice in reversed(notices):
                await asyncio.to_thread(self._notices.hear, notice)
            heard += len(notices)
            if until is None or until > now.timestamp():
                await asyncio.to_thread(self._todo.heard_until, now)
                self._asked_at, self._stretch_seconds = now, None
                return heard
            # As if it had been asked when the stretch was an overlap old: what is older than that appears no more.
            await asyncio.to_thread(self._todo.heard_until, min(now, datetime.fromtimestamp(until, UTC) + OVERLAP))
            since = until
            if self._stretch_seconds is not None and len(notices) < FEW_IN_A_STRETCH:
                self._stretch_seconds *= 2
        logger.info("events_not_all_read_yet", since=since, heard=heard, stretch_seconds=self._stretch_seconds)
        return heard

    async def _since(self, now: datetime) -> int:
        told_until = await asyncio.to_thread(self._todo.told_until)
        oldest = now - STRIPE_KEEPS
        return int((max(told_until - OVERLAP, oldest) if told_until is not None else oldest).timestamp())

    def _notices_in(self, answer: Answer | NoAnswer, since: int) -> list[Mapping[str, Any]] | None:
        """None: Stripe did not tell."""
        self._is_refused = isinstance(answer, Answer) and answer.status in (401, 403)
        if (refusal := refusal_of(answer)) is not None:
            self._permissions.refused("events", refusal)
            return None
        if not isinstance(answer, Answer) or answer.status >= 300 or answer.body is None:
            logger.warning("events_not_read", since=since, answer=repr(answer)[:200])
            return None
        self._permissions.granted("events")
        return [notice for notice in answer.body.get("data", ()) if isinstance(notice, dict)]
