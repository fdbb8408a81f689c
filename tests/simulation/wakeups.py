"""What wakes an idle worker: the log or the to-do list changed, something came due, or a notification was lost and it looked
by itself a moment later.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.simulation.plan import HOUR
from tests.simulation.virtual_time import VirtualTimeLoop

LONGEST_IDLE = 6 * HOUR
POLL_SECONDS = 1.0
WAKEUP_SECONDS = 0.05  # notifications are coalesced


@dataclass(eq=False)
class Waiter:
    """Somebody idle, and until when at the latest."""

    rung: asyncio.Future[None]
    until: float


class SimulatedWakeups:
    """In place of the worker's look every second, which would make days long: it is told of whatever it would have seen."""

    def __init__(
        self, loop: VirtualTimeLoop, lots: Random, loss: float, head: Callable[[], int], due: Callable[[], float | None]
    ) -> None:
        self._loop = loop
        self._lots = lots
        self._loss = loss
        self._head = head
        self._due = due
        self._waiting: list[Waiter] = []

    def notify(self, moment: float) -> None:
        """There is something to look at from `moment` on: those who wait longer notice it then, or with their next look."""
        for waiter in self._waiting:
            if moment < waiter.until:
                delay = self._lots.uniform(0, POLL_SECONDS) if self._lots.random() < self._loss else WAKEUP_SECONDS
                waiter.until = max(moment, self._loop.time()) + delay
                self._loop.call_at(waiter.until, self._ring, waiter, context=self._loop.outside)

    def wait(self, after: int, timeout_seconds: float) -> Coroutine[Any, Any, None]:
        """Returned to the virtual thread that called it, which waits for it."""
        return self._wait(after)

    async def _wait(self, after: int) -> None:
        if self._head() > after:
            return
        due = self._due()
        patience = LONGEST_IDLE if due is None else min(max(0.02, due), LONGEST_IDLE)
        waiter = Waiter(self._loop.create_future(), self._loop.time() + patience)
        self._waiting.append(waiter)
        self._loop.call_at(waiter.until, self._ring, waiter, context=self._loop.outside)
        await waiter.rung

    def _ring(self, waiter: "Waiter") -> None:
        if not waiter.rung.done():
            self._waiting.remove(waiter)
            waiter.rung.set_result(None)
