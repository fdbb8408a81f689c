"""The log in PostgreSQL, behind the library's recorder interface."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import psycopg
from eventsourcing.dcb.api import DCBAppendCondition, DCBEvent, DCBQuery
from eventsourcing.persistence import ProgrammingError
from psycopg.sql import SQL, Composable
from psycopg_pool import PoolTimeout

from ledger.store.committer import Committer
from ledger.store.connection import FIXED_PLANS, ConnectionSettings, open_pool
from ledger.store.envelope import RecordedEvent, in_envelopes
from ledger.store.errors import StoreClosed, library_error
from ledger.store.group_commit import GroupCommit
from ledger.store.log_recorder import LogRecorder
from ledger.store.notifier import Notifier
from ledger.store.paging import END, Page, PagedEvents, fetch_last, fetch_page, page_of_all
from ledger.store.pending_append import PendingAppend
from ledger.store.subscription import Subscription
from ledger.store.wakeup import Wakeups

__all__ = ["PostgresRecorder"]

_READ_PAGE_SIZE = 5_000
EVERY_EVENT = SQL("true")

T = TypeVar("T")


class PostgresRecorder(LogRecorder):
    """Safe to use from any number of threads; each process has its own.

    Reads borrow a connection from a pool, for which they wait `wait_seconds` at most, and only for one page at a time.
    All appends of the process share one connection, which opens with the first of them, and each subscription has one
    of its own. `only`, a condition in SQL on the rows of `ledger.event`, is for one of several who divide the log among
    them: where no items are named, it reads those events and no others.

    Every method raises the library's errors (see `errors`): StoreUnavailable while the server cannot be reached; the next
    call finds it again by itself.
    """

    def __init__(
        self,
        database_url: str,
        settings: ConnectionSettings | None = None,
        *,
        read_pool_size: int = 8,
        wait_seconds: float = 5.0,
        page_size: int = _READ_PAGE_SIZE,
        only: Composable = EVERY_EVENT,
    ) -> None:
        settings = settings or ConnectionSettings()
        self._database_url = database_url
        self._settings = replace(settings, server_settings={**FIXED_PLANS, **settings.server_settings})
        self._page_size = page_size
        self._page_of_all = page_of_all(only)
        self._pool = open_pool(database_url, self._settings, max_size=read_pool_size, wait_seconds=wait_seconds)
        self._committer = Committer(database_url, self._settings)
        self._group_commit = GroupCommit(self._committer.commit)
        self._notifier = Notifier(database_url, self._settings)
        self._is_closed = False

    def append(self, events: Sequence[DCBEvent], condition: DCBAppendCondition | None = None) -> int:
        """Record all of the events or none, if no event matches the condition. Returns the position of the last one.

        Appends of other threads may share the commit. Raises AppendConflict, EventAlreadyRecorded, EventNotStorable,
        StoreUnavailable, StoreBusy; AppendOutcomeUnknown if the connection was lost on the way.
        """
        if not events:
            raise ProgrammingError("nothing to append")
        self._refuse_if_closed()
        position = self._group_commit.append(PendingAppend(in_envelopes(events), condition))
        self._notifier.notify()
        return position

    def read(
        self,
        query: DCBQuery | None = None,
        *,
        after: int | None = None,
        until: int | None = None,
        limit: int | None = None,
    ) -> PagedEvents:
        """The events that match, in the order of the log, fetched page by page while they are iterated over.

        An item with several tags walks the list of its first tag: name the rarest first.
        """

        def fetch(after: int, until: int, page_size: int) -> Page:
            return self.read_page(query, after=after, until=until, page_size=page_size)

        return PagedEvents(fetch, after=after or 0, until=until, limit=limit, page_size=self._page_size)

    def read_page(self, query: DCBQuery | None, *, after: int, until: int = END, page_size: int) -> Page:
        """One page of what `read` gives, and the head in the same snapshot: for followers that keep their own place."""
        return self._with_connection(
            lambda connection: fetch_page(
                connection, query, after=after, until=until, page_size=page_size, of_all=self._page_of_all
            )
        )

    def read_last(self, query: DCBQuery | None = None) -> RecordedEvent | None:
        return self._with_connection(lambda connection: fetch_last(connection, query))

    def head(self) -> int:
        def fetch(connection: psycopg.Connection) -> int:
            row = connection.execute("SELECT position FROM ledger.log_head", prepare=True).fetchone()
            return 0 if row is None else row[0]

        return self._with_connection(fetch)

    def subscribe(self, query: DCBQuery | None = None, *, after: int | None = None) -> Subscription:
        """The events that match, and then those still to come. Waits for them; survives a restart of the server."""
        self._refuse_if_closed()
        return Subscription(self, query, after, Wakeups(self._database_url, self._settings))

    def close(self) -> None:
        self._is_closed = True
        self._group_commit.close()
        self._committer.close()
        self._notifier.close()
        self._pool.close()

    def _with_connection(self, work: Callable[[psycopg.Connection], T]) -> T:
        self._refuse_if_closed()
        try:
            try:
                with self._pool.connection() as connection:
                    return work(connection)
            except psycopg.OperationalError as error:
                if isinstance(error, PoolTimeout) or not _is_lost(error):
                    raise
            # The server was away and may be back. What reads can be done again, on a connection that is new.
            self._pool.check()
            with self._pool.connection() as connection:
                return work(connection)
        except psycopg.Error as error:
            raise library_error(error) from error

    def _refuse_if_closed(self) -> None:
        if self._is_closed:
            raise StoreClosed("the recorder is closed")


def _is_lost(error: psycopg.Error) -> bool:
    return error.sqlstate is None or isinstance(
        error, psycopg.errors.AdminShutdown | psycopg.errors.CrashShutdown | psycopg.errors.CannotConnectNow
    )
