"""Where everything of one embedded server lives, and whether it can live there.

data_dir/                 ours; as root it stays root's, so that the server's account cannot replace what we trust
├── clients.lock          shared by every client
├── keeper.lock           held by the one keeper
├── server.lock           held by whatever runs on the cluster: initdb, the postmaster, its backends
├── server.log            written by the keeper and the server
├── failure.txt           why the last start failed; absent when it did not
├── binaries/             a copy of the wheel's, only if the server's account cannot reach the installed ones
├── run/                  the socket (0700), or a link to a short folder when the path is too long for a socket
├── cluster.new/          an initdb that is under way or was interrupted
└── cluster/              the cluster itself (0700)
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from sandbox.postgres.account import Account
from sandbox.postgres.errors import DataFolderUnusable, WrongMajorVersion

__all__ = ["DataFolder", "default_data_dir"]

_TAIL_BYTES = 4000
_NAME = "payout-ledger"


def default_data_dir() -> Path:
    """Where data goes when nobody says otherwise: the system's place for root, else the user's XDG data home."""
    if os.geteuid() == 0:
        return Path("/var/lib", _NAME)
    data_home = Path(os.environ.get("XDG_DATA_HOME", ""))
    # The XDG specification: a relative path is to be ignored.
    return (data_home if data_home.is_absolute() else Path.home() / ".local/share") / _NAME


@dataclass(frozen=True)
class DataFolder:
    """The names inside one data folder. `path` is absolute and free of links."""

    path: Path

    @property
    def clients_lock(self) -> Path:
        return self.path / "clients.lock"

    @property
    def keeper_lock(self) -> Path:
        return self.path / "keeper.lock"

    @property
    def server_lock(self) -> Path:
        return self.path / "server.lock"

    @property
    def log(self) -> Path:
        return self.path / "server.log"

    @property
    def failure(self) -> Path:
        return self.path / "failure.txt"

    @property
    def binaries(self) -> Path:
        return self.path / "binaries"

    @property
    def run(self) -> Path:
        return self.path / "run"

    @property
    def unfinished_cluster(self) -> Path:
        return self.path / "cluster.new"

    @property
    def cluster(self) -> Path:
        return self.path / "cluster"

    def prepare(self, account: Account, major: int) -> None:
        """Create the folder if need be and make sure a server of `major` can live in it.

        Raises DataFolderUnusable or WrongMajorVersion. Folders that already exist are never chowned or chmodded.
        """
        self._create(account)
        self._check_reach(account)
        self._check_cluster(account, major)

    def log_tail(self) -> str:
        """The last lines of the log, for an error message."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, self.log.stat().st_size - _TAIL_BYTES))
                lines = log.read().decode(errors="replace").splitlines()
        except OSError as error:
            return f"({error.strerror})"
        return "\n".join(lines[-15:])

    def _create(self, account: Account) -> None:
        missing = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        try:
            for folder in reversed(missing):
                folder.mkdir(exist_ok=True)
                # Not left to the umask: the server's account has to pass through what root creates here.
                folder.chmod(0o711 if account.switched else 0o700)
        except OSError as error:
            raise DataFolderUnusable(self.path, f"it cannot be created ({error}). {_CHOOSE_ANOTHER}") from error
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise DataFolderUnusable(self.path, f"it is not writable for you (uid {os.geteuid()}). {_CHOOSE_ANOTHER}")

    def _check_reach(self, account: Account) -> None:
        if not account.switched:
            return
        try:
            closed = account.first_closed([*reversed(self.path.parents), self.path])
        except OSError as error:
            raise DataFolderUnusable(
                self.path,
                f"PostgreSQL does not run as root, and switching to {account.name!r} failed ({error}). "
                "Run this as an ordinary user.",
            ) from error
        if closed is not None:
            raise DataFolderUnusable(
                self.path,
                f"started by root, the server runs as {account.name!r}, who may not enter {closed}. "
                f"{_CHOOSE_ANOTHER} Or open that one yourself: chmod a+x {closed}",
            )

    def _check_cluster(self, account: Account, major: int) -> None:
        if not self.cluster.exists():
            return
        owner = self.cluster.stat().st_uid
        if owner != account.uid:
            raise DataFolderUnusable(
                self.path,
                f"its cluster belongs to uid {owner}, not to {account.name!r} (uid {account.uid}). "
                f"Run this as the user who created it. {_CHOOSE_ANOTHER}",
            )
        try:
            found = (self.cluster / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            raise DataFolderUnusable(self.path, f"{self.cluster} is no PostgreSQL cluster. {_CHOOSE_ANOTHER}") from None
        if found != str(major):
            raise WrongMajorVersion(self.path, found, major)


_CHOOSE_ANOTHER = "Choose another folder with LEDGER_DATA_DIR."


def is_private(folder: Path, account: Account) -> bool:
    """Whether `folder` is a real folder that only `account` may enter: nobody else put it there."""
    try:
        status = folder.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(status.st_mode) and stat.S_IMODE(status.st_mode) == 0o700 and status.st_uid == account.uid
