"""The client side: hold the shared lock, see to it that there is a keeper, wait until the server answers."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self
from urllib.parse import quote

from sandbox.postgres.account import server_account
from sandbox.postgres.binaries import find_binaries
from sandbox.postgres.errors import DataFolderUnusable, PlatformUnsupported, ServerUnavailable
from sandbox.postgres.folder import DataFolder
from sandbox.postgres.locks import FileLock
from sandbox.postgres.server import PORT, Server

__all__ = ["EmbeddedPostgres"]

_POLL_SECONDS = 0.02
_KEEPER_CHECK_SECONDS = 1.0
_LITTLE_SPACE_BYTES = 100 * 1024 * 1024
_SOURCE_ROOT = Path(__file__).resolve().parents[2]

# The keeper outlives its client: it gets what Python needs to start, and none of the client's settings or secrets.
_KEEPER_NEEDS = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME")


class EmbeddedPostgres:
    """One client's use of the server that all clients of `data_dir` share; the server stops after the last of them.

        with EmbeddedPostgres(default_data_dir()) as server:
            url = server.ensure_database("ledger")

    Each process opens its own. The lock is this process's and ends with it, however it ends; it passes neither to the
    programs this process starts nor to its forked children, who may use the URL only while this process holds it.
    A server that is killed comes back under the same URL; connections to it break and have to be made anew.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        major: int = 18,
        settings: Mapping[str, str] = MappingProxyType({}),
        binaries: Path | None = None,
        timeout_seconds: float = 60.0,
    ) -> None:
        """Describe the server; nothing is touched before the context is entered.

        `data_dir` is a folder of its own, created when missing. `settings` are PostgreSQL's, on top of
        `server.DEFAULT_SETTINGS`; those of the client that finds no server running apply. `binaries` is a folder with
        `initdb` and `postgres` of version `major`, the wheel's when None. `timeout_seconds` bounds the wait for the
        server. Raises PlatformUnsupported.
        """
        if sys.platform == "win32":
            raise PlatformUnsupported("Windows")
        self._folder = DataFolder(data_dir.expanduser().resolve())
        self._major = major
        self._settings = dict(settings)
        self._binaries = binaries
        self._timeout_seconds = timeout_seconds
        self._lock: FileLock | None = None

    def __enter__(self) -> Self:
        """Return once the server takes connections. Raises an EmbeddedPostgresError."""
        account = server_account()
        binaries = find_binaries(self._major, self._binaries)
        self._folder.prepare(account, self._major)
        deadline = time.monotonic() + self._timeout_seconds
        self._lock = self._take_lock()
        try:
            self._wait_until_ready(Server(self._folder, account, binaries, self._major, self._settings), deadline)
        except BaseException:
            self._lock.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let go. Does not wait: the keeper stops the server when nobody else wants it."""
        if self._lock is not None:
            self._lock.close()

    def url(self, database: str) -> str:
        """The URL of `database`, as libpq reads it: through the Unix socket, as the superuser `postgres`."""
        host = quote(str(self._folder.run.resolve()), safe="")
        return f"postgresql://postgres@/{quote(database, safe='')}?host={host}&port={PORT}"

    def ensure_database(self, name: str) -> str:
        """Create the database `name` (UTF8) if it is missing and return its URL."""
        from sandbox.postgres.connection import create_database  # noqa: PLC0415 (see there)

        create_database(self.url("postgres"), name)
        return self.url(name)

    def wait_until_stopped(self, *, timeout_seconds: float = 30.0) -> bool:
        """After the context was left: wait until nothing runs on the data folder, for whoever wants to delete it.

        False when it takes longer, as it does while others use the server.
        """
        keeper = FileLock(self._folder.keeper_lock)
        try:
            return keeper.shared(timeout_seconds=timeout_seconds)
        finally:
            keeper.close()

    def _take_lock(self) -> FileLock:
        try:
            lock = FileLock(self._folder.clients_lock)
            if lock.shared(timeout_seconds=self._timeout_seconds):
                return lock
        except OSError as error:
            raise DataFolderUnusable(self._folder.path, f"its lock file cannot be used ({error}).") from error
        lock.close()
        raise self._unavailable("the server of the clients before us is still being stopped")

    def _wait_until_ready(self, server: Server, deadline: float) -> None:
        from sandbox.postgres.connection import why_unreachable  # noqa: PLC0415 (see there)

        old_failure = self._failure()
        check_keeper = 0.0
        while True:
            # Once would do, but for a keeper that is killed or told to stop while we wait.
            if time.monotonic() >= check_keeper:
                self._run_keeper(server)
                check_keeper = time.monotonic() + _KEEPER_CHECK_SECONDS
            answer = why_unreachable(self.url("postgres"))
            if answer is None:
                return
            failure = self._failure()
            if failure is not None and failure != old_failure:
                raise self._unavailable(failure[1] or "it could not be started")  # a full disk leaves no reason
            if time.monotonic() > deadline:
                raise self._unavailable(f"not ready after {self._timeout_seconds:.0f} s; it says: {answer}")
            time.sleep(_POLL_SECONDS)

    def _run_keeper(self, server: Server) -> None:
        """Return when there is a keeper: a new one, cut loose from us, or the one that was there."""
        environment = {name: os.environ[name] for name in _KEEPER_NEEDS if name in os.environ}
        environment["PYTHONPATH"] = str(_SOURCE_ROOT)
        log = os.open(self._folder.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            done = subprocess.run(
                _keeper_command(server),
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=environment,
                start_new_session=True,
            )
        finally:
            os.close(log)
        if done.returncode > 0:  # less than 0: killed, and the next one may live
            raise self._unavailable(f"its keeper ended with status {done.returncode}")

    def _failure(self) -> tuple[int, str] | None:
        """When and why the last attempt to start failed, if it did."""
        try:
            return self._folder.failure.stat().st_mtime_ns, self._folder.failure.read_text()
        except FileNotFoundError:
            return None

    def _unavailable(self, why: str) -> ServerUnavailable:
        free = shutil.disk_usage(self._folder.path).free
        if free < _LITTLE_SPACE_BYTES:
            why += f" (only {free // 1024**2} MB are free on that disk)"
        return ServerUnavailable(self._folder.path, why, self._folder.log, self._folder.log_tail())


def _keeper_command(server: Server) -> list[str]:
    command = [sys.executable, "-m", "sandbox.postgres.keeper", "--data-dir", str(server.folder.path)]
    command += ["--major", str(server.major), "--binaries", str(server.binaries)]
    for name, value in server.settings.items():
        command += ["--setting", f"{name}={value}"]
    return command
