"""Stripe's list of balance transactions is read to its end or not at all: what it lacks nobody would ever ask about."""

import asyncio
import json
import re
from asyncio import StreamReader, StreamWriter
from typing import Any

import pytest

from ledger.reconciliation.activity import Activity
from ledger.reconciliation.scope import Coverage
from ledger.reconciliation.stripe_api import StripeUnreadableError, read_activity
from tests.reconciliation.lines import MIDDLE, SINCE, UNTIL

TOPUP = {
    "id": "txn_1",
    "created": int(MIDDLE.timestamp()),
    "source": "tu_1",
    "reporting_category": "topup",
    "currency": "usd",
    "amount": 500,
    "fee": 0,
    "net": 500,
}


def read(*pages: dict[str, Any], status: str = "200 OK") -> Activity:
    """From a Stripe that has these pages to give, one after the other."""
    left = list(pages)

    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = json.dumps({"object": "list", "url": "/v1/balance_transactions", **left.pop(0)}).encode()
        writer.write(f"HTTP/1.1 {status}\r\n".encode())
        writer.write(b"Content-Type: application/json\r\nConnection: close\r\n")
        writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()

    async def ask() -> Activity:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            return await read_activity("sk_test_1", address, "usd", Coverage(SINCE, UNTIL), UNTIL)

    return asyncio.run(ask())


def test_every_page_is_read() -> None:
    again = TOPUP | {"id": "txn_2", "source": None}
    activity = read({"data": [TOPUP], "has_more": True}, {"data": [again], "has_more": False})
    assert [(each.id, each.source_id) for each in activity.lines] == [("txn_1", "tu_1"), ("txn_2", None)]
    assert activity.asked == Coverage(SINCE, UNTIL)


def test_a_list_that_says_there_is_more_and_gives_nothing_is_not_taken_for_the_whole() -> None:
    with pytest.raises(StripeUnreadableError, match="has none of them"):
        read({"data": [TOPUP], "has_more": True}, {"data": [], "has_more": True})


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("forbidden", "forbidden"),
        ({"message": "The key lacks 'rak_balance_read'."}, "The key lacks 'rak_balance_read'."),
        (None, "an answer that is not Stripe's"),
        (["?"], "?"),
    ],
)
def test_a_refusal_is_told_in_its_own_words_be_it_stripes_or_a_proxys(error: object, said: str) -> None:
    with pytest.raises(StripeUnreadableError, match=re.escape(said)) as refused:
        read({"error": error}, status="403 Forbidden")
    assert refused.value.http_status == 403
