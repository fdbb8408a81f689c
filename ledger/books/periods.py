"""Months of the books, from the events that cut them off and close them, and what closing the next one takes. Pure.

Months are closed in order, without gaps, once they are over. Consistency boundary: all events of periods.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from ledger.books.months import following, month_of
from ledger.events import PERIODS_TAG, PeriodClosed, PeriodCutOff, Recorded
from ledger.history import about

__all__ = ["BOUNDARY", "AlreadyClosed", "ClosedPeriod", "CutOff", "GoOn", "Periods", "Refused", "decide", "fold"]

BOUNDARY = about(PERIODS_TAG, PeriodCutOff, PeriodClosed)


@dataclass(frozen=True, slots=True)
class ClosedPeriod:
    """`after`: the month closed before it; None: it is the first, and holds everything that was posted earlier, too."""

    event: PeriodClosed
    after: str | None
    position: int
    closed_at: datetime
    closed_by: str


@dataclass(frozen=True, slots=True)
class Periods:
    """`cut_off`: the newest month to which nothing is posted any more; it may still have to be closed."""

    closed: dict[str, ClosedPeriod] = field(default_factory=dict)
    cut_off: Recorded | None = None
    cut_off_month: str | None = None

    @property
    def newest_closed(self) -> str | None:
        return max(self.closed, default=None)

    @property
    def to_be_closed(self) -> str | None:
        """The month that was cut off, and whose closing was interrupted."""
        return self.cut_off_month if self.cut_off_month != self.newest_closed else None


@dataclass(frozen=True, slots=True)
class CutOff:
    """Cut this month off first."""

    event: PeriodCutOff


@dataclass(frozen=True, slots=True)
class GoOn:
    """It is cut off: close it, after the month before it (None: it is the first)."""

    cut_off: Recorded
    after: str | None


@dataclass(frozen=True, slots=True)
class AlreadyClosed:
    period: ClosedPeriod


@dataclass(frozen=True, slots=True)
class Refused:
    """`code` is stable; `detail` says what to do instead."""

    code: str
    detail: str


def fold(events: Iterable[Recorded]) -> Periods:
    """The periods of the events inside the boundary."""
    closed: dict[str, ClosedPeriod] = {}
    cut_off, cut_off_month = None, None
    for recorded in events:
        match recorded.event:
            case PeriodCutOff(month=month):
                cut_off, cut_off_month = recorded, month
            case PeriodClosed(month=month) as event:
                after = max(closed, default=None)
                closed[month] = ClosedPeriod(event, after, recorded.position, recorded.recorded_at, recorded.actor)
    return Periods(closed, cut_off, cut_off_month)


def decide(
    periods: Periods, month: str, first_period: str | None, now: datetime
) -> CutOff | GoOn | AlreadyClosed | Refused:
    """What closing this month takes. `first_period`: the earliest month to which anything was posted; None: to none."""
    if month in periods.closed:
        return AlreadyClosed(periods.closed[month])
    if periods.cut_off is not None and periods.to_be_closed == month:
        return GoOn(periods.cut_off, periods.newest_closed)
    if periods.to_be_closed is not None:
        return Refused(
            "period_not_next", f"the closing of {periods.to_be_closed} was interrupted: close that month first"
        )
    newest = periods.newest_closed
    due = following(newest) if newest is not None else first_period
    if due is None:
        return Refused("nothing_to_close", "nothing was ever posted")
    if due <= month >= month_of(now):
        return Refused("period_not_over", f"{month} is not over yet (UTC)")
    if month != due:
        return Refused("period_not_next", f"months are closed in order, and the next one is {due}")
    return CutOff(PeriodCutOff(month=month))
