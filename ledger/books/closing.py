"""Closes months: cut off, let the journal catch up, record what it holds. Each step can be repeated; a crash loses nothing.

JournalBehindError   the journal does not reflect the cut-off yet: let it catch up, then finish again
NotCutOffError       finish was called for a month that was never begun
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ledger.books import periods
from ledger.books.periods import BOUNDARY, AlreadyClosed, ClosedPeriod, CutOff, GoOn, Periods, Refused
from ledger.decide_again import decide_again
from ledger.event_log import Draft, EventLog
from ledger.events import Happened, PeriodBalance, PeriodClosed, PeriodCutOff

__all__ = ["Begun", "JournalBehindError", "MonthOfBooks", "MonthReader", "NotCutOffError", "PeriodClosing"]


class JournalBehindError(Exception):
    """What was recorded before the cut-off is not all in the journal yet."""

    def __init__(self, position: int, needed: int) -> None:
        super().__init__(f"the journal reflects position {position}, and the month was cut off at {needed}")
        self.position = position
        self.needed = needed


class NotCutOffError(Exception):
    """A month is begun before it is finished."""


class MonthOfBooks(Protocol):
    """One month's entries, in one view of the tables. `position`: what the view reflects."""

    @property
    def position(self) -> int: ...
    def trial_balance(self) -> tuple[PeriodBalance, ...]: ...
    def entries(self) -> int: ...
    def digest(self) -> str: ...


class MonthReader(Protocol):
    """The journal, as far as closing a month reads it."""

    def first_period(self) -> str | None: ...
    def month(self, month: str, after: str | None) -> AbstractContextManager[MonthOfBooks]: ...


@dataclass(frozen=True, slots=True)
class Begun:
    """The month is cut off at this position; finish it once the journal reflects that."""

    cut_off_position: int


class PeriodClosing:
    """Synchronous; safe to use from many threads and processes. Raises ConflictError if others never let go of the periods,
    and the errors of the recorder and the journal.

    `seal_at_least` gives a signed checkpoint (its text) that covers the log up to a position or further, if there is one.
    """

    def __init__(
        self,
        log: EventLog,
        journal: MonthReader,
        clock: Callable[[], datetime],
        seal_at_least: Callable[[int], str | None],
    ) -> None:
        self._log = log
        self._journal = journal
        self._clock = clock
        self._seal_at_least = seal_at_least

    def periods(self) -> tuple[Periods, int]:
        """All periods, and the position that says so."""
        events, head = self._log.read([BOUNDARY])
        return periods.fold(events), head

    @decide_again
    def begin(self, month: str, actor: str) -> Begun | ClosedPeriod | Refused:
        """Cut the month off, unless that was done. Where it is closed already, how it was closed."""
        known, head = self.periods()
        # Asked only until the first month is cut off; the journal was caught up by whoever calls.
        first = self._journal.first_period() if known.cut_off is None else None
        match periods.decide(known, month, first, self._clock()):
            case AlreadyClosed(period=period):
                return period
            case GoOn(cut_off=cut_off):
                return Begun(cut_off.position)
            case CutOff(event=event):
                return Begun(self._append(event, f"close:{actor}", actor, head))
            case Refused() as refused:
                return refused

    @decide_again
    def finish(self, month: str, actor: str) -> ClosedPeriod:
        """Close the month with what its journal holds. Raises NotCutOffError, JournalBehindError."""
        known, head = self.periods()
        if month in known.closed:
            return known.closed[month]
        if known.cut_off is None or known.to_be_closed != month:
            raise NotCutOffError(month)
        needed, after = known.cut_off.position, known.newest_closed
        with self._journal.month(month, after) as books:
            if books.position < needed:
                raise JournalBehindError(books.position, needed)
            entries, trial_balance, digest = books.entries(), books.trial_balance(), books.digest()
        closed = PeriodClosed(
            month=month,
            cut_off_position=needed,
            entries=entries,
            trial_balance=trial_balance,
            digest=digest,
            seal=self._seal_at_least(needed),  # may take a while: no view of the tables is held meanwhile
        )
        self._append(closed, str(known.cut_off.event_id), actor, head)
        return self.periods()[0].closed[month]

    def _append(self, event: PeriodCutOff | PeriodClosed, cause: str, actor: str, head: int) -> int:
        draft = Draft(Happened(event, self._clock()), actor, causation_id=cause, correlation_id=f"period:{event.month}")
        return self._log.append([draft], [BOUNDARY], after=head).last_position
