"""The calls to Stripe that the payout process makes, with the official client. No retries here: each try is recorded.

Every call returns what was on the wire (`Answer`) or says that there was no answer (`NoAnswer`); it does not raise for
anything Stripe or the network does.
"""

from collections.abc import Awaitable, Mapping
from typing import Any, Protocol

import stripe

from ledger.events import TransferRequested
from ledger.payouts.outcome import Answer, NoAnswer

API_VERSION = "2026-10-28.endive"
CALL_TIMEOUT_SECONDS = 30.0


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
        self._http = stripe.HTTPXClient(timeout=timeout_seconds)
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
        await self._http.close_async()  # type: ignore[no-untyped-call]


async def _answer(call: Awaitable[stripe.StripeObject]) -> Answer | NoAnswer:
    """Run one call of the client and undo what its exceptions hide."""
    try:
        found = await call
    except stripe.APIConnectionError as error:
        return NoAnswer(type(error.__cause__ or error).__name__)
    except stripe.StripeError as error:
        body = error.json_body if isinstance(error.json_body, Mapping) else None
        if error.http_status is None:
            return NoAnswer(type(error).__name__)
        return _on_the_wire(error.http_status, body, error.headers or {})
    response = found.last_response
    headers: Mapping[str, str] = response.headers if response is not None else {}
    status = response.code if response is not None else 200
    return _on_the_wire(status, found.to_dict(), headers)


def _on_the_wire(status: int, body: Mapping[str, Any] | None, headers: Mapping[str, str]) -> Answer:
    lowered = {name.lower(): value for name, value in headers.items()}
    return Answer(
        status=status,
        body=body,
        replayed=lowered.get("idempotent-replayed") == "true",
        request_id=lowered.get("request-id"),
        rate_limited_reason=lowered.get("stripe-rate-limited-reason"),
    )
