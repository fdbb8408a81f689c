"""Carries the revisions out, with Alembic."""

import threading
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, NullPool, create_engine, text
from sqlalchemy.exc import DBAPIError

from migrations import VERSION_SCHEMA

__all__ = ["configuration", "upgrade_to_head"]

# Any number, as long as it stays the same: whoever migrates holds this advisory lock of the database.
_LOCK = 0x6C65646765720001

# Alembic keeps what it is doing in globals.
_one_at_a_time = threading.Lock()


def upgrade_to_head(url: str) -> None:
    """See `migrations.upgrade`."""
    try:
        with _one_at_a_time, _connect(url) as connection:
            # Held by the session, so it outlives the revisions' transactions and ends with the connection, however that
            # ends.
            connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {VERSION_SCHEMA}"))
            connection.commit()
            config = configuration()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except DBAPIError as error:
        if isinstance(error.orig, psycopg.Error):
            raise error.orig from None
        raise


def configuration() -> Config:
    """Where Alembic finds the revisions."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return config


def _connect(url: str) -> Connection:
    """SQLAlchemy's connection over one that libpq made: its own URLs know no sockets' folders and no second host."""
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(url, application_name="ledger migrate"),
        poolclass=NullPool,
    )
    return engine.connect()
