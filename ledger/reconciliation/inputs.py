"""What is compared: two or three sides, a range, and what was seen of each side.

BadRangeError   there is no range, or it is empty
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from ledger.events import Book
from ledger.reconciliation.activity import Activity
from ledger.reconciliation.scope import (
    BANK_MARGIN,
    BANK_WINDOW,
    CLOCKS_MARGIN,
    LOG_WINDOW,
    YEARS,
    Coverage,
    Scope,
    covered,
    days_of,
)

BEGINNING = datetime.min.replace(tzinfo=UTC)


class BadRangeError(Exception):
    """The message says what to give."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """Without a range: the whole days (UTC) that Stripe's lines lie in. `…_complete`: somebody says that the file was made for
    all of the range, also where it has no lines; otherwise it is known to tell of what lies between its first and last line.
    """

    stripe: Activity
    bank: Activity | None = None
    since: datetime | None = None
    until: datetime | None = None
    clocks_margin: timedelta = CLOCKS_MARGIN
    bank_margin: timedelta = BANK_MARGIN
    stripe_complete: bool = False
    bank_complete: bool = False

    def range(self) -> tuple[datetime, datetime]:
        """`since` and `until`, its end excluded. Raises BadRangeError."""
        days = days_of(self.stripe.extent) if self.stripe.extent is not None else None
        since = self.since or (days[0] if days else None)
        until = self.until or (days[1] if days else None)
        if since is None or until is None:
            raise BadRangeError("Stripe's side has no lines to take the range from: give its first and last day")
        if since >= until:
            raise BadRangeError(f"the range is empty: it begins at {since:%Y-%m-%d} and ends before {until:%Y-%m-%d}")
        return since, until

    @property
    def sources(self) -> list[Activity]:
        return [each for each in (self.stripe, self.bank) if each is not None]

    def sides(self, now: datetime) -> list[tuple[Activity, Coverage | None]]:
        """What was read, with what was seen of it by `now`; Stripe's first."""
        seen = [(self.stripe, _seen(self.stripe, self, now, is_complete=self.stripe_complete))]
        if self.bank is not None:
            seen.append((self.bank, _seen(self.bank, self, now, is_complete=self.bank_complete)))
        return seen

    def scopes(self, now: datetime) -> dict[Book, Scope]:
        """`now`: when the log was read, of which everything is known up to then."""
        since, until = self.range()
        (_, stripe), *bank = self.sides(now)
        log = Coverage(BEGINNING, now)
        scopes: dict[Book, Scope] = {"log": Scope(since, until, self.clocks_margin, LOG_WINDOW, log, stripe)}
        for _, seen in bank:
            scopes["bank"] = Scope(since, until, self.bank_margin, BANK_WINDOW, seen, stripe)
        return scopes


def asked_beyond(clocks_margin: timedelta, bank_margin: timedelta | None) -> timedelta:
    """How much more than the range Stripe is asked for. With a bank statement, twice the margin: a line of the statement beyond
    the range may belong to one within it, or to one as far beyond again.
    """
    return clocks_margin if bank_margin is None else max(clocks_margin, 2 * bank_margin)


def range_of(first_day: date | None, last_day: date | None) -> tuple[datetime | None, datetime | None]:
    """`since` and `until` of a range that includes both days (UTC). Raises BadRangeError for what cannot be compared."""
    for day in (first_day, last_day):
        if day is not None and day.year not in YEARS:
            raise BadRangeError(f"{day} is not in the years {YEARS[0]} to {YEARS[-1]}")
    since = datetime.combine(first_day, time(), UTC) if first_day is not None else None
    until = datetime.combine(last_day, time(), UTC) + timedelta(days=1) if last_day is not None else None
    return since, until


def _seen(activity: Activity, inputs: Inputs, now: datetime, *, is_complete: bool) -> Coverage | None:
    since, until = inputs.range()
    if is_complete and since < now:  # nobody can have exported what has not happened yet
        return covered(activity.extent, Coverage(since, min(until, now)))
    return covered(activity.extent, activity.asked)
