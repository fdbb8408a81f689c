"""Whether this process can do its work, and how far the followers of the log have come. Synchronous: it asks the database."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
from eventsourcing.persistence import PersistenceError

import migrations
from api.services import Services

MOST_LAG_SECONDS = 300.0
"""Read models that have not moved for so long have stopped, and somebody has to look."""

DATABASE_ERRORS = (psycopg.Error, PersistenceError, OSError)


@dataclass(frozen=True, slots=True)
class Progress:
    log_head: int
    read_models_position: int
    lag_seconds: float
    """Age of the oldest event that the read models do not reflect; 0 if they reflect all."""


class Health:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._is_migrated = False

    def progress(self) -> Progress:
        """Raises DATABASE_ERRORS."""
        position = self._services.read_models.position()
        return Progress(max(self._services.log.recorder.head(), position), position, self._lag_seconds(position))

    def reasons_not_to_be_ready(self) -> Iterator[str]:
        """In words; none when all is well."""
        try:
            if not self._at_newest_revision():
                yield "The database is not at the newest revision: run `ledger migrate`."
                return
            lag_seconds = self.progress().lag_seconds
        except DATABASE_ERRORS as error:
            yield f"The database does not answer: {type(error).__name__}."
            return
        if lag_seconds > MOST_LAG_SECONDS:
            yield f"The read models lag {lag_seconds:.0f} s behind the log: is `ledger project` running?"

    def gauges(self) -> dict[str, float]:
        """The values for `metrics.GAUGES`, as far as they can be known now."""
        try:
            progress = self.progress()
            next_due_seconds = self._services.todo.next_due_in_seconds()
            todo_position = self._services.todo.position()
            seal = self._services.seals.newest()
            sealed_position = seal.size if seal is not None else 0
            seal_lag_seconds = self._lag_seconds(sealed_position)
        except DATABASE_ERRORS:
            return {"ledger_database_up": 0}
        return {
            "ledger_database_up": 1,
            "ledger_log_head": progress.log_head,
            "ledger_read_models_position": progress.read_models_position,
            "ledger_read_models_lag_events": progress.log_head - progress.read_models_position,
            "ledger_read_models_lag_seconds": progress.lag_seconds,
            "ledger_sealed_position": sealed_position,
            "ledger_seal_lag_seconds": seal_lag_seconds,
            "ledger_payout_todo_position": todo_position,
            "ledger_payout_overdue_seconds": max(0.0, -(next_due_seconds or 0.0)),
        }

    def _lag_seconds(self, position: int) -> float:
        """The age of the first event after a position; 0 if there is none."""
        missing = next(iter(self._services.log.recorder.read(after=position, limit=1)), None)
        since = missing.event.recorded_at if missing is not None else None
        return max(0.0, (datetime.now(UTC) - since).total_seconds()) if since else 0.0

    def _at_newest_revision(self) -> bool:
        """Asked until it is so: a schema only moves forward."""
        if not self._is_migrated:
            current = migrations.current_revision(self._services.database_url)
            self._is_migrated = current == migrations.head_revision()
        return self._is_migrated
