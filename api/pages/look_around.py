"""The sandbox's front door: look around as anybody, without a token of one's own.

Nothing there is real, and still it is only for whoever sits at this machine. `ledger up` and `ledger demo` open it; it is
asked for from a loopback address, by no proxy, and by a loopback name, which no rebound one can be.
"""

from collections import Counter
from datetime import timedelta

from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.http.parts import PartsOfApp
from api.http.problems import Kind, ProblemError
from api.pages import session
from api.pages.rendering import page
from api.tokens import Role, issue_token
from projections.queries import ReadModels

FIRST = 200
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
def look_around(request: Request, parts: PartsOfApp) -> HTMLResponse:
    _check_offered(request)
    busiest = _busiest(parts.services.read_models)
    return page(request, "look_around.html", instructor_id=busiest, newcomer=NEWCOMER)


@router.post("/look-around/{who}", dependencies=[Depends(session.check_own_form)])
def begin(request: Request, parts: PartsOfApp, who: str) -> Response:
    """`who`: one of STAFF, `instructor` or `newcomer`."""
    _check_offered(request)
    if who in STAFF:
        role, home = STAFF[who]
        subject = f"sandbox-{who}"
    elif who in ("instructor", "newcomer"):
        role, home = "instructor", "/referrals"
        subject = (who == "instructor" and _busiest(parts.services.read_models)) or NEWCOMER
    else:
        raise ProblemError(Kind.NOT_FOUND)
    response = RedirectResponse(home, status_code=303)
    session.begin(request, response, issue_token(parts.services.settings, subject, [role], LIFETIME))
    return response


def _check_offered(request: Request) -> None:
    if not session.may_look_around(request):
        raise ProblemError(Kind.NOT_FOUND)


def _busiest(read_models: ReadModels) -> str | None:
    """Who has most of the first referrals: there is something to see."""
    first = read_models.referrals(limit=FIRST).items
    counted = Counter(view.referrer_id for view in first).most_common(1)
    return counted[0][0] if counted else None
