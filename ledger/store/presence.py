"""How many processes of one kind are connected: each holds a lock that they share, and counts its holders.

Nothing is written, so nothing is left of one that was killed.
"""

import psycopg

from ledger.store.connection import ConnectionSettings, connect

__all__ = ["Presence"]

LOCKS = 0x6C656467  # the first half of an advisory lock's key: ours; the second says which kind

JOIN = "SELECT pg_advisory_lock_shared(%s, %s)"
COUNT = """
SELECT count(*)
FROM pg_locks
JOIN pg_database ON pg_database.oid = pg_locks.database AND pg_database.datname = current_database()
WHERE locktype = 'advisory' AND classid = %s AND objid = %s AND mode = 'ShareLock' AND granted
"""


class Presence:
    """One process among those of its kind. For one thread at a time; has a connection of its own from the first count on."""

    def __init__(self, database_url: str, settings: ConnectionSettings, kind: int) -> None:
        self._database_url = database_url
        self._settings = settings
        self._lock = (LOCKS, kind)
        self._connection: psycopg.Connection | None = None

    def count(self) -> int:
        """How many are connected, this one included. Raises psycopg.Error; the next count connects again."""
        try:
            if self._connection is None:
                self._connection = connect(self._database_url, self._settings)
                self._connection.execute(JOIN, self._lock)
            row = self._connection.execute(COUNT, self._lock).fetchone()
        except psycopg.Error:
            self.close()
            raise
        return row[0] if row is not None else 1

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
