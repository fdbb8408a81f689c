"""The calls to Stripe that the payout process makes, with the official client. No retries here: each try is recorded.

Every call returns what was on the wire (`Answer`) or says that there was no answer (`NoAnswer`); it does not raise for
anything Stripe or the network does.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from typing import Any, Literal, Protocol
from urllib.parse import quote_plus

import stripe

from ledger.events import ReversalRequested, TransferRequested
from ledger.payouts.listed import claims_payout
from ledger.payouts.outcome import Answer, NoAnswer, TooLong
from ledger.payouts.stripe_transport import CALL_TIMEOUT_SECONDS, Bypass, Bypassed, Transport, stripe_client

PAGE_SIZE = 100
PAGES_AT_MOST = 50
SEARCHED_PAGES_AT_MOST = 1000
"""Of a list that is searched: more transfers than a platform makes in SEARCHED_SECONDS, of which those of one payout are kept."""

SEARCHED_SECONDS = 24 * 3600
"""From its first sending on, of the lists that have everybody's transfers. After 23 h an attempt is not sent again (KEY_WINDOW), so
its transfer is not made later either, and what others were paid since must not make these lists so long that no search of them
ever comes to its end.
"""

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
        """What claims to be of a request's payout in a list in which its transfer should be, newest first. `since` is a Unix
        time, from which on it was sent. An empty list proves nothing. One that is too long to be read whole is TooLong.
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
    """Stripe itself, or whatever answers at `api_base` (the sandbox).

    The client makes the requests; of the answers it makes no objects, which would be nearly half of what a call takes.
    """

    pages_at_most = PAGES_AT_MOST
    searched_pages_at_most = SEARCHED_PAGES_AT_MOST

    def __init__(
        self, api_key: str, api_base: str | None = None, timeout_seconds: float = CALL_TIMEOUT_SECONDS
    ) -> None:
        self._http = Bypass(Transport(api_base, timeout_seconds))
        self._client = stripe_client(api_key, api_base, self._http)

    async def create_transfer(self, request: TransferRequested) -> Answer | NoAnswer:
        parameters = {
            "amount": request.amount_minor,
            "currency": request.currency,
            "destination": request.destination,
            "transfer_group": request.transfer_group,
            "metadata": dict(request.metadata),
        }
        return await self._post("/v1/transfers", parameters, request.idempotency_key)

    async def create_reversal(self, request: ReversalRequested) -> Answer | NoAnswer:
        parameters = {"amount": request.amount_minor, "metadata": dict(request.metadata)}
        return await self._post(f"{_transfer(request.transfer_id)}/reversals", parameters, request.idempotency_key)

    async def read_transfer(self, transfer_id: str) -> Answer | NoAnswer:
        return await self._get(_transfer(transfer_id))

    async def list_events(self, since: int, until: int | None = None) -> Answer | NoAnswer:
        created = {"gte": since} if until is None else {"gte": since, "lt": until}
        is_one_second = until is not None and until - since <= 1
        wanted = {"types": list(NOTICES), "created": created}
        return await self._whole_list("/v1/events", wanted, None if is_one_second else self.pages_at_most)

    async def list_for_search(self, source: Source, request: TransferRequested, since: int) -> Answer | NoAnswer:
        since_then, that_day = {"gte": since}, {"gte": since, "lt": since + SEARCHED_SECONDS}
        lists: Mapping[Source, tuple[str, Mapping[str, object]]] = {
            "transfer_group": ("/v1/transfers", {"transfer_group": request.transfer_group}),
            "destination_and_time": ("/v1/transfers", {"destination": request.destination, "created": since_then}),
            "balance_transactions": (
                "/v1/balance_transactions",
                {"type": "transfer", "created": that_day, "expand": ["data.source"]},
            ),
            "events": ("/v1/events", {"type": "transfer.created", "created": that_day}),
        }
        path, wanted = lists[source]
        return await self._whole_list(
            path, wanted, self.searched_pages_at_most, lambda item: claims_payout(item, request.payout_id)
        )

    async def read_account(self, stripe_account_id: str) -> Answer | NoAnswer:
        return await self._get(f"/v1/accounts/{quote_plus(stripe_account_id)}")

    async def read_balance(self) -> Answer | NoAnswer:
        return await self._get("/v1/balance")

    async def close(self) -> None:
        await self._http.close_async()

    async def _whole_list(
        self,
        path: str,
        wanted: Mapping[str, object],
        pages_at_most: int | None,
        is_kept: Callable[[Mapping[str, Any]], bool] = lambda _: True,
    ) -> Answer | NoAnswer:
        """What is kept of all pages of a list, as if they were one."""
        found: list[Any] = []
        after: dict[str, str] = {}
        for number in count(1):
            if pages_at_most is not None and number > pages_at_most:
                break
            answer = await self._get(path, {**wanted, "limit": PAGE_SIZE, **after})
            if isinstance(answer, NoAnswer) or answer.status >= 300 or answer.body is None:
                return answer
            page = answer.body.get("data") or []
            found += filter(is_kept, page)
            if not answer.body.get("has_more") or not page:
                return replace(answer, body={**answer.body, "data": found, "has_more": False})
            after = {"starting_after": page[-1]["id"]}
        return TooLong(f"more than {pages_at_most} pages")

    async def _get(self, path: str, parameters: Mapping[str, object] | None = None) -> Answer | NoAnswer:
        return await self._call("get", path, parameters or {})

    async def _post(self, path: str, parameters: Mapping[str, object], idempotency_key: str) -> Answer | NoAnswer:
        return await self._call("post", path, {**parameters, "idempotency_key": idempotency_key})

    async def _call(self, method: str, path: str, parameters: Mapping[str, object]) -> Answer | NoAnswer:
        """One call, whatever comes of it. The client knows by its name that the idempotency key is no parameter."""
        try:
            found = await self._client.raw_request_async(method, path, **parameters)
        except Bypassed as answer:
            return _on_the_wire(answer.status, answer.body, answer.answer_headers)
        except stripe.StripeError as error:
            return NoAnswer(type(error.__cause__ or error).__name__)
        return _on_the_wire(found.code, found.data, found.headers)


def _transfer(transfer_id: str) -> str:
    return f"/v1/transfers/{quote_plus(transfer_id)}"


def _on_the_wire(status: int, body: Mapping[str, Any] | None, headers: Mapping[str, str]) -> Answer:
    lowered = {name.lower(): value for name, value in headers.items()}
    return Answer(
        status=status,
        body=body,
        replayed=lowered.get("idempotent-replayed") == "true",
        request_id=lowered.get("request-id"),
        rate_limited_reason=lowered.get("stripe-rate-limited-reason"),
    )
