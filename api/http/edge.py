"""What every request passes first and last: its id, its limits, errors that nobody caught, headers, metrics, the access log."""

import re
import time
from collections.abc import Awaitable, Callable

import structlog
import uuid_utils
from starlette.datastructures import MutableHeaders
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
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

MAY_BE_FRAMED = re.compile(r"frame-ancestors (?!'none')")
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
        self._metrics.in_flight.set(self._in_flight)
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._answer(inner, inflow, answer)
            finally:
                self._in_flight -= 1
                self._metrics.in_flight.set(self._in_flight)
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
            await self._inflow.drain()
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = self.request_id
            if not self._inflow.is_complete:
                headers["Connection"] = "close"
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
            if MAY_BE_FRAMED.search(headers["Content-Security-Policy"]):
                del headers["X-Frame-Options"]
        elif message["type"] == "http.response.body" and self._is_head:
            message = {**message, "body": b""}
        await self._send(message)


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
