"""Which stretch of the log is exported: from and to, each a date or a position, both included.

    SpanError   what was asked for names no stretch of this log

A date is a day in UTC on the clock of recording: the log is in its order, so a day that is over never changes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from eventsourcing.dcb.api import DCBQuery

from ledger.store import LogRecorder, RecordedEvent
from projections.as_of import moment

__all__ = ["Span", "SpanError", "span_of"]

_POSITION = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
YEARS = range(2000, 2200)
"""Far from the ends of what a date can be: days are added and taken away."""

End = Literal["from", "to"]


class SpanError(Exception):
    """`end`: which of the two does not fit."""

    def __init__(self, end: End, problem: str) -> None:
        super().__init__(f"{end}: {problem}")
        self.end = end
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Span:
    """The positions after `after` up to and including `until`."""

    after: int
    until: int

    def read(self, log: LogRecorder, query: DCBQuery | None = None) -> Iterator[RecordedEvent]:
        """Its events, in constant memory."""
        for event in log.read(query, after=self.after):
            if event.position > self.until:
                return
            yield event

    def __str__(self) -> str:
        return f"{self.after + 1}-{self.until}" if self.after < self.until else f"none-after-{self.after}"


def span_of(log: LogRecorder, begin: str | None, end: str | None, head: int) -> Span:
    """The stretch between two ends as somebody wrote them; None: the beginning, or `head`. Raises SpanError.

    A day that has not come is no mistake, and a position that has not come is one: who names it counts on it.
    """
    first, last = _parsed("from", begin), _parsed("to", end)
    match first:
        case None:
            after = 0
        case int():
            after = _known("from", first, head) - 1
        case _:
            after = _count_before(log, first, head)
    match last:
        case None:
            until = head
        case int():
            until = _known("to", last, head)
        case _:
            until = _count_before(log, last + timedelta(days=1), head)
    if isinstance(first, int) or isinstance(last, int):
        is_backwards = after >= until  # a position that is named is in it
    else:
        is_backwards = first is not None and last is not None and first > last
    if is_backwards:
        raise SpanError("from", "it begins after its end")
    return Span(after, until)


def _parsed(end: End, text: str | None) -> int | date | None:
    if text is None:
        return None
    if _POSITION.fullmatch(text):
        return int(text)
    if _DATE.fullmatch(text):
        try:
            found = date.fromisoformat(text)
        except ValueError:
            raise SpanError(end, "there is no such day") from None
        if found.year in YEARS:
            return found
    raise SpanError(end, "a date like 2026-01-31 (years 2000 to 2199) or a position like 1204 is expected")


def _known(end: End, position: int, head: int) -> int:
    if position > head:
        raise SpanError(end, f"the log ends at position {head}")
    return position


def _count_before(log: LogRecorder, day: date, head: int) -> int:
    """How many events were recorded before a day began; they are the first of the log."""
    last_moment = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(microseconds=1)
    return min(moment(log, last_moment, last_moment).position, head)
