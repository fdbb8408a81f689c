"""Stripe's activity from its API: the platform's balance transactions, page by page, with the objects that moved the money.

StripeUnreadableError   Stripe refuses, or does not answer; nothing was compared
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import stripe
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from ledger.payouts.outcome import MESSAGE_LENGTH
from ledger.payouts.stripe_gateway import PAGE_SIZE
from ledger.payouts.stripe_transport import Bypass, Bypassed, Transport, stripe_client
from ledger.reconciliation.activity import Activity
from ledger.reconciliation.line import TRANSFER_REVERSAL, Line
from ledger.reconciliation.scope import Coverage

ATTEMPTS = 6
WAIT_SECONDS_AT_MOST = 20.0
AGAIN = frozenset({409, 429, 500, 502, 503, 504})  # reading changes nothing, so it may be asked for again at once


class StripeUnreadableError(Exception):
    """`http_status` None: no answer."""

    def __init__(self, http_status: int | None, message: str) -> None:
        answer = f"HTTP {http_status}" if http_status is not None else "no answer"
        super().__init__(f"Stripe's balance transactions cannot be read ({answer}): {message}")
        self.http_status = http_status


async def read_activity(
    api_key: str,
    api_base: str | None,
    currency: str,
    wanted: Coverage,
    now: datetime,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Activity:
    """All that is there `now` of what is wanted. `api_base` None: Stripe itself. Raises StripeUnreadableError."""
    transport = Bypass(Transport(api_base))
    client = stripe_client(api_key, api_base, transport)
    created = {"gte": int(wanted.since.timestamp()), "lte": int(wanted.until.timestamp())}
    asked: dict[str, Any] = {"created": created, "currency": currency, "limit": PAGE_SIZE, "expand": ["data.source"]}
    lines: list[Line] = []
    try:
        while True:
            page = await _page(client, asked)
            lines += [_line(item) for item in page["data"]]
            on_progress(len(lines))
            if page["has_more"] and not page["data"]:
                raise StripeUnreadableError(200, "a page says that there are more, and has none of them")
            if not page["has_more"]:
                return Activity(
                    "stripe_api", lines, asked=Coverage(wanted.since, max(wanted.since, min(wanted.until, now)))
                )
            asked["starting_after"] = page["data"][-1]["id"]
    except Bypassed as answer:
        raise StripeUnreadableError(answer.status, _said(answer)) from answer
    except stripe.StripeError as error:
        raise StripeUnreadableError(None, str(error.user_message or error)[:MESSAGE_LENGTH]) from error
    except (KeyError, TypeError, ValueError) as error:
        raise StripeUnreadableError(200, f"a balance transaction without {error}") from error
    finally:
        await transport.close_async()


async def _page(client: stripe.StripeClient, wanted: Mapping[str, Any]) -> dict[str, Any]:
    retrying = AsyncRetrying(
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.5, max=WAIT_SECONDS_AT_MOST),
        retry=retry_if_exception(_may_pass),
        reraise=True,
    )
    found: dict[str, Any] = {}
    async for attempt in retrying:
        with attempt:
            found = (await client.raw_request_async("get", "/v1/balance_transactions", **wanted)).data
    return found


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, stripe.APIConnectionError) or (isinstance(error, Bypassed) and error.status in AGAIN)


def _said(answer: Bypassed) -> str:
    """Stripe's words, or a proxy's."""
    error = (answer.body or {}).get("error")
    message = error.get("message") if isinstance(error, dict) else error
    return str(message or "an answer that is not Stripe's")[:MESSAGE_LENGTH]


def _line(item: Mapping[str, Any]) -> Line:
    at = datetime.fromtimestamp(item["created"], UTC)
    source = item["source"]
    # What cannot be expanded, or what Stripe has removed, stays an id or nothing.
    moved: Mapping[str, Any] = source if isinstance(source, dict) else {"id": source}
    category = item["reporting_category"]
    metadata = moved.get("metadata") or {}
    return Line(
        id=item["id"],
        at=at,
        until=at,
        category=category,
        currency=item["currency"],
        amount_minor=item["amount"],
        fee_minor=item["fee"],
        net_minor=item["net"],
        source_id=moved.get("id"),
        transfer_id=_id_of(moved.get("transfer")) if category == TRANSFER_REVERSAL else None,
        payout_id=metadata.get("payout_id") or (moved.get("transfer_group") or "").partition("payout_")[2] or None,
        account=_id_of(moved.get("destination")),
    )


def _id_of(value: Any) -> str | None:
    """An object's id, expanded or not."""
    found = value.get("id") if isinstance(value, dict) else value
    return found if isinstance(found, str) else None
