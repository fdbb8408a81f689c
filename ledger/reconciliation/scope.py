"""Which lines a comparison is about, and whether the other side was seen where a line's counterpart would be.

That depends on what was read of the other side, not on the ends of the range: where nobody has looked, nothing is missing.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from ledger.reconciliation.line import Line

CLOCKS_MARGIN = timedelta(minutes=5)  # between Stripe's clock and ours
BANK_MARGIN = timedelta(days=5)  # what a bank takes, over a weekend
LOG_WINDOW = timedelta(days=3)  # a reversal made at Stripe is noticed later, should its webhook be lost
BANK_WINDOW = timedelta(days=7)
YEARS = range(2000, 2200)  # so that every margin beyond a range is a time too
A_SECOND = timedelta(seconds=1)
IN_FLIGHT_AT_MOST = timedelta(hours=24)  # by then the key has run out, and somebody has to look

Extent = tuple[datetime, datetime]
"""The moments of the first and of the last line."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """The stretch of time, both ends included, of which one side tells everything. Elsewhere nobody has looked."""

    since: datetime
    until: datetime

    def holds(self, since: datetime, until: datetime) -> bool:
        return self.since <= since and until <= self.until


def covered(extent: Extent | None, declared: Coverage | None = None) -> Coverage | None:
    """From the first to the last line, and what is declared besides; None if nothing is known of this side. The last line's
    moment is a whole second at Stripe, and ours lies within that second.
    """
    moments: list[datetime] = []
    if extent is not None:
        first, last = extent
        moments += (first, last + A_SECOND)
    if declared is not None:
        moments += (declared.since, declared.until)
    return Coverage(min(moments), max(moments)) if moments else None


@dataclass(frozen=True, slots=True)
class Scope:
    """The range [since, until), and what was seen of both sides. `margin`: how far apart in time they may have the same thing;
    `window`: how far apart lines may be that nothing but the amount connects.
    """

    since: datetime
    until: datetime
    margin: timedelta
    window: timedelta
    book: Coverage | None
    stripe: Coverage | None

    def holds(self, line: Line) -> bool:
        """What is in flight stays so, whenever it was sent."""
        return line.at < self.until and (line.in_flight or line.until >= self.since)

    def is_missing_at_stripe(self, line: Line) -> bool:
        """Whether a line of the book without counterpart would have one in what was seen of Stripe."""
        return self._is_seen(line, self.stripe)

    def is_missing_in_book(self, line: Line) -> bool:
        return self._is_seen(line, self.book)

    def may_explain(self, book: Line, stripe: Line) -> bool:
        """Whether amount and time are enough for these. Within the margin they are. Further apart, a line beyond the range whose
        own counterpart may lie where nobody looked has probably been matched with it by another run, and would hide what is
        missing in this one.
        """
        if max(book.at - stripe.at, stripe.at - book.until) <= self.margin:
            return True
        ours_is_known = self.holds(book) or self.is_missing_at_stripe(book)
        return ours_is_known and (self.holds(stripe) or self.is_missing_in_book(stripe))

    def is_overdue(self, line: Line) -> bool:
        """Whether a line in flight, that is at Stripe, should have its outcome in the book by now."""
        return self.book is not None and self.book.until - line.at > IN_FLIGHT_AT_MOST

    def is_unseen(self, line: Line, other: Coverage | None) -> bool:
        """Whether it is the data that leaves this open, not the range: its counterpart may be within, where nobody looked."""
        first, last = self._where(line)
        return other is None or not other.holds(max(first, self.since), min(last, self.until))

    def _is_seen(self, line: Line, other: Coverage | None) -> bool:
        first, last = self._where(line)
        if other is not None and line.in_flight:
            return last <= other.until  # every range since it was sent has held it
        return other is not None and other.holds(first, last)

    def _where(self, line: Line) -> tuple[datetime, datetime]:
        """The stretch in which the other side may have it."""
        last = line.at + IN_FLIGHT_AT_MOST if line.in_flight else line.until
        return line.at - self.margin, last + self.margin


def days_of(extent: Extent) -> tuple[datetime, datetime]:
    """The whole days (UTC) that lines lie in."""
    first, last = (moment.date() for moment in extent)
    return datetime.combine(first, time(), UTC), datetime.combine(last + timedelta(days=1), time(), UTC)
