"""Along the log, page by page, with the hashes that were kept of its rows and the signed checkpoints beside it.

At each checkpoint's size the root over the rows so far must be the signed one; that proves the rows, and that each checkpoint is
the beginning of the next. Where a row is not what a tile says, a second tree goes on with the tile's hash: if that one comes to
the signed root, then exactly this row was changed, and the signature proves it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ledger.proof.findings import FindingKind, Findings
from ledger.proof.merkle import HASH_BYTES
from ledger.proof.notes import Checkpoint
from ledger.proof.outside import Outside
from ledger.proof.rehashing import MISSING, Page
from ledger.proof.seals import Seals
from ledger.proof.tiles import TILE_BYTES, TILE_WIDTH, TiledTree

__all__ = ["Walk"]

NO_EVENT = bytes(HASH_BYTES)
"""Hashed into the tree where a row is missing, so that everything after it keeps its place."""

Tiles = dict[tuple[int, int], bytes]


@dataclass(slots=True)
class _Run:
    """Positions in a row that differ in the same way."""

    is_missing: bool
    is_row: bool
    """The row differs from the hash that was kept of it; else only one of the two kept hashes does."""
    first: int
    last: int


class Walk:
    """Take every page, then end it. `checkpoints` are those that are trusted, the smallest first."""

    def __init__(
        self,
        seals: Seals,
        outside: Outside | None,
        inside_size: int,
        checkpoints: Iterator[Checkpoint],
        findings: Findings,
    ) -> None:
        self.newest: Checkpoint | None = None
        self._seals = seals
        self._outside = outside
        self._inside_size = inside_size
        self._checkpoints = checkpoints
        self._findings = findings
        self._next = next(checkpoints, None)
        self._proven = 0
        """Up to here a signed root says what the events were …"""
        self._is_broken = False
        """… and beyond it none can, because the hashes that were sealed are not known."""
        self._rows = TiledTree()
        self._kept: TiledTree | None = None
        """Differs from `_rows`: the tree over the hashes that were kept, where a row is not what they say."""
        self._upper: Tiles = {}
        self._upper_kept: Tiles = {}
        """The tiles above level 0 that rows and kept hashes come to."""
        self._runs: list[_Run] = []

    def take(self, page: Page) -> None:
        """The next page, from its first position to its last."""
        kept = self._compare(page)
        done, end = 0, len(page.leaves)
        while self._next is not None and self._next.size <= page.after + end:
            size = self._next.size - page.after
            self._extend(page.leaves[done:size], kept[done:size])
            self._judge(self._next)
            done = size
            self._next = next(self._checkpoints, None)
        if self._next is not None:
            self._extend(page.leaves[done:], kept[done:])

    def end(self, head: int, first: int, last: int) -> None:
        """After the last page. The head of the log as it says itself, and its first and last row."""
        self._report(self._runs, is_proven=False)
        while self._next is not None:  # covers more events than there are
            self.newest, self._next = self._next, next(self._checkpoints, None)
        sealed = self.newest.size if self.newest is not None else 0
        if sealed > last:
            what = "{at}: sealed, and not there any more."
            self._findings.add(FindingKind.TAIL_MISSING, last + 1, sealed, what)
        elif head > last:
            what = f"{{at}}: the head of the log is at {head}, and its newest event at {last}."
            self._findings.add(FindingKind.TAIL_MISSING, last + 1, head, what)
        if last > max(head, sealed):
            what = f"{{at}}: beyond the head of the log, which is at {head}."
            self._findings.add(FindingKind.EVENT_ADDED, max(head, sealed) + 1, last, what)
        elif head < min(sealed, last):
            what = f"The head of the log was set back to {head}; {sealed} events were sealed."
            self._findings.add(FindingKind.TAIL_MISSING, head + 1, sealed, what)
        if first < 1:
            what = f"Position {first}: before the log begins."
            self._findings.add(FindingKind.EVENT_ADDED, first, first, what)
        if not self._is_broken:
            self._compare_upper_tiles()

    def _compare(self, page: Page) -> list[bytes]:
        """The page's hashes as they were kept when they were sealed; where nothing was kept, as they are."""
        for position, problem in page.problems.items():
            what = f"Position {position}: {problem}."
            self._findings.add(FindingKind.EVENT_CHANGED, position, position, what)
        first, last = page.after // TILE_WIDTH, (page.after + len(page.leaves) - 1) // TILE_WIDTH
        inside = self._seals.tiles(0, first, last)
        outside = self._outside.tiles(first, last) if self._outside is not None else {}
        kept: list[bytes] = []
        for index in range(first, last + 1):
            start = index * TILE_WIDTH
            rows = page.leaves[start - page.after : start - page.after + TILE_WIDTH]
            tiles = self._tiles(index, inside.get(index), outside.get(index))
            joined = b"".join(rows)
            is_whole = MISSING not in rows
            if is_whole and all(tile[: len(joined)] == joined[: len(tile)] for tile in tiles):
                kept += rows
            else:
                kept += self._compare_hashes(start, rows, *tiles)
        return kept

    def _tiles(self, index: int, inside: bytes | None, outside: bytes | None) -> tuple[bytes, bytes]:
        """The tile inside, as far as it is sealed, and outside. Says so if one of them is not there."""
        width = max(0, min(TILE_WIDTH, self._inside_size - index * TILE_WIDTH))
        first, last = index * TILE_WIDTH + 1, index * TILE_WIDTH + width
        if len(inside or b"") < width * HASH_BYTES:
            what = "{at}: their tile in the database is missing or too short."
            self._findings.add(FindingKind.TILE_CHANGED, first, last, what)
        if self._outside is not None and outside is None and (index + 1) * TILE_WIDTH <= self._outside.newest_size:
            what = "{at}: their tile in the store is missing."
            self._findings.add(FindingKind.TILE_CHANGED, first, first + TILE_WIDTH - 1, what)
        elif outside is not None and len(outside) != TILE_BYTES:
            what = "{at}: their tile in the store is too short or too long."
            self._findings.add(FindingKind.TILE_CHANGED, first, first + TILE_WIDTH - 1, what)
            outside = None
        return (inside or b"")[: width * HASH_BYTES], outside or b""

    def _compare_hashes(self, start: int, rows: Sequence[bytes], inside: bytes, outside: bytes) -> Iterator[bytes]:
        for number, row in enumerate(rows):
            at = slice(number * HASH_BYTES, (number + 1) * HASH_BYTES)
            # What is outside goes first: whoever rules the database has no hand in it.
            kept = outside[at] or inside[at] or row
            if row != kept or row is MISSING:
                self._differs(start + number + 1, is_row=True, is_missing=row is MISSING)
            elif (inside[at] or kept) != kept:
                self._differs(start + number + 1, is_row=False, is_missing=False)
            yield kept

    def _differs(self, position: int, *, is_row: bool, is_missing: bool) -> None:
        newest = self._runs[-1] if self._runs else None
        if newest is not None and (newest.last, newest.is_row, newest.is_missing) == (position - 1, is_row, is_missing):
            newest.last = position
        else:
            self._runs.append(_Run(is_missing, is_row, position, position))

    def _extend(self, rows: Sequence[bytes], kept: Sequence[bytes]) -> None:
        if self._kept is None and rows != kept:
            self._kept = self._rows.copy()
        self._upper |= _upper(self._rows.extend(_joined(rows)))
        if self._kept is not None:
            self._upper_kept |= _upper(self._kept.extend(_joined(kept)))

    def _judge(self, checkpoint: Checkpoint) -> None:
        """All events that the checkpoint covers were taken: are they what was signed?"""
        self.newest = checkpoint
        runs = list(self._runs_until(checkpoint.size))
        if self._is_broken:
            self._report(runs, is_proven=False)
        elif self._rows.root() == checkpoint.root:
            self._kept = None
            self._upper_kept.clear()
            self._report([_Run(False, False, run.first, run.last) for run in runs], is_proven=True)
        elif self._kept is not None and self._kept.root() == checkpoint.root:
            self._report(runs, is_proven=True)
        else:
            self._is_broken = True
            first, last = self._proven + 1, checkpoint.size
            what = f"{{at}}: the events up to {last} do not come to the root that was signed over them."
            self._findings.add(FindingKind.RANGE_CHANGED, first, last, what)
            self._report(runs, is_proven=False)
        self._proven = checkpoint.size

    def _runs_until(self, last: int) -> Iterator[_Run]:
        """Takes what differs up to a position off the list."""
        runs, self._runs = self._runs, []
        for run in runs:
            if run.first <= last:
                yield replace(run, last=min(run.last, last))
            if run.last > last:
                self._runs.append(replace(run, first=max(run.first, last + 1)))

    def _report(self, runs: Sequence[_Run], *, is_proven: bool) -> None:
        by = "the signed root proves it" if is_proven else "by the hash that was kept of it"
        for run in runs:
            if run.is_missing:
                kind, what = FindingKind.EVENT_MISSING, "{at}: no event is there."
            elif run.is_row:
                kind, what = FindingKind.EVENT_CHANGED, f"{{at}}: changed; {by}."
            else:
                kind, what = FindingKind.TILE_CHANGED, "{at}: a hash that was kept is another one."
            self._findings.add(kind, run.first, run.last, what)

    def _compare_upper_tiles(self) -> None:
        """The levels above the hashes of events, in the database: what proofs are made from."""
        for (level, index), hashes in sorted((self._upper | self._upper_kept).items()):
            stored = self._seals.tile(level, index) or b""
            first = index * TILE_WIDTH ** (level + 1) + 1
            if stored[: len(hashes)] != hashes and first <= self._inside_size:
                last = min(first - 1 + TILE_WIDTH ** (level + 1), self._inside_size)
                what = f"{{at}}: tile {index} of level {level} above them is not what they come to."
                self._findings.add(FindingKind.TILE_CHANGED, first, last, what)


def _joined(hashes: Sequence[bytes]) -> bytes:
    return b"".join([each or NO_EVENT for each in hashes])


def _upper(tiles: Tiles) -> Tiles:
    return {place: tile for place, tile in tiles.items() if place[0] > 0}
