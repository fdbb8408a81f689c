"""What a verification can find, in words for whoever has to act on it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

__all__ = ["Finding", "FindingKind", "Findings"]

MOST_KEPT = 1000
PLACE = "{at}"


class FindingKind(StrEnum):
    """Stable names, for programs."""

    EVENT_CHANGED = "event_changed"
    EVENT_MISSING = "event_missing"
    EVENT_ADDED = "event_added"
    TAIL_MISSING = "tail_missing"
    RANGE_CHANGED = "range_changed"
    TILE_CHANGED = "tile_changed"
    INDEX_CHANGED = "index_changed"
    CHECKPOINT_CHANGED = "checkpoint_changed"
    CHECKPOINT_MISSING = "checkpoint_missing"
    CHECKPOINT_UNSIGNED = "checkpoint_unsigned"
    CHECKPOINT_FORKED = "checkpoint_forked"
    NOTHING_SEALED = "nothing_sealed"
    GUARD_MISSING = "guard_missing"
    LINES_CHANGED = "lines_changed"

    @property
    def meaning(self) -> str:
        return _MEANINGS[self]


_MEANINGS = {
    FindingKind.EVENT_CHANGED: "What is stored there is not what was sealed.",
    FindingKind.EVENT_MISSING: "An event was deleted: positions have no gaps.",
    FindingKind.EVENT_ADDED: "It is where the log has no event: the ledger did not record it.",
    FindingKind.TAIL_MISSING: "The newest events were deleted, or this database is an older copy.",
    FindingKind.RANGE_CHANGED: "At least one of these events is not what was sealed; hashes that would tell which are gone too.",
    FindingKind.TILE_CHANGED: "The events are what was sealed; the hashes kept of them were changed.",
    FindingKind.INDEX_CHANGED: "Events are found by it: a decision may have overlooked one, or seen one that is not there.",
    FindingKind.CHECKPOINT_CHANGED: "Somebody changed a seal.",
    FindingKind.CHECKPOINT_MISSING: "A seal was deleted, or never got there.",
    FindingKind.CHECKPOINT_UNSIGNED: "Nobody whom you trust has signed it, and it proves nothing.",
    FindingKind.CHECKPOINT_FORKED: "Two histories were signed: whoever has the key signed both.",
    FindingKind.NOTHING_SEALED: "Nobody ever sealed here, or every seal was deleted: nothing proves these events.",
    FindingKind.GUARD_MISSING: "It kept what is recorded from being changed: find out who took it away, and what they did.",
    FindingKind.LINES_CHANGED: "Of a run of reconciling, what the log says holds; the lines beside it are no evidence.",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong at the positions from `first` to `last`; with a seal, at the number of events that it covers."""

    kind: FindingKind
    first: int
    last: int
    what: str

    def __str__(self) -> str:
        return f"{self.what} {self.kind.meaning}"


class Findings:
    """A list of bounded length: neighbours of one kind are one finding, and what is beyond a thousand is only counted."""

    def __init__(self) -> None:
        self.left_out = 0
        self._kept: list[Finding] = []
        self._newest: dict[str, int] = {}

    def __iter__(self) -> Iterator[Finding]:
        for finding in self._kept:
            yield replace(finding, what=finding.what.replace(PLACE, _positions(finding.first, finding.last)))

    def __len__(self) -> int:
        return len(self._kept) + self.left_out

    def add(self, kind: FindingKind, first: int, last: int, what: str) -> None:
        """`what` is a sentence; {at} in it becomes `Position 7` or `Positions 7 to 9`."""
        place = self._newest.get(what)
        if PLACE in what and place is not None and self._kept[place].last == first - 1:
            self._kept[place] = replace(self._kept[place], last=last)
        elif len(self._kept) < MOST_KEPT:
            self._newest[what] = len(self._kept)
            self._kept.append(Finding(kind, first, last, what))
        else:
            self.left_out += 1


def _positions(first: int, last: int) -> str:
    return f"Position {first}" if first == last else f"Positions {first} to {last}"
