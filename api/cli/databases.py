"""Which database a command works on: the ledger that lasts, whatever there is to look at, or a fresh one for a demo.

LedgerNotEmpty   a demo was to be played into a ledger in use
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.sql import SQL, Identifier

from api import composition
from api.data_folder import DataFolder, Workspace
from api.settings import Settings
from sandbox.postgres import EmbeddedPostgres

__all__ = ["LedgerNotEmpty", "fresh_database", "history", "prepared_database"]

_DROP = SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")


class LedgerNotEmpty(Exception):
    """A made-up season and somebody's books do not mix."""

    def __init__(self) -> None:
        super().__init__("the database of DATABASE_URL has a history already: a demo needs an empty one (or unset it)")


@contextmanager
def prepared_database(settings: Settings) -> Iterator[str]:
    """The ledger that lasts, at this release's schema: ours to bring there if it is embedded. Raises SchemaNotReady."""
    with composition.database(settings) as url:
        _prepare(settings, url)
        yield url


@contextmanager
def history(settings: Settings) -> Iterator[tuple[str, Workspace]]:
    """What there is to be looked at: the ledger that lasts, or while that is empty the newest demo. Raises SchemaNotReady."""
    folder = composition.data_folder(settings)
    if settings.database_url is not None:
        url = settings.database_url.get_secret_value()
        _prepare(settings, url)
        yield url, folder.ledger
        return
    with composition.embedded_server(settings) as server:
        workspace = _newest_history(server, folder)
        url = server.ensure_database(workspace.database)
        _prepare(settings, url)
        yield url, workspace


@contextmanager
def fresh_database(settings: Settings, workspace: Workspace) -> Iterator[str]:
    """An empty ledger, prepared: a database of its own on the embedded server, or that of DATABASE_URL if it is empty.

    Raises LedgerNotEmpty.
    """
    if settings.database_url is None:
        with composition.embedded_server(settings) as server:
            _forget_finished_demos(server, composition.data_folder(settings))
            url = server.ensure_database(workspace.database)
            composition.migrate(url)
            yield url
        return
    url = settings.database_url.get_secret_value()
    if _has_history(url):
        raise LedgerNotEmpty
    composition.migrate(url)
    yield url


def _prepare(settings: Settings, url: str) -> None:
    if settings.database_url is None:
        composition.migrate(url)
    else:
        composition.require_schema(url)


def _newest_history(server: EmbeddedPostgres, folder: DataFolder) -> Workspace:
    """Whose history the embedded server holds: the lasting ledger's, or while that is empty the newest demo's."""
    with psycopg.connect(server.url("postgres")) as connection:
        databases = {name for (name,) in connection.execute("SELECT datname FROM pg_database")}
    known = [workspace for workspace in (folder.ledger, *folder.demos()) if workspace.database in databases]
    return next((each for each in known if _has_history(server.url(each.database))), folder.ledger)


def _forget_finished_demos(server: EmbeddedPostgres, folder: DataFolder) -> None:
    """Drop what demos left behind that nobody runs any more, however they ended."""
    finished = [workspace for workspace in folder.demos() if not workspace.is_claimed()]
    if finished:
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            for workspace in finished:
                connection.execute(_DROP.format(Identifier(workspace.database)))
                shutil.rmtree(workspace.path, ignore_errors=True)


def _has_history(url: str) -> bool:
    """Whether anything but the program's terms is on the log."""
    with psycopg.connect(url) as connection:
        try:
            row = connection.execute("SELECT position > 1 FROM ledger.log_head").fetchone()
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
            return False
    return row is not None and bool(row[0])
