"""Which lines a comparison is about, and which of them may well be beyond an end of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from ledger.reconciliation.line import Line

CLOCKS_MARGIN = timedelta(minutes=5)  # between Stripe's clock and ours
BANK_MARGIN = timedelta(days=5)  # what a bank takes, over a weekend
LOG_WINDOW = timedelta(days=3)  # a reversal made at Stripe is noticed later, should its webhook be lost
BANK_WINDOW = timedelta(days=7)
YEARS = range(2000, 2200)  # so that every margin beyond a range is a time too
IN_FLIGHT_AT_MOST = timedelta(hours=24)  # by then the key has run out, and somebody has to look


@dataclass(frozen=True, slots=True)
class Scope:
    """The range [since, until) and the moment up to which both sides were seen, `cutoff`.

    While a range is not over, that is the data's newest, not the clock's: the same lines are compared in the same way, whenever
    that is.
    """

    since: datetime
    until: datetime
    cutoff: datetime
    margin: timedelta
    window: timedelta

    def holds(self, line: Line) -> bool:
        """What is in flight stays so, whenever it was sent."""
        return line.at < self.until and (line.in_flight or line.until >= self.since)

    def may_be_beyond(self, line: Line) -> bool:
        """Whether the other side may have this line outside the range, or not yet."""
        if line.in_flight:
            return self.cutoff - line.at <= IN_FLIGHT_AT_MOST
        return line.at < self.since + self.margin or line.until > self.cutoff - self.margin


def seen_until(until: datetime, now: datetime, margin: timedelta, *sides: Iterable[Line]) -> datetime:
    """The end of a range that is over. While it is not: the newest moment that either side tells of."""
    if now >= until + margin:
        return until
    newest = max((line.until for side in sides for line in side), default=until)
    return min(until, newest)


def days_of(lines: Iterable[Line]) -> tuple[datetime, datetime] | None:
    """The whole days (UTC) that lines lie in; None if there are none."""
    moments = [line.at for line in lines]
    if not moments:
        return None
    first, last = min(moments).date(), max(moments).date()
    return datetime.combine(first, time(), UTC), datetime.combine(last + timedelta(days=1), time(), UTC)
