"""How fast to call Stripe: at most so many calls at once and so many a second, where the rate adapts.

As TCP does it: the rate doubles every second until it meets Stripe's limit for the first time, or ours. From then on additive
increase, multiplicative decrease: a second of answered calls allows a little more, however many they were, and a 429 halves
what its reason names, the calls at once or else the rate. Workers know how many they are, and each keeps to its part of our
limit; that of Stripe, where it is lower, they come to share equally without knowing each other.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

MAX_RATE_PER_SECOND = 97.0
"""Of all workers. Stripe's documented limit is 100 in live mode; the rest is for people and probes."""
MAKE_UP_CALLS = 2
"""Turns that nobody was there for and that are made up, of all workers: in any second still no more than Stripe's 100."""
MIN_RATE_PER_SECOND = 0.5
INITIAL_RATE_PER_SECOND = 20.0  # below every limit that Stripe documents
INCREASE_PER_SECOND = 1.0
DECREASE_FACTOR = 0.5
DECREASE_PAUSE_SECONDS = 1.0  # a burst of 429s is one signal
TOO_MANY_AT_ONCE = frozenset({"global-concurrency", "endpoint-concurrency"})  # Stripe-Rate-Limited-Reason (STRIPE.md)


class Pace:
    """`async with pace.call():` waits for its turn. For one event loop."""

    def __init__(self, concurrency: int = 16, clock: Callable[[], float] | None = None) -> None:
        self._most_at_once = concurrency
        self._at_once = float(concurrency)
        self._running = 0
        self._under_way = 0
        self._changed = asyncio.Condition()
        self._clock = clock or asyncio.get_running_loop().time
        self._rate = INITIAL_RATE_PER_SECOND
        self._max_rate = MAX_RATE_PER_SECOND
        self._has_met_limit = False
        self._next_turn = 0.0
        self._decreased_at = float("-inf")

    @property
    def rate_per_second(self) -> float:
        return self._rate

    @property
    def calls_at_once(self) -> int:
        return int(self._at_once)

    @property
    def calls_under_way(self) -> int:
        """Those that have had their turn and are not answered yet."""
        return self._under_way

    def share(self, workers: int) -> None:
        """Keep to this worker's part of the rate."""
        self._max_rate = MAX_RATE_PER_SECOND / max(1, workers)
        self._rate = min(self._rate, self._max_rate)

    @asynccontextmanager
    async def call(self) -> AsyncIterator[None]:
        async with self._slot():
            now = self._clock()
            turn = max(self._next_turn, now - MAKE_UP_CALLS / MAX_RATE_PER_SECOND)
            self._next_turn = turn + 1.0 / self._rate
            if turn > now:
                await asyncio.sleep(turn - now)
            self._under_way += 1
            try:
                yield
            finally:
                self._under_way -= 1

    def answered(self) -> None:
        """A call was answered without complaint."""
        more = INCREASE_PER_SECOND / self._rate
        self._rate = min(self._max_rate, self._rate + (more if self._has_met_limit else 1.0))
        self._at_once = min(self._most_at_once, self._at_once + more)

    def slow_down(self, reason: str | None = None) -> None:
        """Stripe said 429, for the reason in its header if it gave one: everybody slows down."""
        now = self._clock()
        if now - self._decreased_at < DECREASE_PAUSE_SECONDS:
            return
        self._decreased_at = now
        self._has_met_limit = True
        if reason in TOO_MANY_AT_ONCE:
            self._at_once = max(1.0, self._at_once * DECREASE_FACTOR)
        else:
            self._rate = max(MIN_RATE_PER_SECOND, self._rate * DECREASE_FACTOR)

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        async with self._changed:
            await self._changed.wait_for(lambda: self._running < self.calls_at_once)
            self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            async with self._changed:
                self._changed.notify_all()
