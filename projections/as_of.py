"""A moment to look back to: a position of the log, or a time by its own clock. Positions are in the order of `recorded_at`."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from ledger.store import LogRecorder

__all__ = ["AsOf", "NotYetError", "UnreadableMomentError", "moment", "parse"]

_POSITION = re.compile(r"[0-9]{1,18}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})")


class UnreadableMomentError(ValueError):
    """Neither a time with its zone nor a date; nor a position, where `positions` are taken."""

    def __init__(self, text: str, *, positions: bool = True) -> None:
        position = "a position like 3488, " if positions else ""
        super().__init__(
            f"not a moment: {text[:40]!r}; give {position}a time like 2026-03-31T18:00:00Z, "
            "or a date like 2026-03-31 (all of that day, UTC)"
        )


class NotYetError(ValueError):
    """The log has not come so far."""


@dataclass(frozen=True, slots=True)
class AsOf:
    """Everything up to `position`, and nothing after it; what it meant at the time `at`."""

    position: int
    at: datetime


def parse(text: str, now: datetime) -> int | datetime:
    """A position, or a time. A date means all of that day, in UTC; today, all of it until now.

    Raises UnreadableMomentError.
    """
    text = text.strip()
    try:
        if _POSITION.fullmatch(text):
            return int(text)
        if _DATE.fullmatch(text):
            return _end_of(date.fromisoformat(text), now)
        if _TIME.fullmatch(text.upper()):
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass  # of the right form, and no such day or hour
    raise UnreadableMomentError(text)


def moment(log: LogRecorder, wanted: int | datetime | None, now: datetime) -> AsOf:
    """Where in the log that is; None: as of now. Raises NotYetError."""
    head = log.head()
    if wanted is None:
        return AsOf(head, now)
    if isinstance(wanted, datetime):
        if wanted > now:
            raise NotYetError(f"{wanted.isoformat()} is still to come")
        return AsOf(_last_recorded_by(log, wanted, head), wanted)
    if wanted > head:
        raise NotYetError(f"the log ends at position {head}, before {wanted}")
    return AsOf(wanted, _recorded_at(log, wanted) if wanted else now)


def _end_of(day: date, now: datetime) -> datetime:
    end = datetime.combine(day, time.min, UTC) + timedelta(days=1) - timedelta(microseconds=1)
    return now if day == now.astimezone(UTC).date() else end


def _last_recorded_by(log: LogRecorder, at: datetime, head: int) -> int:
    """The newest position that was recorded by then; 0: none was. Looks at one event for each doubling of the log."""
    known, beyond = 0, head + 1
    while beyond - known > 1:
        middle = (known + beyond) // 2
        if _recorded_at(log, middle) <= at:
            known = middle
        else:
            beyond = middle
    return known


def _recorded_at(log: LogRecorder, position: int) -> datetime:
    found = next(log.read(after=position - 1, limit=1))
    if found.event.recorded_at is None:
        raise TypeError("an event from the log has its times")
    return found.event.recorded_at
