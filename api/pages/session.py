"""A browser's session: the token itself, in a cookie that no script reads and no other site sends.

    SignInError  there is no session that may see this page

Keeping the token means that there is one signature and one expiry to check: those of the API.
"""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from pydantic import TypeAdapter, ValidationError
from starlette.responses import Response

from api.http.parts import Parts, PartsOfApp
from api.http.parts import parts as parts_of
from api.http.problems import Kind, ProblemError
from api.tokens import Principal, Role, TokenError
from ledger.lifecycle import InstructorId

COOKIE = "__Host-ledger_session"
"""Browsers take this name by https alone, and from no other host, not even one of the same domain (RFC 6265bis, 4.1.3.2)."""
LOOPBACK_COOKIE = "ledger_session"
"""By plain http, on this machine alone."""
SECONDS = 900
LONGEST_TOKEN = 3800
"""Browsers drop a cookie of more than 4096 bytes, its name and attributes included (RFC 6265, 6.1)."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")
PROXIED = {"forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"}
STAFF: tuple[Role, ...] = ("finance", "auditor")
_INSTRUCTOR_ID: TypeAdapter[str] = TypeAdapter(InstructorId)


class SignInError(Exception):
    """Answered with the way to the sign-in page."""


def begin(request: Request, response: Response, token: str) -> None:
    """After `check_own_form`: behind a proxy, only the browser's own word says whether it came by https. Raises ProblemError."""
    is_https = request.headers["origin"].startswith("https:")
    if not is_https and _host_of(request) not in LOOPBACK:
        raise ProblemError(Kind.FORBIDDEN, "A token would not be safe on its way here. Open this site by https.")
    name = COOKIE if is_https else LOOPBACK_COOKIE
    response.set_cookie(name, token, max_age=SECONDS, httponly=True, samesite="strict", secure=is_https)


def end(response: Response) -> None:
    response.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=True)
    response.delete_cookie(LOOPBACK_COOKIE, httponly=True, samesite="strict")


def check_own_form(request: Request) -> None:
    """Every form's action asks this first: browsers name the page's origin in each POST, and it has to be ours."""
    _, mark, asked_at = request.headers.get("origin", "").partition("://")
    is_same_origin = request.headers.get("sec-fetch-site", "same-origin") == "same-origin"
    if not mark or asked_at != request.headers.get("host") or not is_same_origin:
        raise ProblemError(Kind.FORBIDDEN, "The form is not one of ours.")


def may_look_around(request: Request) -> bool:
    """Whether this is a sandbox that was opened to everybody at this machine, and whoever asks is there, without a proxy."""
    settings = parts_of(request).services.settings
    is_open = settings.ledger_look_around and settings.stripe_api_key is None and settings.ledger_jwt_secret is not None
    is_near = request.client is not None and request.client.host in LOOPBACK and not PROXIED & set(request.headers)
    return is_open and is_near and _host_of(request) in LOOPBACK


def _host_of(request: Request) -> str | None:
    """By which name we were asked, without its port; None if that is no name."""
    try:
        return urlsplit(f"//{request.headers.get('host', '')}").hostname
    except ValueError:
        return None


async def principal_of(request: Request, parts: Parts) -> Principal | None:
    """Who is signed in. Raises KeysUnavailableError."""
    try:
        return await parts.tokens.verify(_kept_token(request))
    except TokenError:
        return None


def _kept_token(request: Request) -> str:
    """A cookie of the plain name is taken on this machine only: elsewhere another host of the domain may have set it."""
    kept = request.cookies.get(COOKIE)
    if kept is None and request.url.scheme == "http" and _host_of(request) in LOOPBACK:
        kept = request.cookies.get(LOOPBACK_COOKIE)
    return kept or ""


@dataclass(frozen=True)
class Viewer:
    """A dependency: the principal of the session, who has one of these roles or is an administrator."""

    roles: tuple[Role, ...]

    async def __call__(self, request: Request, parts: PartsOfApp) -> Principal:
        principal = await principal_of(request, parts)
        if principal is None:
            raise SignInError
        if not principal.may_act_as(self.roles):
            raise ProblemError(
                Kind.FORBIDDEN, f"This page is for {' and '.join(_PEOPLE[role] for role in self.roles)}."
            )
        return principal


def _own_instructor_id(principal: Annotated[Principal, Depends(Viewer(("instructor",)))]) -> str:
    try:
        return _INSTRUCTOR_ID.validate_python(principal.subject)
    except ValidationError:
        raise ProblemError(Kind.FORBIDDEN, "The token's sub is not an instructor id.") from None


_PEOPLE: dict[Role, str] = {"instructor": "instructors", "finance": "finance", "auditor": "auditors"}

SessionInstructorId = Annotated[str, Depends(_own_instructor_id)]
FinanceViewer = Annotated[Principal, Depends(Viewer(("finance",)))]
AnyViewer = Annotated[Principal, Depends(Viewer(("instructor", *STAFF)))]
StaffViewer = Annotated[Principal, Depends(Viewer(STAFF))]
"""Finance and auditors: who may look at everything. Only finance acts."""
