"""Whether what is kept of each run of reconciling is what its event hashed. The event is sealed; its lines are beside the log."""

from collections.abc import Iterator

from ledger.named_queries import named_queries
from ledger.reconciliation.run_lines import kept_lines
from ledger.store.connection import ConnectionSettings, connect

__all__ = ["changed_runs"]

QUERIES = named_queries("ledger.proof", "reconciled.sql")

_SETTINGS = ConnectionSettings(
    "ledger verify", statement_timeout_seconds=0, server_settings={"search_path": "pg_catalog"}
)


def changed_runs(database_url: str) -> Iterator[tuple[int, str]]:
    """The position of each run whose lines are others, and what is there, as a sentence. Raises psycopg.Error."""
    with connect(database_url, _SETTINGS) as connection:
        for position, run_id, lines, sha256 in connection.execute(QUERIES["runs"]).fetchall():
            kept = kept_lines(connection, run_id)
            if kept.sha256 != sha256:
                yield (
                    position,
                    f"what is kept of the run {run_id} (lines: {kept.lines}) is not what was recorded ({lines}).",
                )
