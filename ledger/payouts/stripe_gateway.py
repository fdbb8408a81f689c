"""The calls to Stripe that the payout process makes, with the official client. No retries here: each try is recorded.

Every call returns what was on the wire (`Answer`) or says that there was no answer (`NoAnswer`); it does not raise for
anything Stripe or the network does.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from itertools import count
from typing import Any, Literal, Protocol

import stripe

from ledger.events import ReversalRequested, TransferRequested
from ledger.payouts.outcome import Answer, NoAnswer, TooLong
from ledger.payouts.stripe_transport import CALL_TIMEOUT_SECONDS, Transport, stripe_client

PAGE_SIZE = 100
PAGES_AT_MOST = 50
NOTICES = (
    "transfer.created",
    "transfer.updated",
    "transfer.reversed",
    "account.updated",
    "capability.updated",
    "balance.available",
    "payout.paid",
    "payout.failed",
)

Source = Literal["transfer_group", "destination_and_time", "balance_transactions", "events"]


class TransferGateway(Protocol):
    """What the worker needs of Stripe; the simulation has another one."""

    async def create_transfer(self, request: TransferRequested) -> Answer | NoAnswer:
        """Send the request under its own idempotency key."""

    async def list_for_search(self, source: Source, request: TransferRequested, since: int) -> Answer | NoAnswer:
        """A list in which the transfer of a request should be, newest first: `since` is a Unix time. An empty list proves
        nothing. A list that is too long to be read whole is no answer.
        """

    async def read_transfer(self, transfer_id: str) -> Answer | NoAnswer:
        """One transfer, with what was reversed of it."""

    async def create_reversal(self, request: ReversalRequested) -> Answer | NoAnswer:
        """Send the request to reverse under its own idempotency key."""

    async def list_events(self, since: int, until: int | None = None) -> Answer | NoAnswer:
        """What Stripe has told from a Unix time on, and before another, of what `notices` hears, newest first. It keeps 30 days.

        TooLong if that is more than PAGES_AT_MOST pages; never for a single second, which cannot be asked for in parts.
        """

    async def read_account(self, stripe_account_id: str) -> Answer | NoAnswer:
        """A fresh read of a connected account."""

    async def read_balance(self) -> Answer | NoAnswer:
        """The platform's balance: the cheapest call that shows whether our API key is taken."""


class StripeGateway:
    """Stripe itself, or whatever answers at `api_base` (the sandbox)."""

    pages_at_most = PAGES_AT_MOST

    def __init__(
        self, api_key: str, api_base: str | None = None, timeout_seconds: float = CALL_TIMEOUT_SECONDS
    ) -> None:
        self._http = Transport(api_base, timeout_seconds)
        self._client = stripe_client(api_key, api_base, self._http)

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

    async def create_reversal(self, request: ReversalRequested) -> Answer | NoAnswer:
        return await _answer(
            self._client.v1.transfers.reversals.create_async(
                request.transfer_id,
                {"amount": request.amount_minor, "metadata": dict(request.metadata)},
                {"idempotency_key": request.idempotency_key},
            )
        )

    async def read_transfer(self, transfer_id: str) -> Answer | NoAnswer:
        return await _answer(self._client.v1.transfers.retrieve_async(transfer_id))

    async def list_events(self, since: int, until: int | None = None) -> Answer | NoAnswer:
        created = {"gte": since} if until is None else {"gte": since, "lt": until}
        is_one_second = until is not None and until - since <= 1
        wanted = {"types": list(NOTICES), "created": created}
        return await _whole_list(
            self._client.v1.events.list_async, wanted, None if is_one_second else self.pages_at_most
        )

    async def list_for_search(self, source: Source, request: TransferRequested, since: int) -> Answer | NoAnswer:
        v1, created, pages = self._client.v1, {"gte": since}, self.pages_at_most
        match source:
            case "transfer_group":
                return await _whole_list(v1.transfers.list_async, {"transfer_group": request.transfer_group}, pages)
            case "destination_and_time":
                wanted = {"destination": request.destination, "created": created}
                return await _whole_list(v1.transfers.list_async, wanted, pages)
            case "balance_transactions":
                wanted = {"type": "transfer", "created": created, "expand": ["data.source"]}
                return await _whole_list(v1.balance_transactions.list_async, wanted, pages)
            case "events":
                wanted = {"type": "transfer.created", "created": created}
                return await _whole_list(v1.events.list_async, wanted, pages)

    async def read_account(self, stripe_account_id: str) -> Answer | NoAnswer:
        return await _answer(self._client.v1.accounts.retrieve_async(stripe_account_id))

    async def read_balance(self) -> Answer | NoAnswer:
        return await _answer(self._client.v1.balance.retrieve_async())

    async def close(self) -> None:
        await self._http.close_async()


async def _whole_list(
    list_page: Callable[[Any], Awaitable[stripe.StripeObject]],
    wanted: Mapping[str, Any],
    pages_at_most: int | None,
) -> Answer | NoAnswer:
    """All pages of a list as if they were one."""
    found: list[Any] = []
    after: dict[str, str] = {}
    for number in count(1):
        if pages_at_most is not None and number > pages_at_most:
            break
        answer = await _answer(list_page({**wanted, "limit": PAGE_SIZE, **after}))
        if isinstance(answer, NoAnswer) or answer.status >= 300 or answer.body is None:
            return answer
        page = answer.body.get("data") or []
        found += page
        if not answer.body.get("has_more") or not page:
            return replace(answer, body={**answer.body, "data": found, "has_more": False})
        after = {"starting_after": page[-1]["id"]}
    return TooLong(f"more than {pages_at_most} pages")


async def _answer(call: Awaitable[object]) -> Answer | NoAnswer:
    """Run one call of the client and undo what its exceptions hide."""
    try:
        found = await call
    except stripe.APIConnectionError as error:
        return NoAnswer(type(error.__cause__ or error).__name__)
    except stripe.StripeError as error:
        if error.http_status is None:
            return NoAnswer(type(error).__name__)
        return _on_the_wire(error.http_status, _json_object(error.http_body), error.headers or _misplaced(error))
    if not isinstance(found, stripe.StripeObject) or found.last_response is None:  # JSON, but not an object
        return Answer(200, None)
    return _on_the_wire(found.last_response.code, found.to_dict(), found.last_response.headers)


def _misplaced(error: stripe.StripeError) -> Mapping[str, str]:
    """For an unreadable body the client passes the headers, which are no dict, where it should pass the JSON."""
    found: object = error.json_body
    return found if isinstance(found, Mapping) and not isinstance(found, dict) else {}


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
