"""Tells followers in every process that the log has grown, off the writers' path."""

import logging
import threading
from dataclasses import replace

import psycopg

from ledger.store.connection import ConnectionSettings, connect

__all__ = ["CHANNEL", "Notifier"]

CHANNEL = "ledger_log"

_log = logging.getLogger(__name__)


class Notifier:
    """Sends NOTIFY on a thread and a connection of its own, which start with the first use.

    A NOTIFY inside the append's transaction would take a lock of the whole database and make the commits of all its
    writers wait for each other. Here the first one after a pause goes out at once, and then at most one each
    `interval_seconds`, however many appends there are. One that is lost costs a follower only the time until it looks
    by itself.
    """

    def __init__(self, database_url: str, settings: ConnectionSettings, *, interval_seconds: float = 0.01) -> None:
        self._database_url = database_url
        # Nothing is written, so nothing needs to wait for the disk.
        self._settings = replace(settings, server_settings={**settings.server_settings, "synchronous_commit": "off"})
        self._interval_seconds = interval_seconds
        self._wanted = threading.Event()
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def notify(self) -> None:
        """Returns at once."""
        if not self._wanted.is_set():
            self._wanted.set()
        if self._thread is None:
            self._start()

    def close(self) -> None:
        """Notifies one last time, if it ever did, and ends the thread."""
        self._closed.set()
        self._wanted.set()
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._run, name="ledger-notifier", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        connection: psycopg.Connection | None = None
        is_last = False
        while not is_last and self._wanted.wait():
            self._wanted.clear()  # before it is looked whether this is the last, or a close in between would be lost
            is_last = self._closed.is_set()
            try:
                connection = connection or connect(self._database_url, self._settings)
                connection.execute(f"NOTIFY {CHANNEL}")
            except psycopg.Error as error:
                _log.warning("followers were not notified, and will find out by themselves: %s", error)
                if connection is not None:
                    connection.close()
                connection = None
            self._closed.wait(self._interval_seconds)
        if connection is not None:
            connection.close()
