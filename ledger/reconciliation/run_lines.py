"""The lines of runs, beside the log. Written once for each run and never changed: a run's id says what its lines are."""

from collections.abc import Iterator, Sequence

from psycopg.rows import class_row
from psycopg_pool import ConnectionPool

from ledger.events import LineClass
from ledger.named_queries import named_queries
from ledger.reconciliation.log_lines import MoneyEvent, money_events
from ledger.reconciliation.result import Row

QUERIES = named_queries("ledger.reconciliation", "run_lines.sql")


CHUNK = 1000


class RunLines:
    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def store(self, run_id: str, stored: Sequence[str]) -> None:
        """All of them or none, once: nothing happens if the run has its lines already. `stored`: rows as COPY has them."""
        with self._pool.connection() as connection, connection.transaction():
            begun = connection.execute(QUERIES["begin_run"], {"run_id": run_id, "lines": len(stored)}).fetchone()
            if begun is None:
                return
            with connection.cursor().copy(QUERIES["copy_lines"]) as copy:
                for first in range(0, len(stored), CHUNK):
                    copy.write("".join(stored[first : first + CHUNK]))

    def money_events(self) -> Iterator[MoneyEvent]:
        """The log's side, in the order of the log."""
        return money_events(self._pool)

    def read(self, run_id: str, *, line_class: LineClass | None = None, after: int = 0, limit: int = 200) -> list[Row]:
        """Some lines in a row, in the order of their numbers."""
        wanted = {"run_id": run_id, "line_class": line_class, "after": after, "limit": limit}
        with self._pool.connection() as connection, connection.cursor(row_factory=class_row(Row)) as cursor:
            return cursor.execute(QUERIES["read_lines"], wanted).fetchall()
