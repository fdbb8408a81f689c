"""Who is calling, by a token that may have been checked before: one signature for each token, not for each request.

What was found out about a token stands until it expires, since nothing in it can change; with public keys it is checked again
every minute. Only tokens that were good are remembered, by their hash, so neither a flood of bad ones nor a look into this
memory brings anybody anything.
"""

import time
from collections.abc import Callable
from hashlib import sha256

from api.settings import Settings
from api.tokens import Principal, TokenCheck, Verified, token_check

__all__ = ["VerifiedTokens", "verified_tokens"]

MOST_REMEMBERED = 4096


class VerifiedTokens:
    """For one event loop. `clock` tells Unix seconds."""

    def __init__(
        self, check: TokenCheck, clock: Callable[[], float] = time.time, most_remembered: int = MOST_REMEMBERED
    ) -> None:
        self._check = check
        self._clock = clock
        self._most_remembered = most_remembered
        self._remembered: dict[bytes, Verified] = {}

    async def verify(self, token: str) -> Principal:
        """Raises TokenError, KeysUnavailableError."""
        name = sha256(token.encode(errors="surrogatepass")).digest()
        known = self._remembered.get(name)
        if known is not None and self._clock() < known.until:
            return known.principal
        self._remembered.pop(name, None)
        found = await self._check.check(token)
        if len(self._remembered) >= self._most_remembered:
            del self._remembered[next(iter(self._remembered))]  # the oldest
        self._remembered[name] = found
        return found.principal


def verified_tokens(settings: Settings) -> VerifiedTokens:
    """Raises NoTokenKeyError."""
    return VerifiedTokens(token_check(settings))
