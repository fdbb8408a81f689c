"""The data folder: everything that the sandbox keeps, and its secrets, in one place.

data_dir/                 LEDGER_DATA_DIR, or the system's place for such things
├── secrets.json          the sandbox's keys and secrets, made once (0600)
├── seal-key.txt          the key that seals the sandbox's logs, made once (0600)
├── postgres/             the embedded server (sandbox/postgres/folder.py draws the inside)
├── ledger/               of the ledger that lasts: lock, the Stripe twin's books, logs, seals
└── demos/<name>/         the same of one demo; each plays into a database of its own on the embedded server

A lock is held by whoever runs the parts, and ends with that process. A demo's folder stays until the next one starts.
"""

import contextlib
import fcntl
import json
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["DataFolder", "FolderInUse", "FolderUnusable", "Workspace"]

DEMO_PREFIX = "ledger_demo_"


class FolderInUse(Exception):
    """Another process runs the parts that keep their things here."""


class FolderUnusable(Exception):
    """The data folder cannot be created or written."""


@dataclass(frozen=True, slots=True)
class _SandboxSecrets:
    """What the sandbox's parts prove themselves to each other with. Worth nothing outside this machine."""

    jwt_secret: str
    stripe_api_key: str
    stripe_webhook_secret: str


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where the parts of one ledger keep what is not in its database."""

    path: Path
    database: str
    """Its database on the embedded server."""

    @property
    def stripe(self) -> Path:
        return self.path / "stripe"

    @property
    def stripe_address(self) -> Path:
        """Written by the twin once it answers: JSON with its `url`."""
        return self.path / "stripe.json"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """Hold the lock. Raises FolderInUse."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.path / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise FolderInUse(
                    f"another ledger is running on {self.path}: stop it, or set LEDGER_DATA_DIR"
                ) from None
            yield

    def is_claimed(self) -> bool:
        if not self.path.exists():
            return False
        try:
            with self.claimed():
                return False
        except FolderInUse:
            return True


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The names inside a data folder. `path` is absolute."""

    path: Path

    @property
    def postgres(self) -> Path:
        return self.path / "postgres"

    @property
    def ledger(self) -> Workspace:
        return Workspace(self.path / "ledger", "ledger")

    def new_demo(self) -> Workspace:
        return self._demo(secrets.token_hex(4))

    def demos(self) -> list[Workspace]:
        """Of demos that run or ran, the newest first."""
        folders = [path for path in (self.path / "demos").glob("*") if path.is_dir()]
        return [self._demo(path.name) for path in sorted(folders, key=_started_at, reverse=True)]

    def create(self) -> None:
        """Create the folder if it is missing. Raises FolderUnusable."""
        missing = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        try:
            for folder in reversed(missing):
                folder.mkdir(exist_ok=True)
                folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
            self._let_the_server_pass()
        except OSError as error:
            raise FolderUnusable(
                f"the data folder {self.path} cannot be created ({error}); set LEDGER_DATA_DIR"
            ) from error
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise FolderUnusable(f"the data folder {self.path} is not writable for you; set LEDGER_DATA_DIR")

    def _let_the_server_pass(self) -> None:
        """Started by root, the database server runs as somebody else, who has to pass through this folder to its own.

        A folder from `mktemp -d` is closed to everybody else. This one is ours to open; those above it are not.
        """
        facts = self.path.stat()
        if os.geteuid() == 0 == facts.st_uid and not facts.st_mode & 0o001:
            self.path.chmod(stat.S_IMODE(facts.st_mode) | 0o011)

    def secrets(self) -> _SandboxSecrets:
        """The sandbox's secrets: made by whoever asks first, the same for all who ask later."""
        self.create()
        path = self.path / "secrets.json"
        if not path.exists():
            _write_once(path, json.dumps(asdict(_new_secrets())))
        try:
            return _SandboxSecrets(**json.loads(path.read_text()))
        except (OSError, TypeError, ValueError) as error:
            raise FolderUnusable(f"{path} cannot be read ({error}); remove it, and new secrets are made") from error

    def seal_key(self, make: Callable[[], str]) -> str:
        """The sandbox's key for seals, made once like its secrets."""
        self.create()
        path = self.path / "seal-key.txt"
        if not path.exists():
            _write_once(path, make())
        try:
            return path.read_text()
        except OSError as error:
            raise FolderUnusable(f"{path} cannot be read ({error})") from error

    def seals(self, database: str) -> Path:
        """Where the sandbox keeps the seals of a database: with its demo, so that they go together, or with the lasting ledger."""
        is_demo = database.startswith(DEMO_PREFIX)
        workspace = self._demo(database.removeprefix(DEMO_PREFIX)) if is_demo else self.ledger
        return workspace.path / "seals" / database

    def _demo(self, name: str) -> Workspace:
        return Workspace(self.path / "demos" / name, f"{DEMO_PREFIX}{name}")


def _new_secrets() -> _SandboxSecrets:
    return _SandboxSecrets(
        jwt_secret=secrets.token_urlsafe(48),
        stripe_api_key=f"sk_test_sandbox_{secrets.token_hex(16)}",
        stripe_webhook_secret=f"whsec_{secrets.token_urlsafe(32)}",
    )


def _write_once(path: Path, text: str) -> None:
    """Readable for us alone, never half written, and whoever comes second changes nothing."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _started_at(demo: Path) -> float:
    try:
        return (demo / "lock").stat().st_mtime
    except FileNotFoundError:
        return 0.0
