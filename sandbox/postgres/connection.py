"""What a client asks the server as its superuser. Imported when needed: the keeper does without, and starts faster."""

import contextlib

import psycopg
from psycopg import sql

__all__ = ["create_database", "why_unreachable"]


def why_unreachable(url: str) -> str | None:
    """What a connection attempt is answered; None when it is accepted."""
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError as error:
        return str(error).strip()
    return None


def create_database(url: str, name: str) -> None:
    """Create the database `name` on the server behind `url` unless it exists, whoever else is creating it right now."""
    with psycopg.connect(url, autocommit=True) as connection:
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).rowcount:
            return
        with contextlib.suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            connection.execute(sql.SQL("CREATE DATABASE {} ENCODING 'UTF8'").format(sql.Identifier(name)))
