"""Where seals are kept outside the database: a folder, or a bucket of any S3-compatible store.

    checkpoint                  the newest checkpoint
    checkpoints/000000000042    each of them, by the number of events it covers
    tile/0/x001/x234/067        the hashes of 256 events in a row, once a checkpoint covers them all (C2SP tlog-tiles)

Whoever owns the database should not be the one who owns this: a bucket with object lock, in another account, is best.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import obstore
import structlog
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from ledger import durable_file
from ledger.proof.errors import SealStoreConflictError, SealStoreUnavailableError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

__all__ = ["CHECKPOINTS", "NEWEST", "SealStore", "checkpoint_name", "size_of"]

NEWEST = "checkpoint"
CHECKPOINTS = "checkpoints"

T = TypeVar("T")

logger = structlog.get_logger("ledger.sealer")


class SealStore:
    """`address`: the path of a folder, or s3://bucket/prefix, with AWS_* variables of the environment as usual."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._folder = None if "://" in address else Path(address)
        self._opened: ObjectStore | None = None
        self._is_settled = False
        """The folder itself, and everything that leads there, is on the disk."""

    def get(self, name: str) -> bytes | None:
        """What is kept under a name. Raises SealStoreUnavailableError."""
        return None if self._is_absent() else self._call(lambda store: _get(store, name))

    def create(self, name: str, content: bytes) -> None:
        """Keep it for ever. The same content again is as good as once, and what a power cut left of it is made whole.

        Raises SealStoreConflictError if something else is kept under this name, SealStoreUnavailableError.
        """
        folder = self._made_folder()
        if folder is None:
            is_new = self._call(lambda store: _created(store, name, content))
        else:
            is_new = self._call(lambda _: durable_file.create(folder, name, content))
        if is_new:
            return
        found = self.get(name)
        if found is not None and durable_file.is_torn(found, content):
            logger.warning("torn_seal_made_whole", store=self.address, name=name, bytes=len(found), of=len(content))
            self.replace(name, content)
        elif found != content:
            raise SealStoreConflictError(self.address, name)
        elif folder is not None:
            self._call(lambda _: durable_file.settle(folder, name))

    def replace(self, name: str, content: bytes) -> None:
        """Keep it instead of what was there. Raises SealStoreUnavailableError."""
        folder = self._made_folder()
        if folder is None:
            self._call(lambda store: obstore.put(store, name, content, mode="overwrite"))
        else:
            self._call(lambda _: durable_file.replace(folder, name, content))

    def names(self, prefix: str, after: str | None = None) -> Iterator[str]:
        """What is kept below a prefix, in no particular order; only names that sort behind `after`.

        Raises SealStoreUnavailableError.
        """
        if self._is_absent():
            return
        pages = self._call(lambda store: iter(obstore.list(store, prefix, offset=after)))
        while (page := self._call(lambda _: next(pages, None))) is not None:
            yield from (entry["path"] for entry in page)

    def sweep(self) -> None:
        """Delete what was begun and never finished: only a folder can have that."""
        if self._folder is not None:
            durable_file.sweep(self._folder)

    def _is_absent(self) -> bool:
        """A folder is made by the first who writes: whoever only reads leaves no trace of a name that was mistyped."""
        return self._folder is not None and not self._folder.exists()

    def _made_folder(self) -> Path | None:
        """None: it is not a folder. Raises SealStoreUnavailableError."""
        folder = self._folder
        if folder is not None and not (self._is_settled and folder.exists()):
            try:
                durable_file.make_folder(folder)
            except OSError as error:
                raise SealStoreUnavailableError(self.address, error) from error
            self._is_settled = True
        return folder

    def _call(self, work: Callable[[ObjectStore], T]) -> T:
        try:
            if self._opened is None:
                self._opened = _open(self.address, self._folder)
            return work(self._opened)
        except (BaseError, OSError, ValueError) as error:
            raise SealStoreUnavailableError(self.address, error) from error


def checkpoint_name(size: int) -> str:
    """Sorted as text, they are sorted by size."""
    return f"{CHECKPOINTS}/{size:012}"


def size_of(name: str) -> int | None:
    """What `checkpoint_name` was given; None for what is no such name."""
    number = name.removeprefix(f"{CHECKPOINTS}/")
    is_one = number.isascii() and number.isdigit() and checkpoint_name(int(number)) == name
    return int(number) if is_one else None


def _open(address: str, folder: Path | None) -> ObjectStore:
    if folder is not None:
        return LocalStore(folder)
    # Whoever calls tries again by itself, and may be asked to stop meanwhile.
    retries: RetryConfig = {"max_retries": 2, "retry_timeout": timedelta(seconds=10)}
    # In the clear only where AWS_ENDPOINT_URL says so.
    options: ClientConfig = {"timeout": timedelta(seconds=10), "allow_http": True}
    return from_url(address, retry_config=retries, client_options=options)


def _get(store: ObjectStore, name: str) -> bytes | None:
    try:
        return bytes(obstore.get(store, name).bytes())
    except FileNotFoundError:
        return None


def _created(store: ObjectStore, name: str, content: bytes) -> bool:
    """False: there is something under this name already."""
    try:
        obstore.put(store, name, content, mode="create")
    except AlreadyExistsError:
        return False
    return True
