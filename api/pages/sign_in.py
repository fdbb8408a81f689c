"""Signing in and out."""

from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.http.bodies import read_body
from api.http.parts import PartsOfApp
from api.http.problems import ProblemError
from api.pages import session
from api.pages.embedding import is_embedded
from api.pages.rendering import page
from api.tokens import LONGEST_TOKEN, Principal, TokenError

LONGEST_FORM = LONGEST_TOKEN + 100
NO_PAGES = "The token is good, but there are no pages for its role: they are for instructors, finance and auditors."

router = APIRouter(include_in_schema=False)


@router.get("/")
async def first_page(request: Request, parts: PartsOfApp) -> Response:
    """Straight to one's own pages, for whoever is signed in; a sandbox lets the others look around."""
    principal = await session.principal_of(request, parts)
    door = "/look-around" if session.may_look_around(request) else "/session"
    return RedirectResponse((principal and home_of(principal)) or door, status_code=303)


@router.get("/session")
def sign_in_page(request: Request) -> HTMLResponse:
    return _sign_in(request)


@router.post("/session", dependencies=[Depends(session.check_own_form)])
async def sign_in(request: Request, parts: PartsOfApp) -> Response:
    token = await token_of_form(request)
    try:
        principal = await parts.tokens.verify(token)
    except TokenError as error:
        return _sign_in(request, 401, f"The token is not taken: {error}.")
    home = home_of(principal)
    if home is None:
        return _sign_in(request, 403, NO_PAGES)
    if len(token) > session.LONGEST_TOKEN:
        return _sign_in(request, 422, "The token is longer than a browser keeps. Ask for one with fewer claims.")
    response = RedirectResponse(home, status_code=303)
    session.begin(request, response, token)
    return response


@router.post("/session/end", dependencies=[Depends(session.check_own_form)])
def sign_out() -> Response:
    response = RedirectResponse("/session", status_code=303)
    session.end(response)
    return response


def ask_to_sign_in(request: Request) -> Response:
    """For whoever came without a session. In a frame only the platform's page can sign somebody in."""
    if is_embedded(request):
        return page(request, "referrals/signed_out.html", status=401)
    return RedirectResponse("/session", status_code=303)


def home_of(principal: Principal) -> str | None:
    """The first page of a role; None if there is none for it."""
    if principal.may_act_as(session.STAFF):
        return "/finance"
    return "/referrals" if principal.may_act_as(("instructor",)) else None


async def token_of_form(request: Request) -> str:
    """Empty if the form is not what our page sends: then it is no token either."""
    try:
        body = await read_body(request, LONGEST_FORM)
    except ProblemError:
        return ""
    return parse_qs(body.decode("latin-1")).get("token", [""])[0].strip()


def _sign_in(request: Request, status: int = 200, error: str | None = None) -> HTMLResponse:
    return page(request, "sign_in.html", status=status, error=error)
