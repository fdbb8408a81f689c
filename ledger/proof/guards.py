"""Whether log, seals and the lines of reconciliation still are what the migrations made them: tables that refuse every change,
functions of this release, and roles that may do no more than they were given.

Seals prove what was done to the log; guards keep it from being done. Where one is gone, somebody with the owner's rights
took it away.
"""

from ledger.named_queries import named_queries
from ledger.store.connection import ConnectionSettings, connect

__all__ = ["missing_guards"]

QUERIES = named_queries("ledger.proof", "guards.sql")

_SETTINGS = ConnectionSettings("ledger verify", server_settings={"search_path": "pg_catalog"})
"""The database may name other functions first, that answer in place of PostgreSQL's own."""


def missing_guards(database_url: str) -> list[str]:
    """A sentence for each guard that is missing. Raises psycopg.Error."""
    with connect(database_url, _SETTINGS) as connection:
        return [what for (what,) in connection.execute(QUERIES["guards"], {})]
