"""The lines of the journal in a stretch of the log, for exports: read page by page, no transaction open in between.

Lines are only ever added, and each belongs to an event of the log: what is read of a stretch that the read models have passed
does not depend on when it is read.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from psycopg.rows import class_row
from psycopg_pool import ConnectionPool

from ledger.named_queries import named_queries

__all__ = ["ExportedLine", "JournalStretch"]

QUERIES = named_queries("projections", "journal_stretch.sql")
PAGE_SIZE = 5_000


class ExportedLine(NamedTuple):
    """A line as the read models hold it, with the id of its event. A debit is positive, a credit negative, in minor units.

    `period`: the month (YYYY-MM) whose books it belongs to. `opens`: whether it is the stretch's first on its instructor's
    account, if that was asked for.
    """

    position: int
    line: int
    event_id: UUID
    event_type: str
    account: str
    instructor_id: str | None
    payout_id: str
    currency: str
    amount_minor: int
    occurred_at: datetime
    recorded_at: datetime
    period: str
    opens: bool


class JournalStretch:
    """Raises psycopg's errors when the database is lost."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def lines(self, after: int, until: int, *, with_openings: bool = False) -> Iterator[ExportedLine]:
        """In the order of the log, of the positions after one and up to another, in constant memory."""
        place = (after, 2**15 - 1)  # behind the last line that an entry could have
        while page := self._page(place, after, until, with_openings):
            yield from page
            place = (page[-1].position, page[-1].line)
            if len(page) < PAGE_SIZE:
                return

    def _page(self, place: tuple[int, int], begin: int, until: int, with_openings: bool) -> list[ExportedLine]:
        position, line = place
        parameters = {
            "position": position,
            "line": line,
            "begin": begin,
            "until": until,
            "with_openings": with_openings,
            "page_size": PAGE_SIZE,
        }
        with self._pool.connection() as connection, connection.cursor(row_factory=class_row(ExportedLine)) as cursor:
            return cursor.execute(QUERIES["page"], parameters).fetchall()
