"""The sandbox's front door: look around as anybody, without a token of one's own.

Nothing there is real, and still it is only for whoever sits at this machine: the page has to be asked for by a loopback
name, which no other machine's name and no rebound one can be.
"""

from collections import Counter
from datetime import timedelta
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.http.caught_up import CaughtUpReadModels
from api.http.parts import Parts, PartsOfApp
from api.http.problems import Kind, ProblemError
from api.pages import session
from api.pages.rendering import page
from api.tokens import Role, issue_token
from projections.queries import ReadModels

LOOPBACK = ("127.0.0.1", "::1", "localhost")
NEWEST = 200
NEWCOMER = "ins_newcomer"
LIFETIME = timedelta(seconds=session.SECONDS)
STAFF: dict[str, tuple[Role, str]] = {
    "finance": ("finance", "/finance"),
    "colleague": ("finance", "/finance/payouts"),
    "auditor": ("auditor", "/finance/log"),
}
"""Who may be chosen: their role, and where they begin."""

router = APIRouter(include_in_schema=False)


@router.get("/look-around")
def look_around(request: Request, parts: PartsOfApp, read_models: CaughtUpReadModels) -> HTMLResponse:
    _check_sandbox(request, parts)
    return page(request, "look_around.html", instructor_id=_busiest(read_models), newcomer=NEWCOMER)


@router.post("/look-around/{who}", dependencies=[Depends(session.check_own_form)])
def begin(request: Request, parts: PartsOfApp, read_models: CaughtUpReadModels, who: str) -> Response:
    """`who`: one of STAFF, `instructor` or `newcomer`."""
    _check_sandbox(request, parts)
    if who in STAFF:
        role, home = STAFF[who]
        subject = f"sandbox-{who}"
    elif who in ("instructor", "newcomer"):
        role, home = "instructor", "/referrals"
        subject = (who == "instructor" and _busiest(read_models)) or NEWCOMER
    else:
        raise ProblemError(Kind.NOT_FOUND)
    response = RedirectResponse(home, status_code=303)
    session.begin(request, response, issue_token(parts.services.settings, subject, [role], LIFETIME))
    return response


def is_offered(request: Request, parts: Parts) -> bool:
    settings = parts.services.settings
    is_sandbox = settings.stripe_api_key is None and settings.ledger_jwt_secret is not None
    return is_sandbox and urlsplit(f"//{request.headers.get('host', '')}").hostname in LOOPBACK


def _check_sandbox(request: Request, parts: Parts) -> None:
    if not is_offered(request, parts):
        raise ProblemError(Kind.NOT_FOUND)


def _busiest(read_models: ReadModels) -> str | None:
    """Who has most of the newest referrals: there is something to see."""
    newest = read_models.referrals(limit=NEWEST).items
    counted = Counter(view.referrer_id for view in newest).most_common(1)
    return counted[0][0] if counted else None
