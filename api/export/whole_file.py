"""A file that is there whole or not at all: written beside its place, put on the disk, and only then given its name."""

import os
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path

from ledger.durable_file import sync_folder

__all__ = ["FileInTheWayError", "refuse_what_is_there", "write_whole"]


class FileInTheWayError(Exception):
    """Something has that name already."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} {why}")
        self.path = path


def refuse_what_is_there(path: Path, *, overwrite: bool) -> None:
    """Raises FileInTheWayError if the name is taken: by a file unless it may be overwritten, by anything else always."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode):
        raise FileInTheWayError(path, "is not a file")
    if not overwrite:
        raise FileInTheWayError(path, "exists already; --force overwrites it")


def write_whole(path: Path, chunks: Iterable[bytes], *, overwrite: bool) -> int:
    """The number of bytes written. Readable by its owner only, as the books of a business are.

    Raises FileInTheWayError, OSError, and whatever the chunks raise: nothing is left behind then. A process that is killed
    leaves a `.part` file beside the place, never something that looks finished.
    """
    path = path.resolve()
    refuse_what_is_there(path, overwrite=overwrite)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", suffix=".part", delete=False) as part:
        try:
            size = sum(part.write(chunk) for chunk in chunks)
            part.flush()
            os.fsync(part.fileno())
            refuse_what_is_there(path, overwrite=overwrite)
            Path(part.name).replace(path)
        except BaseException:
            Path(part.name).unlink(missing_ok=True)
            raise
    sync_folder(path.parent)
    return size
