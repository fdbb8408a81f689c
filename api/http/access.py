"""Who may call what: the bearer token of a request, and the roles that a route asks for."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import TypeAdapter, ValidationError

from api.http.parts import PartsOfApp
from api.http.problems import Kind, ProblemError
from api.tokens import Principal, Role, TokenError, TokenExpiredError
from ledger.lifecycle import InstructorId

BEARER = HTTPBearer(
    auto_error=False,
    bearerFormat="JWT",
    scheme_name="token",
    description="`ledger token --role R --subject S` makes one",
)
_INSTRUCTOR_ID: TypeAdapter[str] = TypeAdapter(InstructorId)

Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)]


@dataclass(frozen=True)
class Caller:
    """A dependency: the principal of the request, who has one of these roles or is an administrator."""

    roles: tuple[Role, ...]

    async def __call__(self, parts: PartsOfApp, credentials: Credentials) -> Principal:
        if credentials is None:
            raise ProblemError(Kind.TOKEN_MISSING)
        try:
            principal = await parts.verifier.verify(credentials.credentials)
        except TokenExpiredError as error:
            raise ProblemError(Kind.TOKEN_EXPIRED) from error
        except TokenError as error:
            raise ProblemError(Kind.TOKEN_INVALID, f"The token is not taken: {error}.") from error
        if not principal.may_act_as(self.roles):
            raise ProblemError(Kind.FORBIDDEN, f"One of these roles is needed: {', '.join(self.roles)}.")
        return principal


async def _own_instructor_id(principal: Annotated[Principal, Depends(Caller(("instructor",)))]) -> str:
    try:
        return _INSTRUCTOR_ID.validate_python(principal.subject)
    except ValidationError:
        raise ProblemError(Kind.FORBIDDEN, "The token's sub is not an instructor id.") from None


Platform = Annotated[Principal, Depends(Caller(("platform",)))]
Finance = Annotated[Principal, Depends(Caller(("finance",)))]
OwnInstructorId = Annotated[str, Depends(_own_instructor_id)]
"""The instructor who asks. There is no way to name another one."""

FINANCE = Depends(Caller(("finance",)))
AUDIT = Depends(Caller(("auditor", "finance")))
