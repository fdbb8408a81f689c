"""What the routes work with, and how they get at it."""

from dataclasses import dataclass
from typing import Annotated, Self, cast
from urllib.parse import quote

from fastapi import Depends, Request

from api.http.gathering import Gathering
from api.http.health import Health
from api.http.metrics import Metrics
from api.http.positions import PositionWatch
from api.services import Services
from api.verified_tokens import VerifiedTokens, verified_tokens

PAGE_POLL_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Parts:
    services: Services
    tokens: VerifiedTokens
    health: Health
    metrics: Metrics
    gathering: Gathering
    read_models: PositionWatch
    log: PositionWatch
    pages: PositionWatch
    """The read models too, for pages that are only looked at: asked less often."""

    @classmethod
    def of(cls, services: Services) -> Self:
        """Raises NoTokenKeyError."""
        return cls(
            services=services,
            tokens=verified_tokens(services.settings),
            health=Health(services),
            metrics=Metrics(),
            gathering=Gathering(services.ingestion),
            read_models=PositionWatch(services.read_models.position),
            log=PositionWatch(services.log.recorder.head),
            pages=PositionWatch(services.read_models.position, PAGE_POLL_SECONDS),
        )


def parts(request: Request) -> Parts:
    return cast(Parts, request.app.state.parts)


async def _parts(request: Request) -> Parts:
    """A coroutine, as every dependency that does not wait for the database: FastAPI hands the others to a thread, each time."""
    return parts(request)


PartsOfApp = Annotated[Parts, Depends(_parts)]


def referral_link(request: Request, code: str) -> str:
    """Where to send somebody with this code: the public address, or the one at which we were asked."""
    address = parts(request).services.settings.ledger_public_url or str(request.base_url)
    return f"{address}{'&' if '?' in address else '?'}ref={quote(code, safe='')}"
