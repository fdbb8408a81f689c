"""Embedded PostgreSQL: a real server for people who have none, shared by every process that uses one data folder.

``EmbeddedPostgres`` is the client side; ``keeper`` starts and stops the server; ``errors`` draws what can go wrong.
Only the binaries come from elsewhere (``binaries``); none of this runs when the caller has a database of their own.
"""

from sandbox.postgres.embedded import EmbeddedPostgres
from sandbox.postgres.errors import (
    BinariesMissing,
    DataFolderUnusable,
    EmbeddedPostgresError,
    PlatformUnsupported,
    ServerUnavailable,
    WrongMajorVersion,
)
from sandbox.postgres.folder import default_data_dir

__all__ = [
    "BinariesMissing",
    "DataFolderUnusable",
    "EmbeddedPostgres",
    "EmbeddedPostgresError",
    "PlatformUnsupported",
    "ServerUnavailable",
    "WrongMajorVersion",
    "default_data_dir",
]
