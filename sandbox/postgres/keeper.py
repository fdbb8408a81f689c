"""The keeper: one detached process a data folder, which runs the server exactly as long as somebody wants it.

    client                           keeper                               server
    shared lock on clients.lock
    runs this module ──────────────▶ takes keeper.lock, or leaves it to
    (returns: now one keeps)         the one who has it; detaches
                                     server.lock free? nothing runs on
                                     the cluster: start ────────────────▶ inherits server.lock: held until
    connects until it answers        server.lock held? adopt it           its last process has ended
    …                                server.lock free again? it died:
                                     start again after a short delay
    ends, however: lock released ──▶ gets clients.lock alone: SIGINT ───▶ fast shutdown, server.lock free
                                     frees keeper.lock, then clients.lock

Why it holds. All three facts ("somebody wants it", "somebody keeps it", "something runs on it") are locks that the
kernel releases when their holders die, so none can be stale. A client that arrives while the keeper stops the server
waits for clients.lock; as keeper.lock is freed before it, that client's own keeper then finds the place vacant. A
killed keeper leaves a server behind, which the next one adopts because server.lock is held, whatever pid files say. The
keeper is one thread that looks ten times a second; it asks the locks and believes nothing else.
"""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from sandbox.postgres.account import server_account
from sandbox.postgres.binaries import reachable_binaries
from sandbox.postgres.errors import EmbeddedPostgresError
from sandbox.postgres.folder import DataFolder
from sandbox.postgres.locks import FileLock
from sandbox.postgres.server import Server

__all__ = ["main"]

_TICK_SECONDS = 0.1
_MOST_DOUBLINGS = 3  # of the tick, while starting fails
_FAST_SHUTDOWN_SECONDS = 60.0
_LARGEST_LOG_BYTES = 16 * 1024 * 1024


class _FolderDeleted(Exception):
    """The data folder, or a lock file in it, was deleted while we kept it."""


class _Keeper:
    """Keeps one server running while clients hold their lock. Writes to the data folder's log only."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._folder = server.folder
        self._clients = FileLock(server.folder.clients_lock)
        FileLock(server.folder.server_lock).close()  # from now on it exists, or the folder was deleted
        self._log = server.folder.log.open("ab", buffering=0)
        self._child: subprocess.Popen[bytes] | None = None
        self._started = False  # a server has been started or adopted and its end not yet noticed
        self._failures = 0
        self._asked_to_stop = False

    def keep(self) -> None:
        """Run until the last client is gone or somebody asks this process to stop; then no server is left."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        self._say("keeper started")
        try:
            while not self._asked_to_stop and not self._clients.try_exclusive():
                self._look()
                time.sleep(_TICK_SECONDS * 2 ** min(self._failures, _MOST_DOUBLINGS))
            self._stop()
            self._server.remove_socket_folder()
        except _FolderDeleted:
            self._abandon()
        self._say("keeper ends")

    def release(self) -> None:
        """Let new clients in."""
        self._clients.close()

    def _look(self) -> None:
        """One look at the server: start it if nothing runs on the cluster."""
        with self._vacant() as lock:
            if lock is None:
                self._started = True
                if self._failures and self._server.was_ready():
                    self._succeeded()
            else:
                self._notice_end()
                self._start(lock)
        self._bound_log()

    @contextlib.contextmanager
    def _vacant(self) -> Iterator[FileLock | None]:
        """The server's lock if nothing runs on the cluster; a child handed it keeps it. Raises _FolderDeleted."""
        if self._clients.is_orphaned():
            raise _FolderDeleted
        try:
            lock = FileLock(self._folder.server_lock, create=False)
        except FileNotFoundError:
            raise _FolderDeleted from None
        try:
            yield lock if lock.try_exclusive() else None
        finally:
            lock.close()

    def _start(self, lock: FileLock) -> None:
        try:
            self._child = self._server.start(lock, self._log)
        except (EmbeddedPostgresError, OSError) as error:
            self._failed(str(error))
        else:
            self._started = True
            self._say(f"server started, pid {self._child.pid}")

    def _notice_end(self) -> None:
        """Tell a server that was stopped or killed from one that never got ready: only that is a failure to report."""
        if not self._started:
            return
        self._started = False
        status = self._child.wait() if self._child is not None else None  # an adopted one is not ours to ask
        self._child = None
        self._say(f"server ended with status {status}")
        if status and not self._server.was_ready():
            self._failed(f"it ended while starting, with status {status}")

    def _failed(self, why: str) -> None:
        self._failures += 1
        self._say(why)
        with contextlib.suppress(OSError):  # a full disk must not end the keeper
            self._folder.failure.write_text(why)

    def _succeeded(self) -> None:
        self._failures = 0
        self._folder.failure.unlink(missing_ok=True)

    def _stop(self) -> None:
        """Fast shutdown; after a minute an immediate one, which the next start recovers from."""
        deadline = time.monotonic() + _FAST_SHUTDOWN_SECONDS
        ask_again = 0.0
        while True:
            with self._vacant() as lock:
                if lock is not None:
                    return
            now = time.monotonic()
            if now >= ask_again:
                self._signal(signal.SIGINT if now < deadline else signal.SIGQUIT)
                ask_again = now + 1
            time.sleep(_TICK_SECONDS / 5)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self._child is not None:
                self._child.send_signal(number)
            elif (pid := self._server.recorded_pid()) is not None:
                self._server.account.send_signal(pid, number)

    def _abandon(self) -> None:
        """Nothing is left to shut down in order."""
        if self._child is not None:
            self._child.send_signal(signal.SIGQUIT)
            self._child.wait()

    def _bound_log(self) -> None:
        """Keep one older piece. The server appends, so emptying the file under it is safe."""
        if os.fstat(self._log.fileno()).st_size > _LARGEST_LOG_BYTES:
            with contextlib.suppress(OSError):
                shutil.copyfile(self._folder.log, f"{self._folder.log}.1")
            os.ftruncate(self._log.fileno(), 0)

    def _say(self, what: str) -> None:
        with contextlib.suppress(OSError):
            now = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
            self._log.write(f"{now} [{os.getpid()}] {what}\n".encode())

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._asked_to_stop = True


def main() -> None:
    """Return once there is a keeper: this process, gone to the background, or another one that was there before."""
    arguments = _parser().parse_args()
    folder = DataFolder(arguments.data_dir)
    place = FileLock(folder.keeper_lock, survives_fork=True)
    if not place.try_exclusive():
        return
    folder.failure.unlink(missing_ok=True)
    account = server_account()
    try:
        binaries = reachable_binaries(arguments.binaries, account, folder.binaries)
    except (EmbeddedPostgresError, OSError) as error:
        folder.failure.write_text(str(error))
        return
    settings = dict(setting.split("=", 1) for setting in arguments.setting)
    if os.fork() != 0:
        os._exit(0)
    keeper = _Keeper(Server(folder, account, binaries, arguments.major, settings))
    keeper.keep()
    place.close()
    keeper.release()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Keep one embedded PostgreSQL running while it has clients.")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--major", type=int, required=True)
    parser.add_argument("--binaries", type=Path, required=True)
    parser.add_argument("--setting", action="append", default=[], metavar="NAME=VALUE")
    return parser


if __name__ == "__main__":
    main()
