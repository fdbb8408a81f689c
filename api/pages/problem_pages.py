"""What went wrong, as a page: for a browser that asked for one. Programs get the problem document."""

from fastapi import Request
from starlette.responses import Response

from api.http.problems import ProblemError
from api.pages.rendering import page

PASSING = (408, 503, 504)
"""What is over in a moment."""
PROGRAMS = ("/api/", "/health/", "/metrics")


def is_of_page(request: Request) -> bool:
    return not request.url.path.startswith(PROGRAMS) and "text/html" in request.headers.get("accept", "")


def problem_page(request: Request, problem: ProblemError, request_id: str) -> Response:
    is_passing = problem.kind.status in PASSING and request.method == "GET"
    return page(
        request,
        "problem.html",
        status=problem.kind.status,
        title=problem.kind.title,
        detail=problem.detail,
        errors=problem.more.get("errors", []),
        again=request.url.path if is_passing else None,
        request_id=request_id,
    )
