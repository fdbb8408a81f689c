"""What every request passes first and last: its id, its limits, errors that nobody caught, headers, metrics, the access log."""

import re
import time
from collections.abc import Awaitable, Callable, Iterable

import structlog
import uuid_utils
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.inflow import Inflow
from api.http.metrics import Metrics
from api.http.problems import Kind, ProblemError, problem_of

MOST_IN_FLIGHT = 1000
OPERATIONS = ("/health/", "/metrics")
UNMATCHED = "unmatched"

SECURITY_HEADERS = {
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
}
"""Of every answer that does not say otherwise itself."""

MAY_BE_FRAMED = re.compile(rb"frame-ancestors (?!'none')")
"""Of a policy: old browsers obey X-Frame-Options, which can name no origin."""

AnswerToError = Callable[[Request, Exception], Awaitable[Response]]

_REQUEST_ID = re.compile(r"[A-Za-z0-9_.\-]{8,64}")

logger = structlog.get_logger("api.http")


class Edge:
    """The outermost layer. `HEAD` is answered as `GET` without the body."""

    def __init__(self, app: ASGIApp, metrics: Metrics, answer: AnswerToError) -> None:
        self._app = app
        self._metrics = metrics
        self._answer_to_error = answer
        self._in_flight = 0
        metrics.in_flight.set_function(lambda: self._in_flight)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        inflow = Inflow(scope, receive)
        answer = _Answer(send, inflow, request_id, is_head=scope["method"] == "HEAD")
        inner = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        self._in_flight += 1
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._answer(inner, inflow, answer)
            finally:
                self._in_flight -= 1
                self._note(scope["method"], inner, answer.status, time.perf_counter() - started)

    async def _answer(self, scope: Scope, receive: Inflow, answer: "_Answer") -> None:
        try:
            if self._in_flight > MOST_IN_FLIGHT and not scope["path"].startswith(OPERATIONS):
                raise ProblemError(Kind.BUSY, "Too many requests at once.")  # noqa: TRY301 - answered below like any other
            await self._app(scope, receive, answer)
        except Exception as error:  # the last resort: whatever it is, the client gets an answer
            problem = problem_of(error)
            if problem.kind is Kind.INTERNAL:
                logger.exception("defect", route=_route(scope))
            elif problem.kind.status >= 500:
                logger.warning("not_served", code=problem.kind.code, error=type(error).__name__)
            if answer.status is None:
                response = await self._answer_to_error(Request(scope), error)
                await response(scope, receive, answer)

    def _note(self, method: str, scope: Scope, status: int | None, seconds: float) -> None:
        """No address, no token, no person: the path itself may hold an id."""
        route = _route(scope)
        self._metrics.answered(method, route, status or 499, seconds)
        log = logger.debug if route.startswith(OPERATIONS) else logger.info
        log("request", method=method, route=route, status=status, duration_ms=round(seconds * 1000, 1))


class _Answer:
    """Sends on, with our headers on the first message."""

    def __init__(self, send: Send, inflow: Inflow, request_id: str, *, is_head: bool) -> None:
        self._send = send
        self._inflow = inflow
        self._is_head = is_head
        self.request_id = request_id
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if not self._inflow.is_complete:
                await self._inflow.drain()
            message = {**message, "headers": self._headers(message["headers"])}
        elif message["type"] == "http.response.body" and self._is_head:
            message = {**message, "body": b""}
        await self._send(message)

    def _headers(self, given: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """The answer's own, and ours where it has none."""
        headers = [*given, (b"x-request-id", self.request_id.encode())]
        if not self._inflow.is_complete:
            headers.append((b"connection", b"close"))
        own = dict(headers)
        is_framed = MAY_BE_FRAMED.search(own.get(b"content-security-policy", b"")) is not None
        for name, value in SECURITY_HEADERS.items():
            if name not in own and not (is_framed and name == b"x-frame-options"):
                headers.append((name, value))
        return headers


def _request_id(scope: Scope) -> str:
    """The caller's own, if it can be put on a log as it is."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(text := value.decode("latin-1")):
            return str(text)
    # Python's own asks the system each time, and gives the interpreter away for it: a busy thread keeps it for milliseconds.
    return uuid_utils.uuid4().hex


def _route(scope: Scope) -> str:
    """The template of the route, known once the router has found it."""
    return str(getattr(scope.get("route"), "path", UNMATCHED))
