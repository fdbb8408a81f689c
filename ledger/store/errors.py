"""What can go wrong in the store: the library's own errors (eventsourcing.persistence), some of them told apart:

    PersistenceError
    ├── InterfaceError
    │   └── StoreClosed             the recorder was closed
    └── DatabaseError
        ├── OperationalError
        │   ├── StoreUnavailable    the database cannot be reached; nothing was stored
        │   │   └── StoreBusy       it answered, but not within the time allowed; nothing was stored
        │   └── AppendOutcomeUnknown  the connection died during the commit: stored or not, only a read can tell
        ├── IntegrityError
        │   ├── AppendConflict      an event matches the append's condition; nothing was stored
        │   └── EventAlreadyRecorded  an event with this id is in the log; nothing was stored
        └── ProgrammingError
            └── EventNotStorable    not JSON, a NUL character, a name too long ...; nothing was stored

Other errors of psycopg arrive as the class of the same name in the library.
"""

from collections.abc import Sequence
from uuid import UUID

import psycopg
from eventsourcing import persistence
from eventsourcing.dcb.api import DCBAppendCondition

__all__ = [
    "AppendConflict",
    "AppendOutcomeUnknown",
    "EventAlreadyRecorded",
    "EventNotStorable",
    "StoreBusy",
    "StoreClosed",
    "StoreUnavailable",
    "library_error",
]


class StoreClosed(persistence.InterfaceError):
    """The recorder was closed."""


class StoreUnavailable(persistence.OperationalError):
    """The database cannot be reached, or does not take writes. Nothing was stored; trying again later is safe."""


class StoreBusy(StoreUnavailable):
    """The database took longer than allowed: for the lock of the log, or for the statement. Nothing was stored."""


class AppendOutcomeUnknown(persistence.OperationalError):
    """The connection was lost while the commit was under way.

    To be sure: read inside the same boundary again, or append the very same events (the same ids) under the same
    condition: if they are there already, it is refused with AppendConflict or EventAlreadyRecorded.
    """

    def __init__(self, event_ids: Sequence[UUID], cause: BaseException) -> None:
        super().__init__(f"connection lost while {len(event_ids)} events were being committed: {cause}".strip())
        self.event_ids = tuple(event_ids)


class AppendConflict(persistence.IntegrityError):
    """Somebody recorded an event that matches the append's condition."""

    def __init__(self, condition: DCBAppendCondition) -> None:
        super().__init__(f"an event after position {condition.after or 0} matches {condition.fail_if_events_match}")
        self.condition = condition


class EventAlreadyRecorded(persistence.IntegrityError):
    """The log holds an event with one of these ids, or one id was given twice."""

    def __init__(self, event_ids: Sequence[UUID]) -> None:
        super().__init__(f"already recorded: one of the event ids {', '.join(map(str, event_ids))}")
        self.event_ids = tuple(event_ids)


class EventNotStorable(persistence.ProgrammingError):
    """The event can never be stored as it is."""


def library_error(error: psycopg.Error) -> persistence.PersistenceError:
    """The library's counterpart of an error of psycopg's."""
    if isinstance(error, psycopg.errors.LockNotAvailable | psycopg.errors.QueryCanceled):
        return StoreBusy(str(error).strip())
    if isinstance(error, psycopg.OperationalError | psycopg.errors.ReadOnlySqlTransaction):
        return StoreUnavailable(str(error).strip())
    for kind in (
        psycopg.InterfaceError,
        psycopg.DataError,
        psycopg.IntegrityError,
        psycopg.InternalError,
        psycopg.ProgrammingError,
        psycopg.NotSupportedError,
    ):
        if isinstance(error, kind):
            counterpart: type[persistence.PersistenceError] = getattr(persistence, kind.__name__)
            return counterpart(str(error).strip())
    return persistence.DatabaseError(str(error).strip())
