"""The HTTP shell: lets time pass, and does to the real connection what the twin decided."""

import asyncio
import json
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sandbox.stripe_twin.call_log import CallLog
from sandbox.stripe_twin.control import PREFIX, Controls
from sandbox.stripe_twin.messages import Answer, BrokenOff, Outcome, Request, Reset, Silence
from sandbox.stripe_twin.twin import Twin

Scope = Any  # ASGI's own three arguments, as uvicorn and starlette pass them
Receive = Callable[[], Any]
Send = Callable[[Any], Any]

LARGEST_BODY_BYTES = 256 * 1024
_LONGEST_SILENCE_SECONDS = 120.0  # longer than any client waits
_CONNECTION = "sandbox.connection"


class ConnectionInScope(HttpToolsProtocol):
    """Hands the connection to the application: ASGI has no word for resetting it."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {_CONNECTION: {"transport": self.transport}}


class Shell:
    """The ASGI application: `/sandbox/…` goes to the controls, everything else is Stripe's API.

    `wake` tells the sender that something may be due. `call_log` hears of every call to the API.
    """

    def __init__(
        self, twin: Twin, controls: Controls, wake: Callable[[], None], call_log: CallLog | None = None
    ) -> None:
        self._twin = twin
        self._controls = controls
        self._wake = wake
        self._call_log = call_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read(receive)
        outcome = _TOO_LARGE if body is None else await self._handle(_request(scope, body))
        await _deliver(outcome, scope, receive, send)

    async def _handle(self, request: Request) -> Outcome:
        if request.path.startswith(PREFIX):
            answer = self._controls.handle(request)
            self._wake()
            return answer
        arrived_at = time.time()
        call = self._twin.receive(request)
        if call.work_seconds:
            await asyncio.sleep(call.work_seconds)
        outcome = self._twin.execute(call)
        self._wake()
        if call.return_seconds:
            await asyncio.sleep(call.return_seconds)
        if self._call_log is not None:
            self._call_log.write(request, arrived_at, outcome)
        return outcome


_TOO_LARGE = Answer(
    413,
    {"Content-Type": "application/json", "Connection": "close"},
    json.dumps({"error": {"message": "Request body too large.", "type": "invalid_request_error"}}).encode(),
)


def _request(scope: Scope, body: bytes) -> Request:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return Request(scope["method"], scope["path"], scope["query_string"].decode("latin-1"), headers, body)


async def _read(receive: Receive) -> bytes | None:
    """The whole body, or None if it is larger than anybody needs."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > LARGEST_BODY_BYTES:
            return None
    return body


async def _deliver(outcome: Outcome, scope: Scope, receive: Receive, send: Send) -> None:
    transport: asyncio.Transport = scope["extensions"][_CONNECTION]["transport"]
    match outcome:
        case Answer():
            await _send_head(outcome, send)
            await send({"type": "http.response.body", "body": outcome.body})
        case BrokenOff():
            await _send_head(outcome.answer, send)
            await send(
                {"type": "http.response.body", "body": outcome.answer.body[: outcome.sent_bytes], "more_body": True}
            )
            transport.close()  # after what is already written
            await _disconnected(receive)
        case Reset():
            _reset(transport)
            await _disconnected(receive)
        case Silence():
            try:
                async with asyncio.timeout(_LONGEST_SILENCE_SECONDS):
                    await _disconnected(receive)
            except TimeoutError:
                _reset(transport)
                await _disconnected(receive)


async def _send_head(answer: Answer, send: Send) -> None:
    headers = {**answer.headers, "Content-Length": str(len(answer.body))}
    encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": encoded})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _reset(transport: asyncio.Transport) -> None:
    """A TCP reset instead of an orderly end: what a caller sees of a machine that died."""
    connection: socket.socket | None = transport.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:  # else the caller is gone already
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
