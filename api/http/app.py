"""The HTTP API, put together."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api import pages
from api.http import openapi
from api.http.edge import Edge
from api.http.parts import Parts
from api.http.problems import ProblemError, problem_of, problem_response
from api.http.routes import (
    audit,
    books,
    dashboard,
    explain,
    exports,
    finance,
    instructor_referrals,
    lifecycle_events,
    operations,
    payees,
    payout_actions,
    payouts,
    people,
    periods,
    proof,
    reconciliations,
    replay,
    webhooks,
)
from api.pages.problem_pages import is_of_page, problem_page
from api.pages.session import SignInError
from api.pages.sign_in import ask_to_sign_in
from api.services import Services

NEW_OBJECTS_BEFORE_GARBAGE = 50_000
"""A batch of facts makes thousands of objects, and no garbage: they go when nobody needs them any more. Python 3.11 looks through
them every 700 new ones, which was a twelfth of a busy API's time."""

API_VERSION = "1.0"  # of what the routes promise, not of this release
# They are tried in this order: what is asked most comes first, /payouts/approvals before /payouts/{payout_id}.
ROUTES = (
    dashboard,
    lifecycle_events,
    people,
    instructor_referrals,
    payout_actions,
    payouts,
    finance,
    reconciliations,
    books,
    periods,
    payees,
    exports,
    audit,
    proof,
    replay,
    explain,
    webhooks,
    operations,
)


def create_app(services: Services) -> FastAPI:
    """The app over these services. Whoever made them closes them. Raises NoTokenKeyError.

    There is no page for the OpenAPI document: FastAPI's own load their scripts from elsewhere.
    """
    parts = Parts.of(services)
    app = FastAPI(
        title="Payout ledger",
        version=API_VERSION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
        generate_unique_id_function=_operation_id,
    )
    app.state.parts = parts
    for module in ROUTES:
        app.include_router(module.router)
    app.include_router(pages.router)
    app.add_exception_handler(SignInError, _send_to_sign_in)
    for expected in (HTTPException, ProblemError, RequestValidationError):
        app.add_exception_handler(expected, _answer_with_problem)
    app.add_middleware(Edge, metrics=parts.metrics, answer=_answer_with_problem)
    app.openapi = lambda: openapi.document(app)  # type: ignore[method-assign]
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    parts: Parts = app.state.parts
    current_default_thread_limiter().total_tokens = parts.services.settings.ledger_http_threads
    thresholds = gc.get_threshold()
    gc.set_threshold(NEW_OBJECTS_BEFORE_GARBAGE)
    gc.freeze()  # what is there now stays: to look through it for garbage again and again is a tenth of a busy API's time
    try:
        async with parts.services.own_reads:
            yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)


async def _answer_with_problem(request: Request, error: Exception) -> Response:
    """For a browser a page, for a program a document."""
    problem, request_id = problem_of(error), request.state.request_id
    return problem_page(request, problem, request_id) if is_of_page(request) else problem_response(problem, request_id)


async def _send_to_sign_in(request: Request, error: Exception) -> Response:  # noqa: ARG001 - the signature is Starlette's
    return ask_to_sign_in(request)


def _operation_id(route: APIRoute) -> str:
    return route.name
