"""Reconciles, and records what came of it. The same input compared with the same log is the same run, however often.

BadRangeError            there is no range, or it is empty (of `inputs`)
TooManyExceptionsError   so much does not fit that it is the wrong file, account or range; nothing was recorded
OtherLinesError          other lines are kept under the run's id, and nothing was recorded (of `run_lines`)
NoSuchExceptionError     no exception of this id was ever opened
AlreadyResolvedError     it was, and is resolved
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ledger import program
from ledger.decide_again import decide_again
from ledger.event_log import Draft, EventLog
from ledger.events import (
    RECONCILIATION_TAG,
    Book,
    Comparison,
    Event,
    Happened,
    ReconciliationCompleted,
    ReconciliationExceptionAssigned,
    ReconciliationExceptionNoted,
    ReconciliationExceptionResolved,
    Recorded,
    Resolution,
    exception_tag,
)
from ledger.history import about
from ledger.program import INITIAL_TERMS, TERMS_BOUNDARY
from ledger.reconciliation import exceptions
from ledger.reconciliation.compare import compare
from ledger.reconciliation.digests import derived_id, digest_of
from ledger.reconciliation.exceptions import ExceptionRecord
from ledger.reconciliation.inputs import Inputs
from ledger.reconciliation.line import BANK_CATEGORIES, LOG_CATEGORIES, Line
from ledger.reconciliation.log_lines import LogLines
from ledger.reconciliation.matching import Compared
from ledger.reconciliation.result import Rows, as_copied, cells_of, rows_of, totals, unseen
from ledger.reconciliation.run_lines import RunLines
from ledger.reconciliation.scope import LOG_WINDOW, Scope

MOST_NEW_EXCEPTIONS = 1000
RULES = 4
"""Part of a run's id: raise it when the same input is to be classified anew, because the rules have changed."""

Progress = Callable[[str], None]


class TooManyExceptionsError(Exception):
    def __init__(self, found: int, run: ReconciliationCompleted) -> None:
        super().__init__(
            f"{found} new exceptions, more than {MOST_NEW_EXCEPTIONS}: this looks like another account's activity, or "
            "another range than the file's; nothing was recorded"
        )
        self.found = found
        self.run = run


class NoSuchExceptionError(Exception):
    """Carries the id."""


class AlreadyResolvedError(Exception):
    """Carries the id."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run as the log has it."""

    completed: ReconciliationCompleted
    position: int
    recorded_at: datetime
    actor: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """`is_new`: it was recorded just now. `open`: every exception that is open now, of this run or of earlier ones. `unseen`: how
    many lines wait only because the data does not reach far enough.
    """

    run: Run
    is_new: bool
    open: Sequence[ExceptionRecord]
    unseen: int


class Reconciling:
    """Synchronous; safe to use from many threads. Raises the errors above, ConflictError, and the recorder's and psycopg's."""

    def __init__(self, log: EventLog, lines: RunLines, clock: Callable[[], datetime]) -> None:
        self._log = log
        self._lines = lines
        self._clock = clock

    def currency(self) -> str:
        """The one that the program pays in."""
        newest = self._log.read_last(TERMS_BOUNDARY)
        return (INITIAL_TERMS if newest is None else program.fold([newest]).terms).currency

    def run(self, inputs: Inputs, *, actor: str, on_progress: Progress = lambda _: None) -> Outcome:
        """Compare, keep the lines, record the run and its exceptions."""
        since, until = inputs.range()
        now = self._clock()
        on_progress("reading the log")
        ours = self._log_side(inputs, since, until)
        on_progress("comparing")
        scopes = inputs.scopes(now)
        legs = list(_legs(inputs, ours, scopes))
        found = rows_of([(book, compared) for book, compared, _ in legs])
        cells = cells_of(found.rows)
        run_id = _run_id(inputs, scopes, ours.position, digest_of(cells))
        copied = as_copied(run_id, cells)
        completed = ReconciliationCompleted(
            run_id=run_id,
            currency=self.currency(),
            sources=tuple(activity.source(seen) for activity, seen in inputs.sides(now)),
            since=since,
            until=until,
            compared_position=ours.position,
            comparisons=tuple(each for *_, each in legs),
            lines=len(found.rows),
            result_sha256=digest_of(copied),
        )
        on_progress("recording")
        waiting = sum(unseen(each, scopes[book], is_over=now >= until + scopes[book].margin) for book, each, _ in legs)
        return replace(self._recorded(completed, found, copied, actor), unseen=waiting)

    def runs(self) -> list[Run]:
        """Every run, newest first."""
        events, _ = self._log.read([about(RECONCILIATION_TAG, ReconciliationCompleted)])
        return list(_runs(events))[::-1]

    def lines(self) -> RunLines:
        return self._lines

    def exceptions(self) -> tuple[list[ExceptionRecord], int]:
        """Every exception, oldest first, and the position that this reflects."""
        events, head = self._log.read([about(RECONCILIATION_TAG)])
        return list(exceptions.fold(events).values()), head

    def exception(self, exception_id: str) -> ExceptionRecord | None:
        """One of them; None if it was never opened."""
        events, _ = self._log.read([about(exception_tag(exception_id))])
        return exceptions.fold(events).get(exception_id)

    def assign(self, exception_id: str, owner: str, *, actor: str) -> int:
        """Say who looks after it. Returns the position that reflects this, as the next two do."""
        return self._decide(
            ReconciliationExceptionAssigned(exception_id=exception_id, owner=owner), exception_id, actor
        )

    def note(self, exception_id: str, note: str, *, actor: str) -> int:
        return self._decide(ReconciliationExceptionNoted(exception_id=exception_id, note=note), exception_id, actor)

    def resolve(self, exception_id: str, resolution: Resolution, note: str, *, actor: str) -> int:
        resolved = ReconciliationExceptionResolved(exception_id=exception_id, resolution=resolution, note=note)
        return self._decide(resolved, exception_id, actor)

    def _log_side(self, inputs: Inputs, since: datetime, until: datetime) -> LogLines:
        """The log's lines in the range, and those beyond it that something at Stripe names."""
        sources = {line.source_id for line in inputs.stripe.lines} - {None}
        payouts = {line.payout_id for line in inputs.stripe.lines} - {None}
        since, until = since - LOG_WINDOW, until + LOG_WINDOW

        def keep(line: Line) -> bool:
            in_range = line.at < until and (line.in_flight or line.until >= since)
            return in_range or line.source_id in sources or line.payout_id in payouts

        return LogLines.read(self._lines.money_events(), keep)

    @decide_again
    def _recorded(self, completed: ReconciliationCompleted, found: Rows, copied: Sequence[str], actor: str) -> Outcome:
        boundary = [about(RECONCILIATION_TAG)]
        events, head = self._log.read(boundary)
        known = exceptions.fold(events)
        is_new = all(each.completed.run_id != completed.run_id for each in _runs(events))
        opened = exceptions.opened_by_run(completed, found, known)
        if len(opened) > MOST_NEW_EXCEPTIONS:
            raise TooManyExceptionsError(len(opened), completed)
        resolved = exceptions.resolved_by_run(completed, found.rows, known)
        # A run that is known already may still find settled what another one, in between, did not.
        news = [completed, *opened] if is_new else opened
        drafts = [_draft(event, self._clock(), actor, completed.run_id) for event in news]
        drafts += [_draft(event, self._clock(), exceptions.ACTOR, completed.run_id) for event in resolved]
        if drafts:
            self._lines.store(completed.run_id, copied)
            self._log.append(drafts, boundary, after=head)
            events, _ = self._log.read(boundary)
            known = exceptions.fold(events)
        stored = next(each for each in _runs(events) if each.completed.run_id == completed.run_id)
        still_open = [each for each in known.values() if each.is_open]
        return Outcome(stored, is_new, still_open, unseen=0)

    @decide_again
    def _decide(self, event: Event, exception_id: str, actor: str) -> int:
        boundary = [about(exception_tag(exception_id))]
        events, head = self._log.read(boundary)
        record = exceptions.fold(events).get(exception_id)
        if record is None:
            raise NoSuchExceptionError(exception_id)
        if not record.is_open:
            raise AlreadyResolvedError(exception_id)
        drafts = [
            _draft(each, self._clock(), actor, str(events[-1].event_id)) for each in exceptions.decided(record, event)
        ]
        return self._log.append(drafts, boundary, after=head).last_position if drafts else head


def _legs(inputs: Inputs, ours: LogLines, scopes: Mapping[Book, Scope]) -> Iterator[tuple[Book, Compared, Comparison]]:
    """Each of Stripe's lines belongs to one comparison: with the bank, if it is given, what goes to it or comes from it."""
    of_bank = [line for line in inputs.stripe.lines if inputs.bank is not None and line.category in BANK_CATEGORIES]
    of_log = [line for line in inputs.stripe.lines if inputs.bank is None or line.category not in BANK_CATEGORIES]
    compared = compare("log", ours.lines, of_log, LOG_CATEGORIES, scopes["log"])
    yield "log", compared, totals("log", compared, ours.lines, of_log)
    if inputs.bank is not None:
        compared = compare("bank", inputs.bank.lines, of_bank, BANK_CATEGORIES, scopes["bank"])
        yield "bank", compared, totals("bank", compared, inputs.bank.lines, of_bank)


def _run_id(inputs: Inputs, scopes: Mapping[Book, Scope], position: int, outcome: str) -> str:
    """Of what was compared, and how it ended: with time, more may have been seen of the same lines."""
    named = [f"{each.kind} {each.sha256}" for each in inputs.sources]
    about = [part for each in scopes.values() for part in (each.since, each.until, each.margin, each.window)]
    return derived_id("rec", RULES, *named, *about, position, outcome)


def _draft(event: Event, now: datetime, actor: str, cause: str) -> Draft:
    return Draft(Happened(event, now), actor, causation_id=cause, correlation_id=None)


def _runs(events: Iterable[Recorded]) -> Iterator[Run]:
    for each in events:
        if isinstance(each.event, ReconciliationCompleted):
            yield Run(each.event, each.position, each.recorded_at, each.actor)
