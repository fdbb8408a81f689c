"""Files that are whole whenever they are there: after a power cut too, a name has all of its content or does not exist.

The content is written under a name of its own and synced; only then does it get the name by which it is found, and the folders
that lead there are synced before anybody relies on it.
"""

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

__all__ = ["UNFINISHED", "create", "is_torn", "make_folder", "replace", "settle", "sweep", "sync_folder"]

UNFINISHED = ".unfinished-"
"""Begins the names under which content is written; what a crash leaves of them, `sweep` deletes."""
LEFT_BEHIND_SECONDS = 3600.0
"""Nobody writes for so long. Whoever did would find their file gone, and fail before it had its name."""


def make_folder(folder: Path) -> None:
    """With every level that leads there, each of them on the disk. Raises OSError.

    Every level up to the root: one that is there may have been made by somebody who was killed before they synced it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for level in folder.resolve().parents:
        sync_folder(level)


def create(folder: Path, name: str, content: bytes) -> bool:
    """False, and nothing is changed, if there is something under this name already. Raises OSError."""
    with _written(folder, name, content) as unfinished:
        try:
            os.link(unfinished, folder / name)
        except FileExistsError:
            return False
    settle(folder, name)
    return True


def replace(folder: Path, name: str, content: bytes) -> None:
    """Instead of what was there. Raises OSError."""
    with _written(folder, name, content) as unfinished:
        unfinished.replace(folder / name)
    settle(folder, name)


def settle(folder: Path, name: str) -> None:
    """On the disk, with every name below the folder that leads there: it may be that whoever wrote it was killed before that."""
    path = folder / name
    _sync(path)
    for parent in path.parents:
        sync_folder(parent)
        if parent == folder:
            return


def sweep(folder: Path) -> None:
    """Delete what crashes left behind in it, as far as it is ours to delete."""
    oldest_in_use = time.time() - LEFT_BEHIND_SECONDS
    with suppress(OSError):  # only for tidiness
        for path in folder.glob(f"{UNFINISHED}*"):
            with suppress(OSError):
                if path.is_file() and path.lstat().st_mtime < oldest_in_use:
                    path.unlink()


def is_torn(found: bytes, wanted: bytes) -> bool:
    """Whether it is what a disk that lost power may have kept of `wanted`: a beginning, nothing, or zeros in place of the rest."""
    return found != wanted and len(found) <= len(wanted) and wanted.startswith(found.rstrip(b"\0"))


def sync_folder(folder: Path) -> None:
    """The names in it are on the disk. Passed over where it may not be opened, or its kind of file system syncs no folders."""
    with suppress(PermissionError):
        try:
            _sync(folder)
        except OSError as error:
            if error.errno not in (errno.EBADF, errno.EINVAL):
                raise


@contextmanager
def _written(folder: Path, name: str, content: bytes) -> Iterator[Path]:
    """The content under a passing name, synced. The place for it is made."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f"{UNFINISHED}{uuid4().hex}"
    try:
        with unfinished.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield unfinished
    finally:
        unfinished.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
