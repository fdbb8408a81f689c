"""Personal data: display names, and whether the welcome pop-up was seen. Kept outside the log, so that it can be erased."""

from collections.abc import Iterable, Mapping

import orjson
from psycopg_pool import ConnectionPool

from ledger.named_queries import named_queries

QUERIES = named_queries("ledger", "people.sql")


class PeopleDirectory:
    """The side table of people. Losing it changes no amount and no status."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def remember(self, names: Mapping[str, str]) -> None:
        """Store the display name of each instructor id; the newest one given wins. Not of those who were forgotten."""
        if names:
            with self._pool.connection() as connection:
                # As one document: two arrays of text take psycopg twice as long.
                connection.execute(QUERIES["remember"], {"names": orjson.dumps(names).decode()})

    def names_of(self, instructor_ids: Iterable[str]) -> dict[str, str]:
        """The names we know of these instructors."""
        with self._pool.connection() as connection:
            rows = connection.execute(QUERIES["names_of"], {"instructor_ids": list(instructor_ids)}).fetchall()
        return dict(rows)

    def mark_popup_seen(self, instructor_id: str) -> None:
        with self._pool.connection() as connection:
            connection.execute(QUERIES["mark_popup_seen"], {"instructor_id": instructor_id})

    def popup_seen(self, instructor_id: str) -> bool:
        """Whether they saw it. Of somebody who was forgotten nothing is kept: they are not shown it again."""
        with self._pool.connection() as connection:
            row = connection.execute(QUERIES["popup_seen"], {"instructor_id": instructor_id}).fetchone()
        return bool(row and row[0])

    def forget(self, instructor_id: str) -> None:
        """Erase what is personal, for good: what is sent about this id later is not stored. Doing it again changes nothing."""
        with self._pool.connection() as connection:
            connection.execute(QUERIES["forget"], {"instructor_id": instructor_id})
