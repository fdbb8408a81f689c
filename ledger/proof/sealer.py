"""Follows the log and seals it: hashes what is new into the tree, signs its root, and keeps that inside and outside.

In this order, so that a crash between any two steps is taken up by the next attempt:

1. What the database holds and the store does not is published. Signing is deterministic, so that twice is as good as once.
2. Tiles and checkpoint of the new events are committed: from now on they, and the events they cover, survive any crash.
3. The checkpoint is published. Nothing outside is ever overwritten but the name of the newest.

Nothing that writers of the log need is locked or waited for.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Protocol

import psycopg
import structlog
from eventsourcing.persistence import PersistenceError
from psycopg_pool import ConnectionPool

from ledger.proof.canonical import NotCanonicalError, canonical_event
from ledger.proof.errors import (
    SealingElsewhereError,
    SealingStoppedError,
    StoreConflictError,
    StoreUnavailableError,
)
from ledger.proof.merkle import leaf_hash
from ledger.proof.notes import Checkpoint, NoteError, NotSignedError, SigningKey, open_note
from ledger.proof.seal_store import NEWEST, SealStore, checkpoint_name
from ledger.proof.seals import Seal, Seals, seal_in_database, sealing_alone
from ledger.proof.tiles import TILE_WIDTH, TiledTree, TileMissingError, tile_name
from ledger.store import LogRecorder

__all__ = ["Sealer"]

BATCH_SIZE = 20_000
"""Events under one checkpoint, at most."""
IDLE_SECONDS = 0.5
PAUSE_AFTER_FAILURE_SECONDS = 1.0
PAUSE_WHEN_STOPPED_SECONDS = 10.0
PATIENCE_SECONDS = 30.0

logger = structlog.get_logger("ledger.sealer")


class Wakeups(Protocol):
    """Tells that the log has grown beyond a position; may be late, since the sealer also looks by itself."""

    def wait(self, after: int, timeout_seconds: float) -> object: ...


class Sealer:
    """Run one, or several: whoever is first seals, the others stand by. Safe to use from many threads."""

    def __init__(self, pool: ConnectionPool, log: LogRecorder, key: SigningKey, store: SealStore) -> None:
        self.seals = Seals(pool)
        self.public_key = key.public
        self._pool = pool
        self._log = log
        self._key = key
        self.store = store

    def seal_now(self) -> Seal | None:
        """Seal everything recorded until now, and publish it. Returns the newest seal; None while the log is empty.

        Raises SealingElsewhereError, SealingStoppedError, StoreUnavailableError, or the database's errors.
        """
        with self._alone() as connection:
            newest = self.seals.newest()
            self._publish(newest)
            sealed_size = newest.size if newest is not None else 0
            head = self._log.head()
            if head < sealed_size:
                raise SealingStoppedError(f"{sealed_size} events were sealed, and the log has only {head}")
            if head > sealed_size:
                tree = self._tree(newest)
                while tree.size < head:
                    newest = self._seal_batch(connection, tree, min(BATCH_SIZE, head - tree.size))
                    self._publish(newest)
        return newest

    def seal_at_least(self, position: int, patience_seconds: float = PATIENCE_SECONDS) -> str:
        """The note of the first checkpoint that covers a recorded position, sealing if it has to; the same one for ever.

        Waits so long for a sealer at work elsewhere. Raises what `seal_now` raises.
        """
        deadline = monotonic() + patience_seconds
        while True:
            try:
                self.seal_now()
            except SealingElsewhereError:
                if monotonic() > deadline:
                    raise
                threading.Event().wait(0.05)
                continue
            seal = self.seals.first_covering(position)
            if seal is None:
                raise ValueError(f"position {position} is not recorded yet")
            return seal.note

    def run(self, stop: threading.Event, wakeups: Wakeups, pause_seconds: float) -> None:
        """Seal what is new, at most once in `pause_seconds`, until `stop` is set. Outlives whatever is away for a while."""
        while not stop.is_set():
            seal = self._try_to_seal(stop)
            if seal is not None:
                stop.wait(pause_seconds)
            while not stop.is_set() and not wakeups.wait(seal.size if seal else 0, IDLE_SECONDS):
                continue
        self._try_to_seal(stop)  # whoever stops in order leaves nothing unsealed

    def _try_to_seal(self, stop: threading.Event) -> Seal | None:
        try:
            return self.seal_now()
        except SealingElsewhereError:
            stop.wait(PAUSE_AFTER_FAILURE_SECONDS)
        except SealingStoppedError as error:
            logger.critical("sealing_stopped", why=str(error))
            stop.wait(PAUSE_WHEN_STOPPED_SECONDS)
        except StoreUnavailableError as error:
            logger.warning("seal_store_lost", why=str(error))
            stop.wait(PAUSE_AFTER_FAILURE_SECONDS)
        except (PersistenceError, psycopg.Error) as error:
            logger.warning("database_lost", error=type(error).__name__)
            stop.wait(PAUSE_AFTER_FAILURE_SECONDS)
        return None

    @contextmanager
    def _alone(self) -> Iterator[psycopg.Connection]:
        with self._pool.connection() as connection, sealing_alone(connection) as is_ours:
            if not is_ours:
                raise SealingElsewhereError
            yield connection

    def _tree(self, newest: Seal | None) -> TiledTree:
        """The tree of the newest seal, from its tiles."""
        if newest is None:
            return TiledTree()
        self._check(newest)
        try:
            tree = TiledTree.load(newest.size, self.seals.tile)
        except TileMissingError as error:
            raise SealingStoppedError(str(error)) from error
        if tree.root() != newest.root:
            raise SealingStoppedError(f"the tiles do not come to the root that was sealed over {newest.size} events")
        return tree

    def _seal_batch(self, connection: psycopg.Connection, tree: TiledTree, count: int) -> Seal:
        """Add the next so many events to the tree, and commit its checkpoint."""
        leaves: list[bytes] = []
        for recorded in self._log.read(after=tree.size, limit=count):
            if recorded.position != tree.size + len(leaves) + 1:
                raise SealingStoppedError(f"the log has no event at position {tree.size + len(leaves) + 1}")
            try:
                leaves.append(leaf_hash(canonical_event(recorded)))
            except NotCanonicalError as error:
                raise SealingStoppedError(str(error)) from error
        if len(leaves) < count:
            raise SealingStoppedError(f"the log has no event at position {tree.size + len(leaves) + 1}")
        tiles = tree.extend(b"".join(leaves))
        checkpoint = Checkpoint(self._key.name, tree.size, tree.root())
        try:
            seal_in_database(connection, tiles, checkpoint.size, checkpoint.root, self._key.sign(checkpoint.text))
        except psycopg.errors.InsufficientPrivilege as error:  # a tile holds what was never sealed
            raise SealingStoppedError(f"the database refuses the seal ({error.diag.message_primary})") from error
        seal = self.seals.at_size(tree.size)
        if seal is None:
            raise SealingStoppedError(f"the seal over {tree.size} events is gone as soon as it was written")
        return seal

    def _check(self, seal: Seal) -> None:
        """Go by what was signed: whoever rules the database writes what they like beside it. Raises SealingStoppedError.

        A seal of an earlier key is one if the store, over which the database has no power, holds the very same.
        """
        what = f"the seal over {seal.size} events in the database"
        try:
            signed = Checkpoint.parse(open_note(seal.note, [self._key.public]))
            is_ours = signed.origin == self._key.name
        except NotSignedError:
            if self.store.get(checkpoint_name(seal.size)) != seal.note.encode():
                raise SealingStoppedError(f"{what} is not signed with this key, and not in the store either") from None
            signed, is_ours = _claimed(seal.note), True
        except NoteError as error:
            raise SealingStoppedError(f"{what} cannot be trusted ({error})") from error
        if not is_ours or (signed.size, signed.root) != (seal.size, seal.root):
            raise SealingStoppedError(f"{what} is not what its note says")

    def _publish(self, newest: Seal | None) -> None:
        """Bring the store up to the database."""
        published_size = self._published_size(newest)
        if newest is None or published_size == newest.size:
            return
        try:
            for seal in self.seals.after(published_size):
                self._check(seal)
                self._publish_tiles(published_size, seal.size)
                self.store.create(checkpoint_name(seal.size), seal.note.encode())
                self.store.replace(NEWEST, seal.note.encode())
                published_size = seal.size
        except StoreConflictError as error:
            raise SealingStoppedError(str(error)) from error

    def _publish_tiles(self, after_size: int, size: int) -> None:
        """The tiles of events that became full between two sizes."""
        first, end = after_size // TILE_WIDTH, size // TILE_WIDTH
        for start in range(first, end, TILE_WIDTH):
            last = min(start + TILE_WIDTH, end) - 1
            for index, hashes in self.seals.tiles(0, start, last).items():
                self.store.create(tile_name(0, index), hashes)

    def _published_size(self, newest: Seal | None) -> int:
        """Up to where the store has everything; it must be one of our own seals."""
        outside = self.store.get(NEWEST)
        if outside is None:
            return 0
        where = f"the newest checkpoint in the seal store {self.store.address}"
        try:
            note = outside.decode()
            size = _claimed(note).size
        except (UnicodeDecodeError, NoteError) as error:
            raise SealingStoppedError(f"{where} cannot be read ({error})") from error
        if newest is None or size > newest.size:
            raise SealingStoppedError(f"{where} covers {size} events, and the database knows of no such seal")
        known = self.seals.at_size(size)
        if known is None or known.note != note:
            raise SealingStoppedError(f"{where}, over {size} events, is not the one in the database")
        return size


def _claimed(note: str) -> Checkpoint:
    """What a note says, whoever signed it. Raises NoteError."""
    return Checkpoint.parse(note.partition("\n\n")[0] + "\n")
