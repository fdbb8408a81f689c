"""Brings the seals outside the database up to those in it, and notices when the two do not belong together.

What is published is found out from the store itself: its newest checkpoint says up to where. That one name is overwritten, so it
may be torn, missing, or set back. Therefore whoever begins, and whoever finds it as they did not leave it, looks at the numbered
checkpoints too, which nobody overwrites: none of them may be newer than the database.
"""

import structlog

from ledger.proof.errors import SealingStoppedError, SealStoreConflictError
from ledger.proof.notes import Checkpoint, NoteError, NotSignedError, SigningKey, open_note
from ledger.proof.seal_store import CHECKPOINTS, NEWEST, SealStore, checkpoint_name, size_of
from ledger.proof.seals import Seal, Seals
from ledger.proof.tiles import TILE_WIDTH, tile_name

__all__ = ["Publisher"]

logger = structlog.get_logger("ledger.sealer")

OLDER_COPY = (
    "this database was restored to an earlier moment, or the store is another ledger's. Bring the database up to date, or see "
    "`After a restore` in docs/proof.md"
)


class Publisher:
    """Of the one sealer that is at work. Methods raise SealingStoppedError, SealStoreUnavailableError, psycopg.Error."""

    def __init__(self, seals: Seals, store: SealStore, key: SigningKey) -> None:
        self.store = store
        self._seals = seals
        self._key = key
        self._left: bytes | None = None
        """The store's newest checkpoint as we left it; None: we do not know the store yet."""

    def publish(self, newest: Seal | None) -> None:
        """Everything up to the database's newest seal."""
        try:
            published_size = self._published_size(newest)
            if newest is None or published_size == newest.size:
                return
            for seal in self._seals.after(published_size):
                self._put(seal, published_size)
                self._point_to(seal)
                published_size = seal.size
        except SealStoreConflictError as error:
            raise SealingStoppedError(str(error)) from error

    def check(self, seal: Seal) -> None:
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

    def _put(self, seal: Seal, after_size: int) -> None:
        """A checkpoint, and before it the tiles of events that became full since `after_size`."""
        self.check(seal)
        first, end = after_size // TILE_WIDTH, seal.size // TILE_WIDTH
        for start in range(first, end, TILE_WIDTH):
            last = min(start + TILE_WIDTH, end) - 1
            for index, hashes in self._seals.tiles(0, start, last).items():
                self.store.create(tile_name(0, index), hashes)
        self.store.create(checkpoint_name(seal.size), seal.note.encode())

    def _put_again(self, seal: Seal) -> None:
        """Because what was written last before a power cut may be torn."""
        self._put(seal, max(0, seal.size - TILE_WIDTH))

    def _point_to(self, seal: Seal) -> None:
        note = seal.note.encode()
        self.store.replace(NEWEST, note)
        self._left = note

    def _published_size(self, newest: Seal | None) -> int:
        """Up to where the store has everything; it must be one of our own seals."""
        found = self.store.get(NEWEST)
        is_as_we_left_it = found is not None and found == self._left
        if not is_as_we_left_it:
            self._refuse_newer(newest)
            self.store.sweep()
            if found is None or self._is_torn(found):
                return self._found_again(found)
        seal = self._known(found or b"", newest)
        if not is_as_we_left_it:
            self._put_again(seal)
            self._left = found
        return seal.size

    def _known(self, found: bytes, newest: Seal | None) -> Seal:
        """Our own seal that the newest checkpoint in the store is."""
        where = f"the newest checkpoint in the seal store {self.store.address}"
        try:
            note = found.decode()
            size = _claimed(note).size
        except (UnicodeDecodeError, NoteError) as error:
            raise SealingStoppedError(f"{where} cannot be read ({error})") from error
        if newest is None or size > newest.size:
            raise SealingStoppedError(
                f"{where} covers {size} events, and the database knows of no such seal: {OLDER_COPY}"
            )
        known = self._seals.at_size(size)
        if known is None or known.note != note:
            raise SealingStoppedError(f"{where}, over {size} events, is not the one in the database")
        return known

    def _refuse_newer(self, newest: Seal | None) -> None:
        """Whoever sealed on from here would sign a second history over what was published already."""
        known_size = newest.size if newest is not None else 0
        sizes = map(size_of, self.store.names(CHECKPOINTS, after=checkpoint_name(known_size)))
        newest_size = max((size for size in sizes if size is not None), default=0)
        if newest_size > known_size:
            raise SealingStoppedError(
                f"the seal store {self.store.address} holds a checkpoint over {newest_size} events, and the newest seal in the "
                f"database covers {known_size}: {OLDER_COPY}"
            )

    def _is_torn(self, found: bytes) -> bool:
        """Whether it is the beginning of one of our notes, and not a whole one."""
        kept = found.rstrip(b"\0")
        try:
            beginning = kept.decode()
        except UnicodeDecodeError as error:
            if error.end < len(kept):
                return False
            beginning = kept[: error.start].decode()  # it was torn in the middle of a character
        return not beginning or ("\0" not in beginning and self._seals.is_beginning_of_one(beginning))

    def _found_again(self, found: bytes | None) -> int:
        """The newest numbered checkpoint, whose name the newest has again; 0 if there is none."""
        sizes = map(size_of, self.store.names(CHECKPOINTS))
        size = max((size for size in sizes if size is not None), default=0)
        if size == 0:
            return 0
        seal = self._seals.at_size(size)
        if seal is None:
            raise SealingStoppedError(
                f"the seal store {self.store.address} holds a checkpoint over {size} events, and the database knows of no such seal"
            )
        self._put_again(seal)
        logger.warning("newest_checkpoint_restored", store=self.store.address, size=size, bytes_found=len(found or b""))
        self._point_to(seal)
        return size


def _claimed(note: str) -> Checkpoint:
    """What a note says, whoever signed it. Raises NoteError."""
    return Checkpoint.parse(note.partition("\n\n")[0] + "\n")
