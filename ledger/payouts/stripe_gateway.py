"""The calls to Stripe that the payout process makes, with the official client. No retries here: each try is recorded.

Every call returns what was on the wire (`Answer`) or says that there was no answer (`NoAnswer`); it does not raise for
anything Stripe or the network does.
"""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx
import stripe

from ledger.events import TransferRequested
from ledger.payouts.outcome import Answer, NoAnswer

API_VERSION = "2026-10-28.endive"
CALL_TIMEOUT_SECONDS = 30.0
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class TransferGateway(Protocol):
    """What the worker needs of Stripe; the simulation has another one."""

    async def create_transfer(self, request: TransferRequested) -> Answer | NoAnswer:
        """Send the request under its own idempotency key."""

    async def list_transfers(self, transfer_group: str) -> Answer | NoAnswer:
        """The transfers of a group, newest first. An empty list proves nothing."""

    async def read_account(self, stripe_account_id: str) -> Answer | NoAnswer:
        """A fresh read of a connected account."""

    async def read_balance(self) -> Answer | NoAnswer:
        """The platform's balance: the cheapest call that shows whether our API key is taken."""


class StripeGateway:
    """Stripe itself, or whatever answers at `api_base` (the sandbox)."""

    def __init__(
        self, api_key: str, api_base: str | None = None, timeout_seconds: float = CALL_TIMEOUT_SECONDS
    ) -> None:
        self._http = Transport(timeout_seconds, is_local=urlsplit(api_base or "").hostname in LOOPBACK)
        self._client = stripe.StripeClient(
            api_key,
            base_addresses={"api": api_base} if api_base else {},
            http_client=self._http,
            max_network_retries=0,
            stripe_version=API_VERSION,
        )

    async def create_transfer(self, request: TransferRequested) -> Answer | NoAnswer:
        return await _answer(
            self._client.v1.transfers.create_async(
                {
                    "amount": request.amount_minor,
                    "currency": request.currency,
                    "destination": request.destination,
                    "transfer_group": request.transfer_group,
                    "metadata": dict(request.metadata),
                },
                {"idempotency_key": request.idempotency_key},
            )
        )

    async def list_transfers(self, transfer_group: str) -> Answer | NoAnswer:
        return await _answer(self._client.v1.transfers.list_async({"transfer_group": transfer_group, "limit": 100}))

    async def read_account(self, stripe_account_id: str) -> Answer | NoAnswer:
        return await _answer(self._client.v1.accounts.retrieve_async(stripe_account_id))

    async def read_balance(self) -> Answer | NoAnswer:
        return await _answer(self._client.v1.balance.retrieve_async())

    async def close(self) -> None:
        await self._http.close_async()


class Transport(stripe.HTTPClient):
    """httpx below Stripe's client, where the client's own transport has no say: a call ends in time even if its answer only
    trickles in, and a proxy named by the environment (HTTPS_PROXY) is the way to Stripe but never to this machine.
    """

    name = "httpx"

    def __init__(self, timeout_seconds: float, *, is_local: bool) -> None:
        super().__init__()
        self._timeout_seconds = timeout_seconds
        certificates = ssl.create_default_context(cafile=stripe.ca_bundle_path)
        self._connections = httpx.AsyncClient(timeout=timeout_seconds, trust_env=not is_local, verify=certificates)

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """One request, never repeated. Raises stripe.APIConnectionError if no whole answer came."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                response = await self._connections.request(method, url, headers=headers, content=post_data)
        except (httpx.HTTPError, TimeoutError, OSError) as error:
            raise stripe.APIConnectionError(str(error), should_retry=True) from error
        return response.content, response.status_code, response.headers

    async def close_async(self) -> None:
        await self._connections.aclose()


async def _answer(call: Awaitable[object]) -> Answer | NoAnswer:
    """Run one call of the client and undo what its exceptions hide."""
    try:
        found = await call
    except stripe.APIConnectionError as error:
        return NoAnswer(type(error.__cause__ or error).__name__)
    except stripe.StripeError as error:
        if error.http_status is None:
            return NoAnswer(type(error).__name__)
        # For an unreadable body the client passes the headers where it should pass the JSON.
        misplaced = error.json_body if isinstance(error.json_body, httpx.Headers) else {}
        return _on_the_wire(error.http_status, _json_object(error.http_body), error.headers or misplaced)
    if not isinstance(found, stripe.StripeObject) or found.last_response is None:  # JSON, but not an object
        return Answer(200, None)
    return _on_the_wire(found.last_response.code, found.to_dict(), found.last_response.headers)


def _json_object(body: str | None) -> dict[str, Any] | None:
    try:
        found = json.loads(body or "")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _on_the_wire(status: int, body: Mapping[str, Any] | None, headers: Mapping[str, str]) -> Answer:
    lowered = {name.lower(): value for name, value in headers.items()}
    return Answer(
        status=status,
        body=body,
        replayed=lowered.get("idempotent-replayed") == "true",
        request_id=lowered.get("request-id"),
        rate_limited_reason=lowered.get("stripe-rate-limited-reason"),
    )
