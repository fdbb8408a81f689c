"""Which checkpoints the events are held against: those that are signed by a key we trust, inside and outside as one."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from heapq import merge
from itertools import groupby, takewhile

from ledger.proof.findings import FindingKind, Findings
from ledger.proof.notes import Checkpoint, NoteError, PublicKey, open_note
from ledger.proof.outside import Outside
from ledger.proof.seal_store import NEWEST
from ledger.proof.seals import Seal, Seals

__all__ = ["TrustedCheckpoints", "signed_checkpoint"]

PUBLISHED_WITHIN = timedelta(minutes=1)

_Copy = Seal | str | Checkpoint
"""Of a checkpoint: inside, the note outside, and what whoever verifies has kept, opened."""


class TrustedCheckpoints:
    """Iterate over it once: the checkpoints, the smallest first; `kept` is what whoever verifies brought along. What is
    wrong with others is added to the findings.

    The names outside were read first, then `inside_size`, the size of the newest seal in the database. So a ledger at work
    raises no alarm: the sealer writes inside first.
    """

    def __init__(
        self,
        seals: Seals,
        inside_size: int,
        outside: Outside | None,
        keys: Sequence[PublicKey],
        findings: Findings,
        now: datetime,
        kept: Sequence[Checkpoint] = (),
    ) -> None:
        self._seals = seals
        self._inside_size = inside_size
        self._outside = outside
        self._keys = keys
        self._findings = findings
        self._now = now
        self._kept = sorted(kept, key=lambda each: each.size)
        self.count = 0
        """So many were met."""
        self.unpublished = 0
        """So many are inside only, and so young that the sealer may be about to publish them."""

    def __iter__(self) -> Iterator[Checkpoint]:
        inside: Iterator[tuple[int, int, _Copy]] = ((seal.size, 0, seal) for seal in self._inside())
        published = self._outside.checkpoints() if self._outside is not None else ()
        outside: Iterator[tuple[int, int, _Copy]] = ((size, 1, note) for size, note in published)
        kept: Iterator[tuple[int, int, _Copy]] = ((checkpoint.size, 2, checkpoint) for checkpoint in self._kept)
        for size, copies in groupby(merge(inside, outside, kept, key=lambda each: each[:2]), key=lambda each: each[0]):
            seal, outside_note, kept_ones = None, None, list[Checkpoint]()
            for _, _, copy in copies:
                match copy:
                    case Seal():
                        seal = copy
                    case Checkpoint():
                        kept_ones.append(copy)
                    case note:
                        outside_note = note
            self.count += 1
            checkpoint = self._judge(size, seal, outside_note) if seal is not None or outside_note is not None else None
            checkpoint = self._judge_kept(size, kept_ones, checkpoint)
            if checkpoint is not None:
                yield checkpoint
        if self._outside is not None:
            self._look_at_names(self._outside)

    def _inside(self) -> Iterator[Seal]:
        """Those that were there when the verification began."""
        return takewhile(lambda seal: seal.size <= self._inside_size, self._seals.after(0))

    def _judge(self, size: int, seal: Seal | None, outside_note: str | None) -> Checkpoint | None:
        """The checkpoint to go by: outside, whoever rules the database has no say."""
        self._compare(size, seal, outside_note)
        if seal is not None and seal.note == outside_note:
            outer = inner = self._opened(size, seal.note, "database and store")
        else:
            outer = self._opened(size, outside_note, "store") if outside_note is not None else None
            inner = self._opened(size, seal.note, "database") if seal is not None else None
        if inner is not None and seal is not None and seal.root != inner.root:
            self._add(FindingKind.CHECKPOINT_CHANGED, size, "has another root in its column than in its note")
        if inner is not None and outer is not None and inner.root != outer.root:
            self._add(FindingKind.CHECKPOINT_FORKED, size, "is signed in two versions, one inside and one outside")
        return outer or inner

    def _judge_kept(self, size: int, kept: Sequence[Checkpoint], held: Checkpoint | None) -> Checkpoint | None:
        """What somebody kept goes first: nobody here has a hand in it."""
        if not kept:
            return held
        if held is None:
            self._add(FindingKind.CHECKPOINT_MISSING, size, "was kept by whoever verifies, and is not here any more")
        elif kept[0].root != held.root:
            self._add(FindingKind.CHECKPOINT_FORKED, size, "is another one here than the one that was kept")
        if len({checkpoint.root for checkpoint in kept}) > 1:
            self._add(FindingKind.CHECKPOINT_FORKED, size, "was kept in two versions")
        return kept[0]

    def _compare(self, size: int, seal: Seal | None, outside_note: str | None) -> None:
        if seal is None:
            self._add(FindingKind.CHECKPOINT_MISSING, size, "is in the store, and not in the database")
        elif self._outside is not None and outside_note is None:
            if size > self._outside.newest_size and self._is_young(seal):
                self.unpublished += 1
            else:
                self._add(FindingKind.CHECKPOINT_MISSING, size, "is in the database, and not in the store")
        elif outside_note is not None and seal.note != outside_note:
            self._add(FindingKind.CHECKPOINT_CHANGED, size, "is another in the database than in the store")

    def _opened(self, size: int, note: str, where: str) -> Checkpoint | None:
        try:
            checkpoint = signed_checkpoint(note, self._keys)
        except NoteError as error:
            self._add(FindingKind.CHECKPOINT_UNSIGNED, size, f"in the {where} cannot be trusted: {error}")
            return None
        if checkpoint.size != size:
            what = f"in the {where} is the one over {checkpoint.size} events under another name"
            self._add(FindingKind.CHECKPOINT_CHANGED, size, what)
            return None
        return checkpoint

    def _look_at_names(self, outside: Outside) -> None:
        for name in outside.strange_names:
            self._findings.add(
                FindingKind.CHECKPOINT_CHANGED, 0, 0, f"The store holds {name}, which is no name of a seal."
            )
        newest = outside.store.get(NEWEST)
        if newest is None and outside.sizes:
            self._findings.add(FindingKind.CHECKPOINT_MISSING, 0, 0, f"The store has no {NEWEST}.")
        elif newest is not None:
            self._opened_newest(newest.decode(errors="replace"), outside.newest_size)

    def _opened_newest(self, note: str, published_size: int) -> None:
        try:
            size = signed_checkpoint(note, self._keys).size
        except NoteError as error:
            what = f"The store's newest {NEWEST} cannot be trusted: {error}."
            self._findings.add(FindingKind.CHECKPOINT_UNSIGNED, 0, 0, what)
            return
        seal = self._seals.at_size(size)
        if seal is None or seal.note != note:
            self._add(FindingKind.CHECKPOINT_MISSING, size, "is the store's newest, and not in the database")
        elif size < published_size:
            published = self._seals.at_size(published_size)
            if published is None or not self._is_young(published):
                what = f"is the store's newest by name, though the store has one over {published_size}"
                self._add(FindingKind.CHECKPOINT_CHANGED, size, what)

    def _is_young(self, seal: Seal) -> bool:
        """The sealer may be at it still. A time to come excuses nothing but a clock that is a little off."""
        return abs(self._now - seal.sealed_at) < PUBLISHED_WITHIN

    def _add(self, kind: FindingKind, size: int, what: str) -> None:
        self._findings.add(kind, size, size, f"The checkpoint over {size} events {what}.")


def signed_checkpoint(note: str, keys: Sequence[PublicKey]) -> Checkpoint:
    """Of the log that the signing key is for: a key's name is the origin of what it seals. Raises NoteError."""
    checkpoint = Checkpoint.parse(open_note(note, keys))
    open_note(note, [key for key in keys if key.name == checkpoint.origin])
    return checkpoint
