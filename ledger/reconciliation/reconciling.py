"""Reconciles, and records what came of it. The same input compared with the same log is the same run, however often.

BadRangeError            there is no range, or it is empty
TooManyExceptionsError   so much does not fit that it is the wrong file, account or range; nothing was recorded
NoSuchExceptionError     no exception of this id was ever opened
AlreadyResolvedError     it was, and is resolved
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, date, datetime, time, timedelta

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from ledger import program
from ledger.event_log import ConflictError, Draft, EventLog
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
from ledger.reconciliation.activity import Activity
from ledger.reconciliation.compare import Compared, compare
from ledger.reconciliation.exceptions import ExceptionRecord
from ledger.reconciliation.line import BANK_CATEGORIES, LOG_CATEGORIES, Line
from ledger.reconciliation.log_lines import LogLines
from ledger.reconciliation.result import Row, as_copied, derived_id, digest_of, rows_of, totals
from ledger.reconciliation.run_lines import RunLines
from ledger.reconciliation.scope import (
    BANK_MARGIN,
    BANK_WINDOW,
    CLOCKS_MARGIN,
    LOG_WINDOW,
    YEARS,
    Scope,
    days_of,
    seen_until,
)

ATTEMPTS = 10
MOST_NEW_EXCEPTIONS = 1000
RULES = 2
"""Part of a run's id: raise it when the same input is to be classified anew, because the rules have changed."""

Progress = Callable[[str], None]


class BadRangeError(Exception):
    """The message says what to give."""


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
class Inputs:
    """What is compared. Without a range: the whole days (UTC) that Stripe's lines lie in."""

    stripe: Activity
    bank: Activity | None = None
    since: datetime | None = None
    until: datetime | None = None
    clocks_margin: timedelta = CLOCKS_MARGIN
    bank_margin: timedelta = BANK_MARGIN

    @property
    def sources(self) -> list[Activity]:
        return [each for each in (self.stripe, self.bank) if each is not None]


@dataclass(frozen=True, slots=True)
class Run:
    """A run as the log has it."""

    completed: ReconciliationCompleted
    position: int
    recorded_at: datetime
    actor: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """`is_new`: it was recorded just now. `open`: every exception that is open now, of this run or of earlier ones."""

    run: Run
    is_new: bool
    open: Sequence[ExceptionRecord]


def range_of(first_day: date | None, last_day: date | None) -> tuple[datetime | None, datetime | None]:
    """`since` and `until` of a range that includes both days (UTC). Raises BadRangeError for what cannot be compared."""
    for day in (first_day, last_day):
        if day is not None and day.year not in YEARS:
            raise BadRangeError(f"{day} is not in the years {YEARS[0]} to {YEARS[-1]}")
    since = datetime.combine(first_day, time(), UTC) if first_day is not None else None
    until = datetime.combine(last_day, time(), UTC) + timedelta(days=1) if last_day is not None else None
    return since, until


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
        since, until = _range(inputs)
        on_progress("reading the log")
        ours = self._log_side(inputs, since, until)
        on_progress("comparing")
        scopes = _scopes(inputs, ours, since, until, self._clock())
        legs = list(_legs(inputs, ours, scopes))
        rows = rows_of([(book, compared) for book, compared, _ in legs])
        run_id = _run_id(inputs, scopes, ours.position)
        copied = as_copied(run_id, rows)
        completed = ReconciliationCompleted(
            run_id=run_id,
            currency=self.currency(),
            sources=tuple(each.source for each in inputs.sources),
            since=since,
            until=until,
            compared_position=ours.position,
            comparisons=tuple(each for *_, each in legs),
            lines=len(rows),
            result_sha256=digest_of(copied),
        )
        on_progress("recording")
        return self._recorded(completed, rows, copied, actor)

    def runs(self) -> list[Run]:
        """Every run, newest first."""
        events, _ = self._log.read([about(RECONCILIATION_TAG, ReconciliationCompleted)])
        return [_run(each, each.event) for each in reversed(events) if isinstance(each.event, ReconciliationCompleted)]

    def lines(self) -> RunLines:
        return self._lines

    def exceptions(self) -> tuple[list[ExceptionRecord], int]:
        """Every exception, oldest first, and the position that this reflects."""
        events, head = self._log.read([about(RECONCILIATION_TAG)])
        return list(exceptions.fold(events).values()), head

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

    def _recorded(
        self, completed: ReconciliationCompleted, rows: Sequence[Row], copied: Sequence[str], actor: str
    ) -> Outcome:
        retrying = Retrying(
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.005, max=0.2),
            retry=retry_if_exception_type(ConflictError),
            reraise=True,
        )
        return retrying(self._decide_and_append, completed, rows, copied, actor)

    def _decide_and_append(
        self, completed: ReconciliationCompleted, rows: Sequence[Row], copied: Sequence[str], actor: str
    ) -> Outcome:
        boundary = [about(RECONCILIATION_TAG)]
        events, head = self._log.read(boundary)
        known = exceptions.fold(events)
        is_new = all(_completed_in(each) != completed.run_id for each in events)
        opened = exceptions.opened_by_run(completed, rows, known)
        if len(opened) > MOST_NEW_EXCEPTIONS:
            raise TooManyExceptionsError(len(opened), completed)
        resolved = exceptions.resolved_by_run(completed, rows, known)
        # A run that is known already may still find settled what another one, in between, did not.
        found = [completed, *opened] if is_new else opened
        drafts = [_draft(event, self._clock(), actor, completed.run_id) for event in found]
        drafts += [_draft(event, self._clock(), exceptions.ACTOR, completed.run_id) for event in resolved]
        if drafts:
            self._lines.store(completed.run_id, copied)
            self._log.append(drafts, boundary, after=head)
            events, _ = self._log.read(boundary)
            known = exceptions.fold(events)
        stored = next(each for each in events if _completed_in(each) == completed.run_id)
        still_open = [each for each in known.values() if each.is_open]
        return Outcome(_run(stored, completed), is_new, still_open)

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


def _range(inputs: Inputs) -> tuple[datetime, datetime]:
    days = days_of(inputs.stripe.lines)
    since = inputs.since or (days[0] if days else None)
    until = inputs.until or (days[1] if days else None)
    if since is None or until is None:
        raise BadRangeError("Stripe's side has no lines to take the range from: give its first and last day")
    if since >= until:
        raise BadRangeError(f"the range is empty: it begins at {since:%Y-%m-%d} and ends before {until:%Y-%m-%d}")
    return since, until


def _scopes(inputs: Inputs, ours: LogLines, since: datetime, until: datetime, now: datetime) -> dict[Book, Scope]:
    log_end = seen_until(until, now, inputs.clocks_margin, ours.lines, inputs.stripe.lines)
    scopes: dict[Book, Scope] = {"log": Scope(since, until, log_end, inputs.clocks_margin, LOG_WINDOW)}
    if inputs.bank is not None:
        bank_end = seen_until(until, now, inputs.bank_margin, inputs.bank.lines, inputs.stripe.lines)
        scopes["bank"] = Scope(since, until, bank_end, inputs.bank_margin, BANK_WINDOW)
    return scopes


def _legs(inputs: Inputs, ours: LogLines, scopes: Mapping[Book, Scope]) -> Iterator[tuple[Book, Compared, Comparison]]:
    """Each of Stripe's lines belongs to one comparison: with the bank, if it is given, what goes to it or comes from it."""
    of_bank = [line for line in inputs.stripe.lines if inputs.bank is not None and line.category in BANK_CATEGORIES]
    of_log = [line for line in inputs.stripe.lines if inputs.bank is None or line.category not in BANK_CATEGORIES]
    compared = compare("log", ours.lines, of_log, LOG_CATEGORIES, scopes["log"])
    yield "log", compared, totals("log", compared, ours.lines, of_log)
    if inputs.bank is not None:
        compared = compare("bank", inputs.bank.lines, of_bank, BANK_CATEGORIES, scopes["bank"])
        yield "bank", compared, totals("bank", compared, inputs.bank.lines, of_bank)


def _run_id(inputs: Inputs, scopes: Mapping[Book, Scope], position: int) -> str:
    named = [f"{each.kind} {each.source.sha256}" for each in inputs.sources]
    return derived_id("rec", RULES, *named, *(astuple(scope) for scope in scopes.values()), position)


def _draft(event: Event, now: datetime, actor: str, cause: str) -> Draft:
    return Draft(Happened(event, now), actor, causation_id=cause, correlation_id=None)


def _run(recorded: Recorded, completed: ReconciliationCompleted) -> Run:
    return Run(completed, recorded.position, recorded.recorded_at, recorded.actor)


def _completed_in(recorded: Recorded) -> str | None:
    return recorded.event.run_id if isinstance(recorded.event, ReconciliationCompleted) else None
