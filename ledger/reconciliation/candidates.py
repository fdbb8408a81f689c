"""Which lines of the other side may be the same thing as a line that no id connects. Bonuses are all alike, so the amount and
the time alone prove nothing: a line is paired with its only candidate, if that has no other either, and never with the likeliest.

A candidate has the same amount, is near in time, and differs in nothing that both lines tell: line by line, since one line of a
file may name the account, the payout or the transfer, and the next may not.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from ledger.reconciliation.line import LOG_CATEGORIES, TRANSFER_REVERSAL, Line
from ledger.reconciliation.nearest import consecutive_sum

MOST_NAMED = 10


class Named(NamedTuple):
    """Candidates of one line: `nearest` in time first, up to MOST_NAMED of them `in_all`."""

    nearest: tuple[Line, ...] = ()
    in_all: int = 0


NOBODY = Named()


class _Row(NamedTuple):
    """Lines that agree in all that is asked for, in the order of time."""

    moments: list[datetime]
    lines: list[Line]


class Candidates:
    """The open lines of one side. Found by bisection in rows of lines that tell the same: n log n for all of them together."""

    def __init__(self, lines: Iterable[Line], window: timedelta) -> None:
        self._window = window
        self._telling: dict[tuple[bool, ...], list[Line]] = defaultdict(list)
        self._rows: dict[tuple[tuple[bool, ...], tuple[bool, ...]], dict[object, _Row]] = {}
        for line in sorted(lines, key=lambda line: (line.at, line.id)):
            self._telling[_told(line)].append(line)

    def of(self, line: Line) -> Named:
        count, near = 0, []
        for told in self._telling:
            row = self._row(told, line)
            if row is None:
                continue
            first = bisect_left(row.moments, line.at - self._window)
            last = bisect_right(row.moments, line.at + self._window)
            count += last - first
            here = bisect_left(row.moments, line.at)
            near += row.lines[max(first, here - MOST_NAMED) : min(last, here + MOST_NAMED)]
        near.sort(key=lambda other: (abs(other.at - line.at), other.id))
        return Named(tuple(near[:MOST_NAMED]), count)

    def _row(self, told: tuple[bool, ...], line: Line) -> _Row | None:
        """Of the lines that tell so much, those that agree with `line` in what both tell."""
        both = tuple(theirs and ours for theirs, ours in zip(told, _told(line), strict=True))
        rows = self._rows.get((told, both))
        if rows is None:
            rows = self._rows[told, both] = {}
            for each in self._telling[told]:
                row = rows.setdefault(_agreeing(each, both), _Row([], []))
                row.moments.append(each.at)
                row.lines.append(each)
        return rows.get(_agreeing(line, both))


def only_pairs(book: Iterable[Line], ours: Candidates, theirs: Candidates) -> Iterator[tuple[Line, Line]]:
    """Of each line of the book and of Stripe's that are each other's only candidates."""
    for line in book:
        found = theirs.of(line)
        if found.in_all == 1 and ours.of(found.nearest[0]).in_all == 1:
            yield line, found.nearest[0]


def possible_sums(book: Iterable[Line], stripe: Iterable[Line], window: timedelta) -> Iterator[tuple[Line, Named]]:
    """Reversals at Stripe that do not name their transfer, and add up to one of ours of the same account: a hint for people,
    as an account has many transfers.
    """
    parts: dict[str, list[Line]] = defaultdict(list)
    for line in stripe:
        if line.category == TRANSFER_REVERSAL and line.account and not line.transfer_id:
            parts[line.account].append(line)
    for line in book:
        if line.category == TRANSFER_REVERSAL and line.account:
            near = [each for each in parts.get(line.account, ()) if abs(each.at - line.at) <= window]
            found = consecutive_sum(line.amount_minor, near)
            if len(found) > 1:
                yield line, Named(found[:MOST_NAMED], len(found))


def _told(line: Line) -> tuple[bool, ...]:
    return line.transfer_id is not None, line.payout_id is not None, line.account is not None


def _agreeing(line: Line, told: tuple[bool, ...]) -> object:
    about = (line.transfer_id, line.payout_id, line.account)
    kind = line.category if line.category in LOG_CATEGORIES else None  # a bank does not say what it was for
    return kind, line.amount_minor, *(each for each, is_told in zip(about, told, strict=True) if is_told)
