"""A PostgreSQL of the benchmark's own, in a temporary folder, whose commits are durable: that is asserted, not assumed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from types import MappingProxyType
from uuid import uuid4

import psycopg
from psycopg.conninfo import make_conninfo

from migrations import upgrade
from sandbox.postgres import EmbeddedPostgres

__all__ = ["DURABLE", "migrated_database", "scratch_database", "scratch_server", "settle"]

DURABLE = MappingProxyType({"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"})


@contextmanager
def scratch_server(settings: Mapping[str, str] = MappingProxyType({})) -> Iterator[str]:
    """The URL of an embedded server's maintenance database; `settings` are PostgreSQL's. Nothing is left of it."""
    folder = Path(mkdtemp(prefix="ledger-benchmark-"))
    folder.chmod(0o711)  # started by root, the server runs as another user and has to get in
    postgres = EmbeddedPostgres(folder / "postgres", settings={"max_connections": "300", **DURABLE, **settings})
    try:
        with postgres:
            _assert_durable(postgres.url("postgres"))
            yield postgres.url("postgres")
        postgres.wait_until_stopped()
    finally:
        rmtree(folder, ignore_errors=True)


@contextmanager
def migrated_database(server_url: str) -> Iterator[str]:
    """A database with the ledger's schema, gone afterwards."""
    name = f"ledger_benchmark_{uuid4().hex[:8]}"
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            database_url = make_conninfo(server_url, dbname=name)
            upgrade(database_url)
            _assert_durable(database_url)
            yield database_url
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def scratch_database(settings: Mapping[str, str] = MappingProxyType({})) -> Iterator[str]:
    """Both at once."""
    with scratch_server(settings) as server_url, migrated_database(server_url) as database_url:
        yield database_url


def settle(database_url: str) -> None:
    """After filling: what vacuum and checkpoint would do later, they have done."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def _assert_durable(database_url: str) -> None:
    """Asked of the server, and of whatever is set for one role or database."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        found = {name: connection.execute(f"SHOW {name}").fetchone() for name in DURABLE}
        assert found == {name: (value,) for name, value in DURABLE.items()}, found
        set_apart = connection.execute("SELECT setconfig FROM pg_db_role_setting").fetchall()
        assert not any(setting.split("=")[0] in DURABLE for (settings,) in set_apart for setting in settings), set_apart
