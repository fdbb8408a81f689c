"""The official client, talking to a twin in the same process: no sockets, and any event loop's idea of time.

    StripeClient("sk_test_…", http_client=TwinHTTPClient(twin), max_network_retries=0)
"""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx
import stripe

from sandbox.stripe_twin.messages import Answer, Outcome, Request, Silence
from sandbox.stripe_twin.twin import Twin


class TwinHTTPClient(stripe.HTTPClient):
    """Carries the client's calls to the twin, and to the client what it would see of each outcome.

    A call runs on in the twin when its caller gave up or was cancelled, as it would at Stripe.
    """

    name = "twin"

    def __init__(self, twin: Twin, timeout_seconds: float = 80.0) -> None:
        super().__init__()
        self._twin = twin
        self._timeout_seconds = timeout_seconds
        self._running: set[asyncio.Task[Outcome]] = set()

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: str | None = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """One call; raises `stripe.APIConnectionError` where the network would have failed."""
        there = asyncio.create_task(self._handle(_request(method, url, headers, post_data)))
        self._running.add(there)
        there.add_done_callback(self._running.discard)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                outcome = await asyncio.shield(there)
                if isinstance(outcome, Silence):
                    await asyncio.get_running_loop().create_future()
        except TimeoutError as error:
            raise stripe.APIConnectionError("Request timed out.", should_retry=True) from error
        if not isinstance(outcome, Answer):
            raise stripe.APIConnectionError(f"Connection lost: {type(outcome).__name__}.", should_retry=True)
        return outcome.body, outcome.status, httpx.Headers(dict(outcome.headers))

    def request(
        self, method: str, url: str, headers: Mapping[str, str], post_data: str | None = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """The same for the synchronous client, to whom no time passes."""
        outcome = self._twin.handle(_request(method, url, headers, post_data))
        if not isinstance(outcome, Answer):
            raise stripe.APIConnectionError(f"Connection lost: {type(outcome).__name__}.", should_retry=True)
        return outcome.body, outcome.status, httpx.Headers(dict(outcome.headers))

    async def _handle(self, request: Request) -> Outcome:
        call = self._twin.receive(request)
        await asyncio.sleep(call.work_seconds)
        outcome = self._twin.execute(call)
        await asyncio.sleep(call.return_seconds)
        return outcome

    def close(self) -> None:
        """Nothing is held open."""

    async def close_async(self) -> None:
        """Nothing is held open."""


def _request(method: str, url: str, headers: Mapping[str, str], post_data: Any) -> Request:
    parts = urlsplit(url)
    body = post_data.encode() if isinstance(post_data, str) else post_data or b""
    lower_case = {name.lower(): value for name, value in headers.items()}
    return Request(method.upper(), parts.path, parts.query, lower_case, body)
