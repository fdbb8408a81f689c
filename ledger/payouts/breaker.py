"""A circuit breaker for Stripe: when nothing answers, stop asking for a while, then let one call through to see.

It keeps no payout from being paid and decides nothing: while it is open, payouts that would need Stripe wait, no intent is
recorded for calls that would not be made, and a long outage ends in an orderly drain.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

FAILURES_TO_OPEN = 5
SHORTEST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=2)


class Breaker:
    """For one process. Any answer that came from Stripe closes it; only silence and 502/503/504 count against it."""

    def __init__(self, clock: Callable[[], datetime], failures_to_open: int = FAILURES_TO_OPEN) -> None:
        self._clock = clock
        self._failures_to_open = failures_to_open
        self._failures = 0
        self._pause = SHORTEST_PAUSE
        self._open_until: datetime | None = None
        self._is_probing = False

    @property
    def is_open(self) -> bool:
        return self._open_until is not None

    def wait_until(self) -> datetime | None:
        """When to come back; None: call now. After each pause one caller is let through, the others wait for another."""
        if self._open_until is None:
            return None
        now = self._clock()
        if now < self._open_until:
            return self._open_until
        self._open_until = now + self._pause
        self._is_probing = True
        return None

    def answered(self) -> None:
        self._failures = 0
        self._pause = SHORTEST_PAUSE
        self._open_until = None
        self._is_probing = False

    def unanswered(self) -> None:
        self._failures += 1
        if self._failures < self._failures_to_open:
            return
        if self._is_probing:
            self._pause = min(LONGEST_PAUSE, self._pause * 2)
        elif self.is_open:
            return  # it was on its way already when the breaker opened, and tells nothing new
        self._is_probing = False
        self._open_until = self._clock() + self._pause
