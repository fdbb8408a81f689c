"""Brings the read models up to the log: in batches, the checkpoint in the same transaction as the rows.

Of several, whoever holds the checkpoint's row works, the others stand by. An event that cannot be digested stops
the projection there, loudly: everything before it is applied, nothing is skipped.
"""

from collections.abc import Callable, Sequence
from typing import Self

from eventsourcing.persistence import PersistenceError
from psycopg import InterfaceError, InternalError, OperationalError, ProgrammingError
from psycopg_pool import ConnectionPool

from ledger.event_log import EventLog
from ledger.events import Recorded
from projections.fold import Keys, apply
from projections.tables import LIVE_SCHEMA, WorkingRows, claim_program, use_schema

BATCH_SIZE = 2_000
LARGEST_BATCH_SIZE = 128_000
"""Far behind, a transaction takes more: a row that many events change is loaded and written once for all of them."""
PAGE_SIZE = 4_000
"""Of a batch, so many events are held in memory at once."""

# The database is away, busy, read-only or not prepared. Its other errors say that the tables refuse what an event comes to.
_NOT_THE_EVENT = (PersistenceError, OperationalError, InterfaceError, InternalError, ProgrammingError)


class ProjectionStoppedError(Exception):
    """The event after `position` cannot be digested; the read models stay at `position` until newer code runs."""

    def __init__(self, position: int) -> None:
        super().__init__(f"the read models stop at position {position}: the event after it cannot be digested")
        self.position = position

    def __reduce__(self) -> tuple[type[Self], tuple[int]]:
        return type(self), (self.position,)


class StandbyError(Exception):
    """Another projector is at work."""

    def __str__(self) -> str:
        return "somebody else is bringing these read models up to date just now; try again when that is done"


class Projector:
    """Keeps one copy of the read models: the live one, or, in a rebuild, the next one or a share of it."""

    def __init__(self, pool: ConnectionPool, log: EventLog, schemas: Sequence[str] = (LIVE_SCHEMA,)) -> None:
        self._pool = pool
        self._log = log
        self._schemas = schemas

    def catch_up(self, until: int | None = None, on_progress: Callable[[int], None] = lambda _: None) -> int:
        """Apply what was recorded until now, or up to a position. Returns the position reached.

        `on_progress` gets each position that was committed. Raises ProjectionStoppedError, StandbyError, or the database's
        errors; what was applied before that stays.
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
            on_progress(position)
            if applied < size or position == until:
                return position
            size = min(LARGEST_BATCH_SIZE, size * 2)

    def step(self, batch_size: int, until: int | None = None) -> tuple[int, int]:
        """Apply at most so many events, in one transaction. Returns how many, and the position reached."""
        with self._pool.connection() as connection, connection.transaction():
            use_schema(connection, *self._schemas)
            program = claim_program(connection)
            if program is None:
                raise StandbyError
            began_at = program.position
            # Positions have no gaps, so a count of events is a distance.
            last = began_at + batch_size if until is None else min(began_at + batch_size, until)
            rows = WorkingRows(connection, program)
            while (after := program.position) < last:
                page_ends = min(after + PAGE_SIZE, last)
                events, position = self._log.read(after=after, until=page_ends)
                _apply(events, rows)
                program.position = position  # also of what others hold
                if position < page_ends:
                    break
            if program.position > began_at:
                rows.save()
            return program.position - began_at, program.position

    def position(self) -> int:
        """The position that the read models reflect."""
        with self._pool.connection() as connection, connection.transaction():
            use_schema(connection, *self._schemas)
            row = connection.execute("SELECT position FROM program").fetchone()
            return int(row[0]) if row else 0


def _apply(events: Sequence[Recorded], rows: WorkingRows) -> None:
    keys = Keys()
    for recorded in events:
        keys.add(recorded)
    rows.load(keys)
    for recorded in events:
        apply(rows.model, recorded)
