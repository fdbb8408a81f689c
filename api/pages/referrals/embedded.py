"""Signing in to the panel in a frame: the platform's page, whose reader is signed in there, sends their token by a form.

The session is the usual one. A browser keeps it only where platform and ledger are of one site (decision 0022).
"""

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.http.parts import PartsOfApp
from api.http.problems import Kind, ProblemError
from api.pages import session
from api.pages.embedding import EMBEDDED
from api.pages.sign_in import ask_to_sign_in, token_of_form
from api.tokens import TokenError

router = APIRouter(include_in_schema=False)


@router.post(EMBEDDED)
async def sign_in_from_platform(request: Request, parts: PartsOfApp) -> Response:
    """Only from the origins that may show the panel: they could sign a browser in as whomever they like."""
    if request.headers.get("origin") not in parts.services.settings.embed_origins:
        raise ProblemError(Kind.FORBIDDEN, "This site may not sign anybody in here.")
    token = await token_of_form(request)
    try:
        principal = await parts.tokens.verify(token)
    except TokenError:
        return ask_to_sign_in(request)
    # The cookie is the whole ledger's, and a frame is no place to become somebody of finance.
    if principal.roles != {"instructor"} or len(token) > session.LONGEST_TOKEN:
        raise ProblemError(Kind.FORBIDDEN, "The panel is for instructors alone, with tokens that a browser keeps.")
    response = RedirectResponse(EMBEDDED, status_code=303)
    session.begin(request, response, token)
    return response
