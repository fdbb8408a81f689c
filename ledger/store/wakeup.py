"""How those who follow the log sleep until it has grown."""

import logging
import selectors
import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

import psycopg

from ledger.store.connection import ConnectionSettings, Selector, connect
from ledger.store.notifier import CHANNEL

__all__ = ["Wakeups"]

_log = logging.getLogger(__name__)


class Wakeups:
    """For one follower; another thread may close it, which ends the wait at once.

    Listens on a connection of its own, which opens with the first wait. Notifications only make it fast: it looks at
    the head of the log at least every `poll_seconds`, so one that is lost costs no more than that, and a server that
    cannot listen (a standby) works too. While the server is away it keeps waiting, and connects again by itself.
    """

    def __init__(
        self, database_url: str, settings: ConnectionSettings | None = None, *, poll_seconds: float = 0.5
    ) -> None:
        self._database_url = database_url
        self._settings = settings
        self._poll_seconds = poll_seconds
        self._connection: psycopg.Connection | None = None
        self._was_notified = False
        self._closing = threading.Event()
        self._in_use = threading.Lock()
        self._bell, self._rope = socket.socketpair()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def wait(self, after: int, timeout_seconds: float) -> bool:
        """Sleep until the log has an event after a position: True. False when the time is over or after `close`."""
        deadline = time.monotonic() + timeout_seconds
        with self._in_use:
            while not self._closing.is_set():
                has_grown = self._has_grown(after)
                remaining_seconds = deadline - time.monotonic()
                if has_grown or remaining_seconds <= 0:
                    return has_grown
                self._sleep(min(remaining_seconds, self._poll_seconds))
        return False

    def close(self) -> None:
        """Ends a wait that is under way, and the connection."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._rope.send(b"!")
        with self._in_use:
            self._disconnect()
            self._bell.close()
            self._rope.close()

    def _has_grown(self, after: int) -> bool:
        """Looks only after it listens, so whatever comes later is heard. False while the server is away."""
        self._was_notified = False
        try:
            if self._connection is None:
                self._connection = self._listen()
            row = self._connection.execute(
                "SELECT position > %s FROM ledger.log_head", (after,), prepare=True
            ).fetchone()
        except psycopg.Error as error:
            _log.warning("cannot look at the head of the log, trying again: %s", error)
            self._disconnect()
            return False
        return row is not None and bool(row[0])

    def _listen(self) -> psycopg.Connection:
        connection = connect(self._database_url, self._settings)
        connection.add_notify_handler(self._on_notify)
        with suppress(psycopg.errors.ReadOnlySqlTransaction):  # a standby: it cannot listen
            connection.execute(f"LISTEN {CHANNEL}")
        return connection

    def _on_notify(self, _: psycopg.Notify) -> None:
        self._was_notified = True

    def _sleep(self, seconds: float) -> None:
        """Until the bell rings, the server says something, or the time is over."""
        if self._was_notified:  # it came along with the answer to the last look
            return
        with Selector() as selector:
            selector.register(self._bell, selectors.EVENT_READ)
            if self._connection is not None:
                selector.register(self._connection.fileno(), selectors.EVENT_READ)
            selector.select(seconds)
        # What was sent is read by the next look: it comes before the answer, or as the end of the connection.

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
