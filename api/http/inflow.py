"""A request's body as it comes in, and what becomes of a rest that nobody wanted to read."""

import asyncio
from contextlib import suppress

from starlette.types import Message, Receive, Scope

DRAIN_BYTES = 8 * 1024 * 1024
DRAIN_SECONDS = 2.0


class Inflow:
    """The ASGI `receive` of a request; knows whether its end has been seen.

    The server would go on taking in a body after it was answered, without end. A connection that is closed at once may lose
    the answer on its way, so whoever sends somewhat too much may finish first.
    """

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._receive = receive
        self.is_complete = not any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            self.is_complete = True
        return message

    async def drain(self) -> None:
        """Take in the rest and drop it, within limits: `is_complete` says whether that was all."""
        remaining_bytes = DRAIN_BYTES
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while not self.is_complete and remaining_bytes > 0:
                    remaining_bytes -= len((await self()).get("body", b""))
