"""Bearer tokens: JSON Web Tokens that say who is calling (`sub`) and as what (`roles`), for this audience, until `exp`.

    TokenError             not a token of ours: bad signature, algorithm, audience, claim …
    └── TokenExpiredError  it was one
    KeysUnavailableError   the keys to check it with cannot be fetched just now
    NoTokenKeyError        the settings name nothing to check tokens with

The algorithm is fixed by how the keys come: HS256 with a secret, RS256 or ES256 with a JWKS URL. What a token's own
header says never widens that (RFC 8725, 3.1). Here a token is checked; `api.verified_tokens` remembers for how long that holds.
"""

import asyncio
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple, Protocol, get_args

import jwt

from api.settings import Settings

Role = Literal["instructor", "platform", "finance", "auditor", "admin"]
ROLES: frozenset[str] = frozenset(get_args(Role))

LONGEST_TOKEN = 8192
LEEWAY_SECONDS = 10
JWKS_LIFESPAN_SECONDS = 300
JWKS_TIMEOUT_SECONDS = 5
JWKS_RECHECK_SECONDS = 60
"""A token is checked again after so long: a key that was withdrawn opens nothing for much longer than the key set is kept."""
SUBJECT = re.compile(r"[\x21-\x7e]{1,255}")


class TokenError(Exception):
    """The message says what is wrong and quotes nothing of the token."""


class TokenExpiredError(TokenError):
    """It was a token of ours."""


class KeysUnavailableError(Exception):
    """The JWKS URL gives no keys at the moment."""


class NoTokenKeyError(Exception):
    """Neither a secret nor a JWKS URL is set."""

    def __init__(self) -> None:
        super().__init__("set LEDGER_JWT_SECRET (32 bytes or more) or LEDGER_JWKS_URL: there is no default")


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling. `subject` is an instructor's id for instructors, and the actor on the log for everybody."""

    subject: str
    roles: frozenset[str]

    def may_act_as(self, roles: Iterable[Role]) -> bool:
        """Administrators may do everything."""
        return "admin" in self.roles or not self.roles.isdisjoint(roles)


class Verified(NamedTuple):
    """What a check found out, and until when (Unix seconds) it holds without checking again."""

    principal: Principal
    until: float


class TokenCheck(Protocol):
    async def check(self, token: str) -> Verified:
        """Raises TokenError, KeysUnavailableError."""


def token_check(settings: Settings) -> TokenCheck:
    """The one way in which the settings have tokens checked. Raises NoTokenKeyError."""
    if settings.ledger_jwt_secret is not None:
        return SecretCheck(settings.ledger_jwt_secret.get_secret_value(), settings.ledger_jwt_audience)
    if settings.ledger_jwks_url is not None:
        return JwksCheck(settings.ledger_jwks_url, settings.ledger_jwt_audience)
    raise NoTokenKeyError


@dataclass(frozen=True)
class SecretCheck:
    secret: str
    audience: str

    async def check(self, token: str) -> Verified:
        return _verified(token, self.secret, ["HS256"], self.audience)


class JwksCheck:
    """Public keys are fetched when first needed, kept for minutes, and fetched again for an unknown key id, but not often."""

    def __init__(self, jwks_url: str, audience: str) -> None:
        self._audience = audience
        self._keys = jwt.PyJWKClient(jwks_url, lifespan=JWKS_LIFESPAN_SECONDS, timeout=JWKS_TIMEOUT_SECONDS)

    async def check(self, token: str) -> Verified:
        principal, until = await asyncio.to_thread(self._check, token)
        return Verified(principal, min(until, time.time() + JWKS_RECHECK_SECONDS))

    def _check(self, token: str) -> Verified:
        key = self._key(_header(token).get("kid"))
        if key.algorithm_name not in ("RS256", "ES256"):
            raise TokenError("its key is not for RS256 or ES256")
        return _verified(token, key, [key.algorithm_name], self._audience)

    def _key(self, key_id: object) -> jwt.PyJWK:
        if not isinstance(key_id, str):
            raise TokenError("its header names no key")
        try:
            return self._keys.get_signing_key(key_id)
        except (jwt.PyJWKClientConnectionError, jwt.PyJWKSetError, OSError, ValueError) as error:
            raise KeysUnavailableError from error
        except jwt.PyJWTError as error:
            raise TokenError("its key is unknown") from error


def issue_token(settings: Settings, subject: str, roles: Iterable[str], lifetime: timedelta) -> str:
    """A token for trying things out. Raises ValueError for a subject or role nobody can have, NoTokenKeyError."""
    if settings.ledger_jwt_secret is None:
        raise NoTokenKeyError
    if not SUBJECT.fullmatch(subject):
        raise ValueError("a subject is 1 to 255 printable characters without spaces")
    if unknown := set(roles) - ROLES:
        raise ValueError(f"no such role: {', '.join(sorted(unknown))}; there are {', '.join(get_args(Role))}")
    now = datetime.now(UTC)
    claims = {
        "sub": subject,
        "roles": sorted(roles),
        "aud": settings.ledger_jwt_audience,
        "iat": now,
        "exp": now + lifetime,
    }
    return jwt.encode(claims, settings.ledger_jwt_secret.get_secret_value(), algorithm="HS256")


def _header(token: str) -> dict[str, Any]:
    _check_length(token)
    try:
        return jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise TokenError("it is not a JSON Web Token") from error


def _verified(token: str, key: jwt.PyJWK | str, algorithms: list[str], audience: str) -> Verified:
    _check_length(token)
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=algorithms,
            audience=audience,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "aud", "sub"]},
        )
    except jwt.ExpiredSignatureError as error:
        raise TokenExpiredError("it has expired") from error
    except jwt.PyJWTError as error:
        raise TokenError(_WHY.get(type(error), "it cannot be read")) from error
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise TokenError("it cannot be read") from error
    if not SUBJECT.fullmatch(claims["sub"]):
        raise TokenError("its sub is not 1 to 255 printable characters without spaces")
    roles = claims.get("roles", [])
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise TokenError("its roles are not a list of names")
    return Verified(Principal(claims["sub"], ROLES.intersection(roles)), int(claims["exp"]) + LEEWAY_SECONDS)


def _check_length(token: str) -> None:
    if len(token) > LONGEST_TOKEN:
        raise TokenError(f"it is longer than {LONGEST_TOKEN} characters")


_WHY: dict[type[Exception], str] = {
    jwt.InvalidSignatureError: "its signature does not fit",
    jwt.InvalidAlgorithmError: "its algorithm is not the one used here",
    jwt.InvalidAudienceError: "it is for another audience",
    jwt.MissingRequiredClaimError: "one of sub, aud and exp is missing",
    jwt.ImmatureSignatureError: "it is not valid yet",
}
