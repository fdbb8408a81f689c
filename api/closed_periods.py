"""Closed months, as HTTP and the command line show them; and their export, made again and held against its digest."""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Self

from pydantic import BaseModel, Field

from ledger.books.periods import ClosedPeriod
from ledger.events import PeriodBalance

__all__ = ["PeriodSummary", "PeriodView", "Verified"]


class PeriodSummary(BaseModel):
    """A month whose books are closed."""

    month: str = Field(examples=["2026-03"])
    entries: int = Field(examples=[412])
    digest: str = Field(description="SHA-256 of the month's export, in hexadecimal")
    closed_at: datetime
    closed_by: str
    cut_off_position: int = Field(description="What was recorded from here on belongs to later months")
    position: int = Field(description="Of the event that closed it")

    @classmethod
    def of(cls, period: ClosedPeriod) -> Self:
        event = period.event.model_dump(include=set(cls.model_fields))
        return cls(**event, closed_at=period.closed_at, closed_by=period.closed_by, position=period.position)


class PeriodView(PeriodSummary):
    """With its trial balance. `seal`: a signed checkpoint of the log as it was then, if the log is sealed."""

    trial_balance: list[PeriodBalance]
    seal: str | None


class Verified:
    """Passes the parts of an export on. Once all have passed, `as_closed` tells whether they are the bytes that were closed."""

    def __init__(self, parts: Iterable[bytes], period: ClosedPeriod) -> None:
        self._parts = parts
        self._expected = period.event.digest
        self.digest: str | None = None

    def __iter__(self) -> Iterator[bytes]:
        running = hashlib.sha256()
        for part in self._parts:
            running.update(part)
            yield part
        self.digest = running.hexdigest()

    @property
    def as_closed(self) -> bool:
        return self.digest == self._expected
