"""The database's schema and its history: Alembic revisions, each with its DDL in plain SQL beside it.

Nothing else in the project creates or alters a table. `upgrade` brings a database to the newest revision; any number of
processes may call it at once.
"""

import threading
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, create_engine, text

__all__ = ["VERSION_SCHEMA", "current_revision", "head_revision", "upgrade"]

# Where Alembic keeps its own table (alembic_version).
VERSION_SCHEMA = "ledger"

# Any number, as long as it stays the same: whoever migrates holds this advisory lock of the database.
_LOCK = 0x6C65646765720001

# Alembic keeps what it is doing in globals.
_one_at_a_time = threading.Lock()


def upgrade(url: str) -> None:
    """Bring the database to the newest revision, as the URL's own user, who becomes the owner of what is created.

    Waits while another process does the same. Each revision is one transaction. Takes libpq URLs in all their forms.
    Raises psycopg.Error or sqlalchemy.exc.DBAPIError.
    """
    with _one_at_a_time, _connect(url) as connection:
        # Held by the session, so it outlives the revisions' transactions and ends with the connection, however that
        # ends.
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {VERSION_SCHEMA}"))
        connection.commit()
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def current_revision(url: str) -> str | None:
    """The revision the database is at; None before the first."""
    with _connect(url) as connection:
        context = MigrationContext.configure(connection, opts={"version_table_schema": VERSION_SCHEMA})
        return context.get_current_revision()


def head_revision() -> str:
    """The newest revision this code knows."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise LookupError("there are no revisions")
    return head


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return config


def _connect(url: str) -> Connection:
    """SQLAlchemy's connection over one that libpq made: its own URLs know no sockets' folders and no second host."""
    libpq_url = url.replace("postgresql+psycopg://", "postgresql://", 1)
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(libpq_url, application_name="ledger migrate"),
        poolclass=NullPool,
    )
    return engine.connect()
