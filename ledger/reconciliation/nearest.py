"""Which of several reversals of one transfer belong together: one to one, nearest in time first; or neighbours that add up."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from heapq import heappop, heappush

from ledger.reconciliation.line import Line


def nearest_pairs(book: Iterable[Line], stripe: Iterable[Line]) -> Iterator[tuple[Line, Line]]:
    """As many as there are lines on the shorter side. The same lines make the same pairs, in whatever order they come.

    All lines in a row by time: the nearest pair of two sides are always neighbours, and once they are taken out, those
    around them are. So a pass costs n log n, not every line against every other.
    """
    row = sorted(
        [(line.at, 0, line.id, line) for line in book] + [(line.at, 1, line.id, line) for line in stripe],
        key=lambda each: each[:3],
    )
    before = list(range(-1, len(row) - 1))
    after = list(range(1, len(row) + 1))
    waiting: list[tuple[timedelta, str, str, int, int]] = []

    def consider(left: int, right: int) -> None:
        if left < 0 or right >= len(row) or row[left][1] == row[right][1]:
            return
        apart = row[right][0] - row[left][0]
        ours, theirs = (left, right) if row[left][1] == 0 else (right, left)
        heappush(waiting, (apart, row[ours][2], row[theirs][2], left, right))

    for place in range(len(row) - 1):
        consider(place, place + 1)
    taken = [False] * len(row)
    while waiting:
        _, _, _, left, right = heappop(waiting)
        if taken[left] or taken[right]:
            continue
        taken[left] = taken[right] = True
        ours, theirs = (left, right) if row[left][1] == 0 else (right, left)
        yield row[ours][3], row[theirs][3]
        outer_left, outer_right = before[left], after[right]
        if outer_left >= 0:
            after[outer_left] = outer_right
        if outer_right < len(row):
            before[outer_right] = outer_left
        consider(outer_left, outer_right)


def consecutive_sum(wanted_minor: int, lines: list[Line]) -> tuple[Line, ...]:
    """The first run of neighbours whose amounts add up to `wanted_minor`; empty if there is none. Amounts are positive."""
    first = total = 0
    for last, line in enumerate(lines):
        total += line.amount_minor
        while total > wanted_minor and first <= last:
            total -= lines[first].amount_minor
            first += 1
        if total == wanted_minor and first <= last:
            return tuple(lines[first : last + 1])
    return ()
