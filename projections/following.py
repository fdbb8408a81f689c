"""Follows the log for as long as it grows, and keeps the live read models. Run one, or several: the others stand by."""

import threading

import structlog
from eventsourcing.persistence import PersistenceError
from psycopg import Error as PsycopgError

from ledger.store import Wakeups
from projections.projector import ProjectionStoppedError, Projector, StandbyError

__all__ = ["follow"]

IDLE_SECONDS = 0.5
PAUSE_AFTER_FAILURE_SECONDS = 1.0

logger = structlog.get_logger("ledger.projector")


def follow(projector: Projector, stop: threading.Event, wakeups: Wakeups) -> None:
    """Until `stop` is set. Outlives the database's absence."""
    position = 0
    while not stop.is_set():
        try:
            position = projector.catch_up()
            wakeups.wait(position, IDLE_SECONDS)
        except StandbyError:
            stop.wait(PAUSE_AFTER_FAILURE_SECONDS)
        except ProjectionStoppedError as error:
            logger.critical("projection_stopped", position=error.position, cause=repr(error.__cause__))
            stop.wait(PAUSE_AFTER_FAILURE_SECONDS * 5)
        except (PersistenceError, PsycopgError) as error:
            logger.warning("database_lost", error=type(error).__name__)
            stop.wait(PAUSE_AFTER_FAILURE_SECONDS)
