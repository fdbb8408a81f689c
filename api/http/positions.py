"""Read your own writes: a reader names the position it wants reflected (`?min_position=`) and waits until it is.

A page waits for whatever comes next. Waiting costs no thread: all who wait share one poller, which runs only while
somebody waits.
"""

import asyncio
from collections.abc import Callable
from typing import Annotated

from fastapi import Query, Response
from starlette.concurrency import run_in_threadpool

from api.http.problems import Kind, ProblemError

PATIENCE_SECONDS = 5.0
POLL_SECONDS = 0.02
MOST_WAITING = 500
HEADER = "Ledger-Position"

MinPosition = Annotated[
    int | None,
    Query(ge=0, le=2**62, description=f"Wait up to {PATIENCE_SECONDS:g} s until this position is reflected"),
]


class PositionWatch:
    """Waits for a position that only grows. `read` is synchronous; what it raises, those who wait get."""

    def __init__(self, read: Callable[[], int], poll_seconds: float = POLL_SECONDS) -> None:
        self._read = read
        self._poll_seconds = poll_seconds
        self._waiting: dict[asyncio.Future[int], int] = {}
        self._poller: asyncio.Task[None] | None = None

    async def reach(self, position: int | None) -> None:
        """Return once `position` is reached; at once for None. Raises ProblemError."""
        if not position:
            return
        if await run_in_threadpool(self._read) >= position:
            return
        try:
            await self._wait(position, PATIENCE_SECONDS)
        except TimeoutError:
            raise ProblemError(Kind.POSITION_TIMEOUT, f"Position {position}, {PATIENCE_SECONDS:g} s.") from None

    async def beyond(self, position: int, seconds: float) -> int | None:
        """The first position after this one; None if there was none for so long. Raises ProblemError."""
        try:
            return await self._wait(position + 1, seconds)
        except TimeoutError:
            return None

    async def _wait(self, position: int, seconds: float) -> int:
        """The position then reached. Raises TimeoutError, ProblemError."""
        if len(self._waiting) >= MOST_WAITING:
            raise ProblemError(Kind.BUSY, "Too many requests wait for a position.")
        reached: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting[reached] = position
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())
        try:
            async with asyncio.timeout(seconds):
                return await reached
        finally:
            del self._waiting[reached]

    async def _poll(self) -> None:
        while self._waiting:
            try:
                position = await run_in_threadpool(self._read)
            except Exception as error:  # noqa: BLE001 - whoever waits gets it
                self._fail(error)
                return
            for reached, wanted in self._waiting.items():
                if wanted <= position and not reached.done():
                    reached.set_result(position)
            await asyncio.sleep(self._poll_seconds)

    def _fail(self, error: Exception) -> None:
        for reached in self._waiting:
            if not reached.done():
                reached.set_exception(error)


def reflects(response: Response, position: int) -> None:
    """Say in the answer which position it reflects."""
    response.headers[HEADER] = str(position)
