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

import psycopg
import structlog
from eventsourcing.persistence import PersistenceError
from psycopg_pool import ConnectionPool

from ledger.proof.canonical import NotCanonicalError, canonical_event
from ledger.proof.errors import (
    SealingElsewhereError,
    SealingStoppedError,
    SealStoreUnavailableError,
)
from ledger.proof.merkle import leaf_hash
from ledger.proof.notes import Checkpoint, SigningKey
from ledger.proof.publishing import Publisher
from ledger.proof.seal_store import SealStore
from ledger.proof.seals import Seal, Seals, seal_in_database, sealing_alone
from ledger.proof.tiles import TiledTree, TileMissingError
from ledger.store import LogRecorder, Wakeups

__all__ = ["Sealer"]

BATCH_SIZE = 20_000
"""Events under one checkpoint, at most."""
IDLE_SECONDS = 0.5
PAUSE_AFTER_FAILURE_SECONDS = 1.0
PAUSE_WHEN_STOPPED_SECONDS = 10.0
PATIENCE_SECONDS = 30.0

logger = structlog.get_logger("ledger.sealer")


class Sealer:
    """Run one, or several: whoever is first seals, the others stand by. Safe to use from many threads."""

    def __init__(self, pool: ConnectionPool, log: LogRecorder, key: SigningKey, store: SealStore) -> None:
        self.seals = Seals(pool)
        self.public_key = key.public
        self._pool = pool
        self._log = log
        self._key = key
        self.store = store
        self._publisher = Publisher(self.seals, store, key)

    def seal_now(self) -> Seal | None:
        """Seal everything recorded until now, and publish it. Returns the newest seal; None while the log is empty.

        Raises SealingElsewhereError, SealingStoppedError, SealStoreUnavailableError, or the database's errors.
        """
        with self._alone() as connection:
            newest = self.seals.newest()
            self._publisher.publish(newest)
            sealed_size = newest.size if newest is not None else 0
            head = self._log.head()
            if head < sealed_size:
                raise SealingStoppedError(f"{sealed_size} events were sealed, and the log has only {head}")
            if head > sealed_size:
                tree = self._tree(newest)
                while tree.size < head:
                    newest = self._seal_batch(connection, tree, min(BATCH_SIZE, head - tree.size))
                    self._publisher.publish(newest)
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
        except SealStoreUnavailableError as error:
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
        self._publisher.check(newest)
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
