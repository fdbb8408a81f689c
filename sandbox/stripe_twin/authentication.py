"""Who may talk to the twin: whoever shows its one API key, as a bearer token or as a basic-auth user."""

import base64
import binascii
import hmac

from sandbox.stripe_twin.refusals import unauthorized


def authenticate(authorization: str | None, api_key: str) -> None:
    """Raises `Refusal` (401) unless the header carries the key."""
    given = _given_key(authorization or "")
    if not given or not hmac.compare_digest(given.encode(), api_key.encode()):
        raise unauthorized(given)


def _given_key(authorization: str) -> str | None:
    scheme, _, credentials = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(credentials, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return None
    return None
