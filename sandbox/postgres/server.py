"""One PostgreSQL on one cluster: making it, starting it, asking how it is. Knows nothing of clients."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sandbox.postgres.account import Account
from sandbox.postgres.errors import EmbeddedPostgresError
from sandbox.postgres.folder import DataFolder, is_private
from sandbox.postgres.locks import FileLock

__all__ = ["DEFAULT_SETTINGS", "PORT", "Server", "StartFailed"]

DEFAULT_SETTINGS: Mapping[str, str] = {
    "fsync": "on",
    "listen_addresses": "",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}

# Only names the socket file; nothing listens on the network.
PORT = 5432

# A socket's path has room for 104 bytes on macOS and 108 on Linux, the end mark included.
_SOCKET_PATH_BYTES = 100

# The builtin provider (17 and later) gives C.UTF-8 on every platform, whatever locales the system has.
_BUILTIN_LOCALE_SINCE = 17
_BUILTIN_LOCALE = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8")


class StartFailed(EmbeddedPostgresError):
    """The server was not even started; the message goes to the clients through the data folder."""


@dataclass(frozen=True)
class Server:
    """How to run PostgreSQL `major` from `binaries` on the cluster in `folder`, as `account`."""

    folder: DataFolder
    account: Account
    binaries: Path
    major: int
    settings: Mapping[str, str]

    def start(self, lock: FileLock, log: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start the postmaster on a cluster that nothing runs on: `lock` is the server's, taken, and goes to the child.

        Raises StartFailed, or OSError when a folder or program cannot be used.
        """
        if not self.folder.cluster.exists():
            self._make_cluster(lock, log)
        if self._started_by_hand():
            pid = self.recorded_pid()
            raise StartFailed(f"another PostgreSQL (pid {pid}) runs on {self.folder.cluster}; stop it first")
        # PostgreSQL believes a pid file whose number is alive: another process's by now, or a zombie's that nobody
        # reaps. Our lock is proof that the writer is gone.
        socket_folder = self._socket_folder()
        for stale in (self._pid_file, socket_folder / f".s.PGSQL.{PORT}.lock"):
            stale.unlink(missing_ok=True)
        settings = {**DEFAULT_SETTINGS, **self.settings}
        # A list of folders: quoted, so that a comma in the path stays a comma.
        settings["unix_socket_directories"] = '"{}"'.format(str(socket_folder).replace('"', '""'))
        command = [str(self.binaries / "postgres"), "-D", str(self.folder.cluster), "-p", str(PORT)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        return subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            pass_fds=[lock.fileno()],
            start_new_session=True,
            **self.account.popen_options(),
        )

    def recorded_pid(self) -> int | None:
        """The postmaster's pid as it wrote it down. Only to be believed while the server's lock is held."""
        lines = self._recorded()
        return int(lines[0]) if lines and lines[0].isdecimal() and int(lines[0]) > 1 else None

    def was_ready(self) -> bool:
        """Whether the server now or last running got as far as taking connections."""
        lines = self._recorded()
        return len(lines) > 7 and lines[7].strip() == "ready"

    def remove_socket_folder(self) -> None:
        """Leave nothing in the temporary folder once the server is gone."""
        if self.folder.run.is_symlink():
            shutil.rmtree(self.folder.run.resolve(), ignore_errors=True)
            self.folder.run.unlink()

    @property
    def _pid_file(self) -> Path:
        return self.folder.cluster / "postmaster.pid"

    def _recorded(self) -> list[str]:
        try:
            return self._pid_file.read_text().splitlines()
        except (OSError, UnicodeDecodeError):
            return []

    def _started_by_hand(self) -> bool:
        """Whether a server that holds no lock of ours answers on the socket that the cluster's pid file names."""
        lines = self._recorded()
        if len(lines) < 5:
            return False
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(f"{lines[4]}/.s.PGSQL.{lines[3]}")
            except OSError:
                return False
        return True

    def _make_cluster(self, lock: FileLock, log: IO[bytes]) -> None:
        """Run initdb beside the cluster's place and rename: a crash on the way leaves no half of a cluster behind."""
        unfinished = self.folder.unfinished_cluster
        if unfinished.exists():
            shutil.rmtree(unfinished)
        self.account.make_folder(unfinished)
        command = [str(self.binaries / "initdb"), "-D", str(unfinished), "--username=postgres", "--encoding=UTF8"]
        command += ["--locale=C", *(_BUILTIN_LOCALE if self.major >= _BUILTIN_LOCALE_SINCE else ())]
        command += ["--data-checksums", "--auth-local=trust", "--auth-host=reject", "--no-instructions"]
        done = subprocess.run(
            command, check=False, capture_output=True, pass_fds=[lock.fileno()], **self.account.popen_options()
        )
        log.write(done.stdout + done.stderr)
        if done.returncode != 0:
            raise StartFailed(
                f"initdb could not make a new cluster (status {done.returncode}); the log has its reasons"
            )
        unfinished.rename(self.folder.cluster)
        self._flush_rename()

    def _flush_rename(self) -> None:
        descriptor = os.open(self.folder.path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _socket_folder(self) -> Path:
        """The real folder behind `run`, created if it is missing or not private to the server's account."""
        run = self.folder.run
        if run.is_symlink():
            if is_private(run.resolve(), self.account):
                return run.resolve()
            run.unlink()
        if run.is_dir():
            run.chmod(0o700)
            return run
        if len(os.fsencode(run / f".s.PGSQL.{PORT}")) <= _SOCKET_PATH_BYTES:
            self.account.make_folder(run)
            return run
        # Its name cannot be guessed, so nobody else can have made it before us; the link remembers it.
        short = Path(tempfile.mkdtemp(prefix="payout-ledger-", dir="/tmp"))
        if self.account.switched:
            os.chown(short, self.account.uid, self.account.gid)
        run.symlink_to(short)
        return short
