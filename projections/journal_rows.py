"""The rows of the journal: lines, and their daily sums. They are only ever added, so a batch needs none of them beforehand."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import NamedTuple

from ledger.books.posting import Entry
from ledger.events import Recorded

__all__ = ["DayKey", "DaySums", "JournalLine", "JournalRows"]


class JournalLine(NamedTuple):
    """A line of an entry, column for column as in migrations/. `line` counts from 1; a debit is positive, a credit negative."""

    position: int
    line: int
    event_type: str
    account: str
    instructor_id: str | None
    payout_id: str
    currency: str
    amount_minor: int
    occurred_at: datetime
    recorded_at: datetime
    period: str


class DayKey(NamedTuple):
    """Days are UTC's: on which it was recorded, and on which it happened."""

    recorded_day: date
    effective_day: date
    period: str
    account: str
    currency: str


@dataclass(slots=True)
class DaySums:
    debit_minor: int = 0
    credit_minor: int = 0
    last_position: int = 0


@dataclass(slots=True)
class JournalRows:
    """What a batch of events, or a whole log, posts."""

    lines: list[JournalLine] = field(default_factory=list)
    days: defaultdict[DayKey, DaySums] = field(default_factory=lambda: defaultdict(DaySums))

    def post(self, entry: Entry, recorded: Recorded, period: str) -> None:
        position, occurred_at, recorded_at = recorded.position, recorded.occurred_at, recorded.recorded_at
        recorded_day, effective_day = recorded_at.astimezone(UTC).date(), occurred_at.astimezone(UTC).date()
        event_type, payout_id, currency = entry.event_type, entry.payout_id, entry.currency
        for number, (account, instructor_id, amount_minor) in enumerate(entry.lines, start=1):
            self.lines.append(
                JournalLine(
                    position,
                    number,
                    event_type,
                    account,
                    instructor_id,
                    payout_id,
                    currency,
                    amount_minor,
                    occurred_at,
                    recorded_at,
                    period,
                )
            )
            sums = self.days[DayKey(recorded_day, effective_day, period, account, currency)]
            if amount_minor > 0:
                sums.debit_minor += amount_minor
            else:
                sums.credit_minor -= amount_minor
            sums.last_position = position
