"""Real PostgreSQL for every test that wants it: the embedded one, or the server that TEST_DATABASE_URL names.

A template database is migrated once; a test's own database is a copy of it, made in a few milliseconds. Workers of a
parallel run share one server, and it stops by itself when the last of them ends.
"""

import os
import shutil
import signal
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
import structlog
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

import migrations
from sandbox.postgres import EmbeddedPostgres

TEMPLATE_LOCK = 0x6C65646765727474
FOLDER_VARIABLE = "LEDGER_TEST_POSTGRES_FOLDER"
MAJOR_VARIABLE = "LEDGER_TEST_POSTGRES_MAJOR"


MOST_WORKERS = 4
"""They share one PostgreSQL, which bounds their number."""


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: much of the time a test waits for a process or a disk."""
    return min(MOST_WORKERS, (os.cpu_count() or 1) + 1)


LONG_FIRST = ("simulation", "crash", "demo", "cli")
"""Folders whose files take longest: what is handed out last should be short, or the other workers wait for it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        return LONG_FIRST.index(folder) if folder in LONG_FIRST else len(LONG_FIRST)

    items.sort(key=rank)


def pytest_configure(config: pytest.Config) -> None:
    # The controller of a parallel run comes here first; its workers inherit the folder by the environment.
    if FOLDER_VARIABLE not in os.environ and "TEST_DATABASE_URL" not in os.environ:
        folder = tempfile.mkdtemp(prefix="ledger-tests-")
        Path(folder).chmod(0o711)  # started by root, the server runs as another user and has to get in
        os.environ[FOLDER_VARIABLE] = folder
        config.add_cleanup(_remove_folder)


def _remove_folder() -> None:
    folder = Path(os.environ.pop(FOLDER_VARIABLE))
    for pid_file in folder.glob("postgres/**/postmaster.pid"):
        with suppress(
            ProcessLookupError, FileNotFoundError
        ):  # its clients are gone, and nothing is kept: no checkpoint at the end
            os.kill(int(pid_file.read_text().split()[0]), signal.SIGQUIT)
    if (folder / "postgres").exists():
        EmbeddedPostgres(folder / "postgres").wait_until_stopped()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Commands set logging up for their process; a test that runs one in this process must not do it for the next."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The maintenance database of a running server, as superuser."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    folder = Path(os.environ[FOLDER_VARIABLE]) / "postgres"
    major = int(os.environ.get(MAJOR_VARIABLE, "18"))
    with EmbeddedPostgres(folder, major=major, settings={"max_connections": "300"}) as server:
        yield server.url("postgres")


@pytest.fixture(scope="session")
def template_database(postgres_url: str) -> str:
    """The name of a migrated, empty database to copy."""
    name = f"ledger_template_{migrations.head_revision()}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [TEMPLATE_LOCK])
        known = connection.execute("SELECT datistemplate FROM pg_database WHERE datname = %s", [name]).fetchone()
        if known is None or not known[0]:
            connection.execute(SQL("DROP DATABASE IF EXISTS {}").format(Identifier(name)))
            connection.execute(SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(Identifier(name)))
            migrations.upgrade(in_database(postgres_url, name))
            connection.execute(SQL("ALTER DATABASE {} IS_TEMPLATE true").format(Identifier(name)))
    return name


@pytest.fixture(scope="session")
def make_database(postgres_url: str, template_database: str) -> Iterator[Callable[[], str]]:
    """Call it for the URL (as superuser) of one more fresh, migrated database."""
    yield from _maker(postgres_url, template_database)


@pytest.fixture(scope="session")
def make_empty_database(postgres_url: str) -> Iterator[Callable[[], str]]:
    """Call it for the URL (as superuser) of one more database with nothing in it."""
    yield from _maker(postgres_url, "template0")


def _maker(postgres_url: str, template: str) -> Iterator[Callable[[], str]]:
    made: list[str] = []

    def make() -> str:
        name = f"ledger_test_{uuid.uuid4().hex}"
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(
                SQL("CREATE DATABASE {} TEMPLATE {} ENCODING 'UTF8'").format(Identifier(name), Identifier(template))
            )
        made.append(name)
        return in_database(postgres_url, name)

    yield make
    if "TEST_DATABASE_URL" not in os.environ:
        return  # the whole server goes; dropping each database would wait for the disk
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for name in made:
            connection.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))


@pytest.fixture
def database_url(make_database: Callable[[], str]) -> str:
    """A fresh, migrated database of the test's own."""
    return make_database()


def in_database(url: str, name: str) -> str:
    """The same server and user, another database."""
    return make_conninfo(url, dbname=name)
