"""How many payout workers there are: they share Stripe's limit, and each keeps to its part of it.

Each holds one lock, shared, for as long as it is connected: one that was killed is not counted any more, and nothing is left to
clean up. A wrong count only makes for a pace that is not quite right, and Stripe's 429s mend that.
"""

import psycopg

from ledger.store.connection import ConnectionSettings, connect

LOCK = (0x7061796F, 0x75747321)  # two halves of an advisory lock's key; anything that nobody else takes

JOIN = "SELECT pg_advisory_lock_shared(%s, %s)"
COUNT = """
SELECT count(*)
FROM pg_locks
JOIN pg_database ON pg_database.oid = pg_locks.database AND pg_database.datname = current_database()
WHERE locktype = 'advisory' AND classid = %s AND objid = %s AND mode = 'ShareLock' AND granted
"""


class Crew:
    """A worker's place among the others. Synchronous, for one thread at a time."""

    def __init__(self, database_url: str, settings: ConnectionSettings) -> None:
        self._database_url = database_url
        self._settings = settings
        self._connection: psycopg.Connection | None = None

    def size(self) -> int:
        """How many workers are connected, this one included. Raises psycopg.Error; the next call connects again."""
        try:
            if self._connection is None:
                self._connection = connect(self._database_url, self._settings)
                self._connection.execute(JOIN, LOCK)
            row = self._connection.execute(COUNT, LOCK).fetchone()
        except psycopg.Error:
            self.close()
            raise
        return row[0] if row is not None else 1

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
