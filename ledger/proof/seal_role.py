"""The role of the database that may write seals, and whether a login may take it on.

The application's own role may not: whoever has its rights, by a leaked password or a defect, cannot write seals over what they did.
"""

from ledger.named_queries import named_queries
from ledger.proof.errors import SealRoleMissingError
from ledger.store.connection import ConnectionSettings, connect

__all__ = ["SEAL_ROLE", "require_seal_role"]

SEAL_ROLE = "ledger_seal"

QUERIES = named_queries("ledger.proof", "seals.sql")


def require_seal_role(database_url: str) -> None:
    """Raises SealRoleMissingError if the URL's user may not take the role on, or psycopg.Error."""
    with connect(database_url, ConnectionSettings("ledger sealer", role=None)) as connection:
        row = connection.execute(QUERIES["may_take_on"], {"role": SEAL_ROLE}).fetchone()
    if row is None:
        raise RuntimeError("a query without a table has one row")
    login, may_take_on = row
    if not may_take_on:
        raise SealRoleMissingError(SEAL_ROLE, login)
