"""Follows the log and keeps the read models: in batches, the checkpoint in the same transaction as the rows.

Run one, or several: whoever holds the checkpoint's row works, the others stand by. An event that cannot be digested stops
the projection there, loudly: everything before it is applied, nothing is skipped.
"""

import threading
from typing import Protocol

import structlog
from eventsourcing.persistence import PersistenceError
from psycopg import Error as PsycopgError
from psycopg import InterfaceError, OperationalError, ProgrammingError
from psycopg_pool import ConnectionPool

from ledger.event_log import EventLog
from projections.fold import Keys, apply
from projections.tables import LIVE_SCHEMA, claim_program, load, save, use_schema

BATCH_SIZE = 2000
IDLE_SECONDS = 0.5
PAUSE_AFTER_FAILURE_SECONDS = 1.0

# The database is away, busy or not prepared. Its other errors say that the tables refuse what an event comes to.
_NOT_THE_EVENT = (PersistenceError, OperationalError, InterfaceError, ProgrammingError)

logger = structlog.get_logger("ledger.projector")


class Wakeups(Protocol):
    """Tells that the log has grown beyond a position; may be late, since the projector also looks by itself."""

    def wait(self, after: int, timeout_seconds: float) -> object: ...


class ProjectionStoppedError(Exception):
    """The event after `position` cannot be digested; the read models stay at `position` until newer code runs."""

    def __init__(self, position: int) -> None:
        super().__init__(f"the read models stop at position {position}: the event after it cannot be digested")
        self.position = position


class StandbyError(Exception):
    """Another projector is at work."""


class Projector:
    """Keeps one copy of the read models: the live one, or, in a rebuild, the next one."""

    def __init__(self, pool: ConnectionPool, log: EventLog, schema: str = LIVE_SCHEMA) -> None:
        self._pool = pool
        self._log = log
        self._schema = schema

    def catch_up(self, until: int | None = None) -> int:
        """Apply what was recorded until now, or up to a position. Returns the position reached.

        Raises ProjectionStoppedError, StandbyError, or the database's errors; what was applied before that stays.
        """
        size = BATCH_SIZE
        while True:
            try:
                applied, position = self.step(size, until)
            except (*_NOT_THE_EVENT, StandbyError):
                raise
            except Exception as error:
                # Half the batch, until the event that cannot be digested stands alone and all before it are applied.
                if size == 1:
                    raise ProjectionStoppedError(self.position()) from error
                size //= 2
                continue
            if applied < size or position == until:
                return position
            size = min(BATCH_SIZE, size * 2)

    def step(self, batch_size: int, until: int | None = None) -> tuple[int, int]:
        """Apply at most so many events, in one transaction. Returns how many, and the position reached."""
        with self._pool.connection() as connection, connection.transaction():
            use_schema(connection, self._schema)
            program = claim_program(connection)
            if program is None:
                raise StandbyError
            # Positions have no gaps, so a count of events is a distance.
            size = batch_size if until is None else max(0, min(batch_size, until - program.position))
            events, _ = self._log.read(after=program.position, limit=size)
            if events:
                keys = Keys()
                for recorded in events:
                    keys.add(recorded)
                model = load(connection, program, keys)
                for recorded in events:
                    apply(model, recorded)
                save(connection, model)
            return len(events), program.position

    def position(self) -> int:
        """The position that the read models reflect."""
        with self._pool.connection() as connection, connection.transaction():
            use_schema(connection, self._schema)
            row = connection.execute("SELECT position FROM program").fetchone()
            return int(row[0]) if row else 0

    def run(self, stop: threading.Event, wakeups: Wakeups) -> None:
        """Follow the log until `stop` is set. Outlives the database's absence."""
        position = 0
        while not stop.is_set():
            try:
                position = self.catch_up()
                wakeups.wait(position, IDLE_SECONDS)
            except StandbyError:
                stop.wait(PAUSE_AFTER_FAILURE_SECONDS)
            except ProjectionStoppedError as error:
                logger.critical("projection_stopped", position=error.position, cause=repr(error.__cause__))
                stop.wait(PAUSE_AFTER_FAILURE_SECONDS * 5)
            except (PersistenceError, PsycopgError) as error:
                logger.warning("database_lost", error=type(error).__name__)
                stop.wait(PAUSE_AFTER_FAILURE_SECONDS)
