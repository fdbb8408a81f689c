"""What a command reads from: with everything that is on the log, whether or not a projector runs."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from api import composition
from api.services import Services
from api.settings import Settings
from projections.projector import StandbyError

__all__ = ["caught_up"]


@contextmanager
def caught_up(settings: Settings, url: str, part: str) -> Iterator[Services]:
    """Where no projector runs, the read models are brought up to the log first."""
    with composition.services(settings, url, part, pool_size=2) as services:
        if services.read_models.position() < services.log.recorder.head():
            with composition.projector(url) as (projector, _), suppress(StandbyError):
                projector.catch_up()
        yield services
