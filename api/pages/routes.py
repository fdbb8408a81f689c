"""Signing in and out, and an instructor's own referrals."""

from pathlib import Path
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.http.caught_up import CaughtUpReadModels
from api.http.parts import Parts, PartsOfApp, referral_link
from api.pages import session
from api.pages.session import SessionInstructorId
from api.tokens import LONGEST_TOKEN, TokenError
from ledger.major_units import money

SHOWN = 100
LONGEST_FORM = LONGEST_TOKEN + 100
TEMPLATES = Path(__file__).with_name("templates")
PAGE_POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

router = APIRouter(include_in_schema=False)
_templates = Environment(
    loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_templates.filters["money"] = money


@router.get("/pages.css")
def stylesheet() -> Response:
    return Response((TEMPLATES / "pages.css").read_bytes(), media_type="text/css")


@router.get("/")
def first_page() -> Response:
    return RedirectResponse("/referrals", status_code=303)


@router.get("/session")
def sign_in_page(parts: PartsOfApp) -> HTMLResponse:
    return _sign_in(parts)


@router.post("/session", dependencies=[Depends(session.check_own_form)])
async def sign_in(request: Request, parts: PartsOfApp) -> Response:
    token = await _token_of_form(request)
    try:
        principal = await parts.verifier.verify(token)
    except TokenError as error:
        return _sign_in(parts, 401, f"The token is not taken: {error}.")
    if not principal.may_act_as(("instructor",)):
        return _sign_in(parts, 403, "The token is good, but these pages are for instructors, and it has not that role.")
    if len(token) > session.LONGEST_TOKEN:
        return _sign_in(parts, 422, "The token is longer than a browser keeps. Ask for one with fewer claims.")
    response = RedirectResponse("/referrals", status_code=303)
    session.begin(request, response, token)
    return response


@router.post("/session/end", dependencies=[Depends(session.check_own_form)])
def sign_out() -> Response:
    response = RedirectResponse("/session", status_code=303)
    session.end(response)
    return response


@router.get("/referrals")
def own_referrals(
    request: Request, parts: PartsOfApp, instructor_id: SessionInstructorId, read_models: CaughtUpReadModels
) -> HTMLResponse:
    stats = read_models.stats(instructor_id)
    page = read_models.referred(instructor_id, limit=SHOWN)
    return _page(
        "referrals.html",
        link=referral_link(request, stats.codes[0]) if stats.codes else None,
        stats=stats,
        founding=read_models.founding(),
        referrals=page.items,
        is_all=page.next_after is None,
        names=parts.services.people.names_of([view.referred_id for view in page.items]),
    )


async def _token_of_form(request: Request) -> str:
    """Empty if the form is not what our page sends: then it is no token either."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_FORM:
            return ""
    return parse_qs(body.decode("latin-1")).get("token", [""])[0].strip()


def _sign_in(parts: Parts, status: int = 200, error: str | None = None) -> HTMLResponse:
    return _page("sign_in.html", status=status, error=error, is_sandbox=parts.services.settings.stripe_api_key is None)


def _page(template: str, *, status: int = 200, **shown: object) -> HTMLResponse:
    html = _templates.get_template(template).render(**shown)
    # same-origin, or browsers would name no origin in the forms' POSTs
    headers = {"Content-Security-Policy": PAGE_POLICY, "Referrer-Policy": "same-origin"}
    return HTMLResponse(html, status, headers)
