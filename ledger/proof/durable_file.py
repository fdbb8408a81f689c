"""Files that are whole whenever they are there: after a power cut too, a name has all of its content or does not exist.

The content is written under a name of its own and synced; only then does it get the name by which it is found, and the folders
that lead there are synced before anybody relies on it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

__all__ = ["create", "replace", "settle"]

UNFINISHED = ".unfinished-"
"""Begins the names under which content is written. What a crash leaves of them may be deleted at any time."""


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
    """On the disk, with every name that leads there: it may be that whoever wrote it was killed before that."""
    path = folder / name
    _sync(path)
    for parent in path.parents:
        _sync(parent)
        if parent == folder.parent:
            return


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
