"""Who may call what: the bearer token of a request, and the roles that a route asks for."""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request
from fastapi.openapi.models import HTTPBearer
from fastapi.openapi.models import SecurityBase as SecurityModel
from fastapi.security.base import SecurityBase
from fastapi.security.utils import get_authorization_scheme_param
from pydantic import TypeAdapter, ValidationError

from api.http.parts import parts
from api.http.problems import Kind, ProblemError
from api.tokens import Principal, Role, TokenError, TokenExpiredError
from ledger.lifecycle import InstructorId

BEARER = HTTPBearer(bearerFormat="JWT", description="`ledger token --role R --subject S` makes one")
_INSTRUCTOR_ID: TypeAdapter[str] = TypeAdapter(InstructorId)


@dataclass(frozen=True)
class Caller(SecurityBase):
    """A dependency: the principal of the request, who has one of these roles or is an administrator.

    To FastAPI it is the security scheme itself: it is documented as such, and costs one step.
    """

    roles: tuple[Role, ...]
    model: SecurityModel = field(default_factory=lambda: BEARER, init=False, repr=False, compare=False)
    scheme_name: str = field(default="token", init=False, repr=False, compare=False)

    async def __call__(self, request: Request) -> Principal:
        scheme, token = get_authorization_scheme_param(request.headers.get("Authorization"))
        if scheme.lower() != "bearer" or not token:
            raise ProblemError(Kind.TOKEN_MISSING)
        try:
            principal = await parts(request).tokens.verify(token)
        except TokenExpiredError as error:
            raise ProblemError(Kind.TOKEN_EXPIRED) from error
        except TokenError as error:
            raise ProblemError(Kind.TOKEN_INVALID, f"The token is not taken: {error}.") from error
        if not principal.may_act_as(self.roles):
            raise ProblemError(Kind.FORBIDDEN, f"One of these roles is needed: {', '.join(self.roles)}.")
        return principal


INSTRUCTOR = Caller(("instructor",))


async def own_instructor_id(request: Request) -> str:
    """The instructor who asks. Raises ProblemError."""
    return await _instructor_id(await INSTRUCTOR(request))


async def _instructor_id(principal: Annotated[Principal, Depends(INSTRUCTOR)]) -> str:
    try:
        return _INSTRUCTOR_ID.validate_python(principal.subject)
    except ValidationError:
        raise ProblemError(Kind.FORBIDDEN, "The token's sub is not an instructor id.") from None


Platform = Annotated[Principal, Depends(Caller(("platform",)))]
Finance = Annotated[Principal, Depends(Caller(("finance",)))]
OwnInstructorId = Annotated[str, Depends(_instructor_id)]
"""The instructor who asks. There is no way to name another one."""

FINANCE = Depends(Caller(("finance",)))
AUDIT = Depends(Caller(("auditor", "finance")))
