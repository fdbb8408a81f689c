"""What the gateway makes of each thing the twin does to a call, and what it puts on the wire."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from ledger.events import TransferRequested, UnknownKind
from ledger.payouts.outcome import Answer, NoAnswer, Settled, Unknown, judge, transfer_of
from ledger.payouts.stripe_gateway import StripeGateway
from ledger.payouts.stripe_transport import API_VERSION
from sandbox.stripe_twin import Fault
from tests.payouts.road import API_KEY, IMPATIENT_SECONDS, PATIENT_SECONDS, Stripe
from tests.payouts.story import requested
from tests.payouts.test_outcome import TRANSFER

Heard = Answer | NoAnswer


def asked(
    url: str,
    *calls: Callable[[StripeGateway], Awaitable[Heard]],
    api_key: str = API_KEY,
    timeout_seconds: float = PATIENT_SECONDS,
) -> list[Heard]:
    async def ask() -> list[Heard]:
        gateway = StripeGateway(api_key, url, timeout_seconds)
        try:
            return [await call(gateway) for call in calls]
        finally:
            await gateway.close()

    return asyncio.run(ask())


def transfer_to(destination: str, key: str) -> Callable[[StripeGateway], Awaitable[Heard]]:
    request = request_of(key, destination)
    return lambda gateway: gateway.create_transfer(request)


def request_of(key: str, destination: str = "acct_ok1") -> TransferRequested:
    request = requested(destination=destination).model_copy(update={"idempotency_key": key, "payout_id": key})
    return request.model_copy(update={"transfer_group": f"payout_{key}", "metadata": {"payout_id": key}})


def error_code(answer: Answer) -> Any:
    return (answer.body or {}).get("error", {}).get("code")


@pytest.mark.parametrize(
    "fault", [Fault.TIMEOUT_BEFORE, Fault.TIMEOUT_AFTER, Fault.RESET_BEFORE, Fault.RESET_AFTER, Fault.BROKEN_BODY]
)
def test_a_call_without_a_whole_answer_has_none(stripe: Stripe, fault: Fault) -> None:
    stripe.meets(fault)
    call = transfer_to("acct_ok1", f"gateway-{fault}")
    [heard] = asked(stripe.url, call, timeout_seconds=stripe.patience_seconds())
    assert isinstance(heard, NoAnswer)
    assert heard.detail in {"TimeoutError", "ServerDisconnectedError", "ClientOSError", "ClientPayloadError"}


def test_nobody_listens(stripe: Stripe) -> None:
    async def free_port() -> int:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port: int = server.sockets[0].getsockname()[1]
        server.close()
        return port

    url = f"http://127.0.0.1:{asyncio.run(free_port())}"
    assert asked(url, transfer_to("acct_ok1", "nobody")) == [NoAnswer("ClientConnectorError")]


ANSWERS: dict[Fault, tuple[int, str | None]] = {
    Fault.HTML_502: (502, None),
    Fault.HTML_502_AFTER: (502, None),
    Fault.ERROR_401: (401, None),
    Fault.ERROR_403: (403, "account_invalid"),
    Fault.CONFLICT_409: (409, "idempotency_key_in_use"),
    Fault.ERROR_500_WITHOUT_EFFECT: (500, None),
    Fault.ERROR_500_WITH_EFFECT: (500, None),
    Fault.LOCK_TIMEOUT: (429, "lock_timeout"),
    Fault.INSUFFICIENT_BALANCE: (400, "balance_insufficient"),
    Fault.CAPABILITY_FLIP: (400, "insufficient_capabilities_for_transfer"),
}


@pytest.mark.parametrize("fault", ANSWERS)
def test_an_answer_is_handed_over_as_it_was_on_the_wire(stripe: Stripe, fault: Fault) -> None:
    stripe.meets(fault, seconds=0.0)
    [heard] = asked(stripe.url, transfer_to(f"acct_ok_{fault}", f"gateway-{fault}"))
    assert isinstance(heard, Answer)
    status, code = ANSWERS[fault]
    assert (heard.status, error_code(heard)) == (status, code)
    if status != 502:
        assert (heard.request_id or "").startswith("req_")


@pytest.mark.parametrize(
    "fault",
    [
        Fault.GLOBAL_RATE,
        Fault.ENDPOINT_RATE,
        Fault.GLOBAL_CONCURRENCY,
        Fault.ENDPOINT_CONCURRENCY,
        Fault.RESOURCE_SPECIFIC,
    ],
)
def test_a_429_tells_its_reason(stripe: Stripe, fault: Fault) -> None:
    stripe.meets(fault)
    [heard] = asked(stripe.url, transfer_to("acct_ok1", f"gateway-{fault}"))
    assert isinstance(heard, Answer)
    assert (heard.status, heard.rate_limited_reason) == (429, fault.replace("_", "-"))


def test_half_a_document_is_a_200_whose_body_is_unreadable_and_can_still_be_traced(stripe: Stripe) -> None:
    stripe.meets(Fault.TRUNCATED_BODY)
    [heard] = asked(stripe.url, transfer_to("acct_ok1", "gateway-truncated"))
    assert isinstance(heard, Answer)
    assert (heard.status, heard.body) == (200, None)
    assert (heard.request_id or "").startswith("req_")


def test_a_replay_is_marked(stripe: Stripe) -> None:
    call = transfer_to("acct_ok1", "gateway-replay")
    fresh, replay = asked(stripe.url, call, call)
    assert isinstance(fresh, Answer)
    assert isinstance(replay, Answer)
    assert (fresh.replayed, replay.replayed) == (False, True)
    assert fresh.body == replay.body


@pytest.mark.parametrize(
    ("destination", "code"), [("acct_closed1", "account_closed"), ("acct_nobodys", "resource_missing")]
)
def test_a_declined_transfer_is_an_answer(stripe: Stripe, destination: str, code: str) -> None:
    [heard] = asked(stripe.url, transfer_to(destination, f"gateway-{destination}"))
    assert isinstance(heard, Answer)
    assert (heard.status, error_code(heard)) == (400, code)


def test_a_wrong_api_key_is_an_answer(stripe: Stripe) -> None:
    [heard] = asked(stripe.url, transfer_to("acct_ok1", "gateway-401"), api_key="sk_test_wrong")
    assert isinstance(heard, Answer)
    assert heard.status == 401


def test_what_is_read_at_stripe_is_plain_data(stripe: Stripe) -> None:
    _, listed, account, balance = asked(
        stripe.url,
        transfer_to("acct_ok1", "gateway-list"),
        lambda gateway: gateway.list_for_search("transfer_group", request_of("gateway-list"), 0),
        lambda gateway: gateway.read_account("acct_ok1"),
        lambda gateway: gateway.read_balance(),
    )
    assert isinstance(listed, Answer)
    assert listed.body is not None
    [found] = listed.body["data"]
    assert isinstance(found, dict)
    transfer = transfer_of(found)
    assert transfer is not None
    assert (transfer.amount_minor, transfer.metadata) == (7500, {"payout_id": "gateway-list"})
    assert isinstance(account, Answer)
    assert account.body is not None
    assert account.body["capabilities"]["transfers"] == "active"
    assert isinstance(balance, Answer)
    assert balance.status == 200


# What is on the wire, against a server that answers with given bytes and keeps what it was sent.


class Wire:
    patience_seconds = PATIENT_SECONDS

    def __init__(self, *answers: bytes) -> None:
        self.requests: list[bytes] = []
        self._answers = list(answers)
        self.served = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self.answer(reader, writer)
        finally:
            writer.close()
            self.served.set()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        self.requests.append(head + await reader.readexactly(int(length[0]) if length else 0))
        writer.write(self._answers.pop(0))
        await writer.drain()

    def heard(self) -> Heard:
        """What the gateway makes of the next answer to a transfer."""

        async def ask() -> Heard:
            async with await asyncio.start_server(self.serve, "127.0.0.1", 0) as server:
                url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
                gateway = StripeGateway(API_KEY, url, self.patience_seconds)
                try:
                    return await gateway.create_transfer(requested())
                finally:
                    await gateway.close()
                    await self.served.wait()

        return asyncio.run(ask())


def response(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", "Request-Id: req_1", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def test_a_call_says_who_asks_for_what_under_which_key_and_version() -> None:
    wire = Wire(response(b"{}"))
    wire.heard()
    [request] = wire.requests
    head, body = request.split(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert lines[0] == "post /v1/transfers http/1.1"
    assert f"authorization: bearer {API_KEY}" in lines
    assert "idempotency-key: payout:pay_1:a1" in lines
    assert f"stripe-version: {API_VERSION}" in lines
    assert set(body.decode().split("&")) == {
        "amount=7500",
        "currency=usd",
        "destination=acct_ok1",
        "transfer_group=payout_pay_1",
        "metadata[payout_id]=pay_1",
        "metadata[referral_id]=ref_1",
        "metadata[attempt]=1",
        "metadata[position]=1",
    }


@pytest.mark.parametrize("status", ["409 Conflict", "429 Too Many Requests", "500 Internal Server Error", "503 Away"])
def test_a_call_is_one_request_even_if_stripe_asks_for_more(status: str) -> None:
    wire = Wire(response(b"{}", status, "Stripe-Should-Retry: true"))
    assert isinstance(wire.heard(), Answer)
    assert len(wire.requests) == 1


DEEP = b"[" * 100_000
"""JSON as far as it goes, and deeper than a parser can follow."""


@pytest.mark.parametrize(
    "body", [b"[]", b"null", b'"tr_1"', b"1", b"", b"<html>", b'{"object": "tran', b"\xff\xfe", DEEP]
)
@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "503 Away"])
def test_a_body_that_is_no_json_object_is_unreadable(body: bytes, status: str) -> None:
    heard = Wire(response(body, status)).heard()
    assert isinstance(heard, Answer)
    assert (heard.status, heard.body) == (int(status[:3]), None)


@pytest.mark.parametrize("error", ["null", "[]", '"forbidden"', "5", "true", "{}"])
@pytest.mark.parametrize("status", ["400 Bad Request", "402 Payment Required", "403 Forbidden", "404 Not Found"])
def test_a_refusal_in_a_form_that_is_not_stripes_refuses_nothing(error: str, status: str) -> None:
    heard = Wire(response(f'{{"error": {error}}}'.encode(), status)).heard()
    assert isinstance(heard, Answer)
    assert (heard.status, heard.body, heard.request_id) == (int(status[:3]), {"error": json.loads(error)}, "req_1")
    outcome = judge(requested(), heard, repeated=False)
    assert isinstance(outcome, Unknown)
    assert outcome.kind is UnknownKind.UNREADABLE


@pytest.mark.parametrize(
    ("status", "kind"), [("500 Internal Server Error", "server_error"), ("503 Away", "no_answer"), ("401 No", None)]
)
def test_an_odd_body_does_not_hide_what_the_status_says(status: str, kind: str | None) -> None:
    heard = Wire(response(b'{"error": "no"}', status)).heard()
    outcome = judge(requested(), heard, repeated=False)
    assert (outcome.kind.value if isinstance(outcome, Unknown) else None) == kind


def test_a_transfer_on_the_wire_settles() -> None:
    heard = Wire(response(json.dumps(TRANSFER).encode())).heard()
    assert isinstance(judge(requested(), heard, repeated=False), Settled)


@pytest.mark.parametrize("status", ["200 OK", "201 Created", "202 Accepted"])
@pytest.mark.parametrize(
    "change", [{name: None} for name in TRANSFER] + [{"id": 1}, {"id": ["tr_1"]}, {"amount": 75.0}, {"amount": "7500"}]
)
def test_a_transfer_that_lacks_something_is_neither_paid_nor_failed(status: str, change: dict[str, Any]) -> None:
    found = {name: value for name, value in (TRANSFER | change).items() if value is not None}
    heard = Wire(response(json.dumps(found).encode(), status)).heard()
    outcome = judge(requested(), heard, repeated=False)
    assert isinstance(outcome, Unknown)
    assert (outcome.kind, outcome.request_id) == (UnknownKind.UNREADABLE, "req_1")


def test_a_redirect_is_not_followed() -> None:
    wire = Wire(response(b"", "302 Found", "Location: /v1/elsewhere"))
    heard = wire.heard()
    assert isinstance(heard, Answer)
    assert heard.status == 302
    assert len(wire.requests) == 1


def test_an_answer_that_only_trickles_in_ends_in_time() -> None:
    class Trickle(Wire):
        patience_seconds = IMPATIENT_SECONDS

        async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not reader.at_eof():
                writer.write(b" ")
                with suppress(TimeoutError):  # a byte at a time, for as long as somebody is there
                    async with asyncio.timeout(IMPATIENT_SECONDS / 10):
                        await reader.read()

    assert Trickle().heard() == NoAnswer("TimeoutError")


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_not_asked_for_the_sandbox(
    stripe: Stripe, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    [heard] = asked(stripe.url, lambda gateway: gateway.read_balance())
    assert isinstance(heard, Answer)


def test_a_proxy_of_the_environment_is_the_way_to_stripe(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire(response(b"{}"))

    async def ask() -> Heard:
        async with await asyncio.start_server(wire.serve, "127.0.0.1", 0) as proxy:
            monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}")
            gateway = StripeGateway(API_KEY, "http://stripe.invalid", PATIENT_SECONDS)
            try:
                return await gateway.read_balance()
            finally:
                await gateway.close()

    assert isinstance(asyncio.run(ask()), Answer)
    assert wire.requests[0].startswith(b"GET http://stripe.invalid/v1/balance")


def test_there_are_connections_for_as_many_calls_as_a_worker_makes_at_once(stripe: Stripe) -> None:
    stripe.meets(Fault.SLOW_ANSWER, times=32, seconds=0.1)

    async def ask() -> list[Heard]:
        gateway = StripeGateway(API_KEY, stripe.url, PATIENT_SECONDS)
        try:
            calls = [transfer_to("acct_ok1", f"gateway-many-{number}")(gateway) for number in range(32)]
            return list(await asyncio.gather(*calls))
        finally:
            await gateway.close()

    assert {heard.status for heard in asyncio.run(ask()) if isinstance(heard, Answer)} == {200}
