"""The database's schema and its history: Alembic revisions, each with its DDL in plain SQL beside it.

Nothing else in the project creates or alters a table. `upgrade` brings a database to the newest revision; any number of
processes may call it at once. Every process asks at its start which revision there is, and only `upgrade` needs Alembic,
which takes longer to import than most commands to run.
"""

from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier

__all__ = ["VERSION_SCHEMA", "current_revision", "head_revision", "upgrade"]

# Where Alembic keeps its own table (alembic_version).
VERSION_SCHEMA = "ledger"

_CURRENT = SQL("SELECT version_num FROM {}.alembic_version").format(Identifier(VERSION_SCHEMA))


def upgrade(url: str) -> None:
    """Bring the database to the newest revision, as the URL's own user, who becomes the owner of what is created.

    Waits while another process does the same. Each revision is one transaction. Takes libpq URLs in all their forms.
    Raises psycopg.Error.
    """
    from migrations.upgrading import upgrade_to_head  # noqa: PLC0415

    upgrade_to_head(url)


def current_revision(url: str) -> str | None:
    """The revision the database is at; None before the first. Raises psycopg.Error."""
    with psycopg.connect(url, application_name="ledger migrate") as connection:
        try:
            row = connection.execute(_CURRENT).fetchone()
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
            return None
    return None if row is None else str(row[0])


def head_revision() -> str:
    """The newest revision this code knows: they are numbered, and each file begins with its number."""
    return max(path.name.partition("_")[0] for path in (Path(__file__).parent / "versions").glob("[0-9]*_*.py"))
