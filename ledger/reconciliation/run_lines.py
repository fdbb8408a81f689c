"""The lines of runs, beside the log. Written once for each run and never changed: a run's id says what its lines are, and its event
has a digest over them.

OtherLinesError   under this run's id other lines are kept than it has
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from psycopg import Connection
from psycopg.rows import class_row
from psycopg_pool import ConnectionPool

from ledger.events import LineClass, ReconciliationCompleted
from ledger.named_queries import named_queries
from ledger.reconciliation.digests import digest_of
from ledger.reconciliation.log_lines import MoneyEvent, money_events
from ledger.reconciliation.result import Row

QUERIES = named_queries("ledger.reconciliation", "run_lines.sql")


CHUNK = 1000


class KeptLines(NamedTuple):
    """What is kept of a run: how many lines, and the SHA-256 over them, to be held against those of the run's event."""

    lines: int
    sha256: str


class OtherLinesError(Exception):
    def __init__(self, run_id: str, kept: KeptLines) -> None:
        super().__init__(
            f"under the id of this run, {run_id}, there are {kept.lines} lines already, and not those that it found: somebody "
            "put them there; nothing was recorded"
        )
        self.run_id = run_id
        self.kept = kept


class RunLines:
    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def store(self, run_id: str, stored: Sequence[str]) -> None:
        """All of them or none, once: nothing happens if the run has its lines already. `stored`: rows as COPY has them.

        Raises OtherLinesError if it has others.
        """
        with self._pool.connection() as connection:
            with connection.transaction():
                begun = connection.execute(QUERIES["begin_run"], {"run_id": run_id, "lines": len(stored)}).fetchone()
                if begun is not None:
                    with connection.cursor().copy(QUERIES["copy_lines"]) as copy:
                        for first in range(0, len(stored), CHUNK):
                            copy.write("".join(stored[first : first + CHUNK]))
                    return
            # Of a process that was stopped before its event was on the log, or of one that is a moment ahead of this one.
            kept = kept_lines(connection, run_id)
            if kept.sha256 != digest_of(stored):
                raise OtherLinesError(run_id, kept)

    def money_events(self) -> Iterator[MoneyEvent]:
        """The log's side, in the order of the log."""
        return money_events(self._pool)

    def difference(self, run: ReconciliationCompleted) -> str | None:
        """In a sentence, if what is kept is not that over which the run's event has a digest. Reads all of it."""
        with self._pool.connection() as connection:
            kept = kept_lines(connection, run.run_id)
        if kept.sha256 == run.result_sha256:
            return None
        return (
            f"The event of this run has {run.lines} lines with the SHA-256 {run.result_sha256}; kept are {kept.lines} with "
            f"{kept.sha256}."
        )

    def read(
        self, run: ReconciliationCompleted, *, line_class: LineClass | None = None, after: int = 0, limit: int = 200
    ) -> list[Row]:
        """Some lines in a row, in the order of their numbers; none beyond those that the event counts."""
        wanted = {
            "run_id": run.run_id,
            "line_class": line_class,
            "after": after,
            "last": run.lines,
            "limit": limit,
        }
        with self._pool.connection() as connection, connection.cursor(row_factory=class_row(Row)) as cursor:
            return cursor.execute(QUERIES["read_lines"], wanted).fetchall()


def kept_lines(connection: Connection, run_id: str) -> KeptLines:
    """All of a run, read once from the first to the last, in constant memory. Raises psycopg.Error."""
    hashed, lines = hashlib.sha256(), 0
    with connection.transaction():
        connection.execute(QUERIES["as_digested"])
        with connection.cursor().copy(QUERIES["copy_kept"], {"run_id": run_id}) as rows:
            for row in rows:
                hashed.update(row)
                lines += 1
    return KeptLines(lines, hashed.hexdigest())
