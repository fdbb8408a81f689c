"""The rows of the journal: lines, and their daily sums. They are only ever added, so a batch needs none of them beforehand."""

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
    days: dict[DayKey, DaySums] = field(default_factory=dict)

    def post(self, entry: Entry, recorded: Recorded, period: str) -> None:
        recorded_day = recorded.recorded_at.astimezone(UTC).date()
        effective_day = recorded.occurred_at.astimezone(UTC).date()
        for number, line in enumerate(entry.lines, start=1):
            account, amount_minor = line.account.value, line.amount_minor
            self.lines.append(
                JournalLine(
                    recorded.position,
                    number,
                    entry.event_type,
                    account,
                    line.instructor_id,
                    entry.payout_id,
                    entry.currency,
                    amount_minor,
                    recorded.occurred_at,
                    recorded.recorded_at,
                    period,
                )
            )
            key = DayKey(recorded_day, effective_day, period, account, entry.currency)
            sums = self.days.get(key)
            if sums is None:
                sums = self.days[key] = DaySums()
            if amount_minor > 0:
                sums.debit_minor += amount_minor
            else:
                sums.credit_minor -= amount_minor
            sums.last_position = recorded.position
