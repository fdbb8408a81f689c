"""Exceptions: what a run found that a person has to look at, from opened to resolved. Pure folds and decisions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ledger.events import (
    Event,
    LineClass,
    ReconciliationCompleted,
    ReconciliationExceptionAssigned,
    ReconciliationExceptionNoted,
    ReconciliationExceptionOpened,
    ReconciliationExceptionResolved,
    Recorded,
    Resolution,
)
from ledger.reconciliation.candidates import NOBODY, Named
from ledger.reconciliation.result import EXCEPTIONAL, Row, Rows

Amounts = tuple[int | None, int | None]

ACTOR = "reconciliation"
"""Who resolves what a later run finds matched."""


@dataclass(frozen=True, slots=True)
class Note:
    text: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Resolved:
    """`run_id`: the run that found it so; None if a person decided."""

    resolution: Resolution
    note: str
    by: str
    at: datetime
    run_id: str | None


@dataclass(frozen=True, slots=True)
class ExceptionRecord:
    """One exception as the log has it. Times are ours, in UTC; `position` is where it was opened first. `settled`: the amounts, of
    the book and of Stripe, with which a person ever resolved it.
    """

    found: ReconciliationExceptionOpened
    position: int
    opened_at: datetime
    opened_by: str
    owner: str | None = None
    notes: tuple[Note, ...] = ()
    resolved: Resolved | None = None
    settled: frozenset[Amounts] = frozenset()

    @property
    def exception_id(self) -> str:
        return self.found.exception_id

    @property
    def is_open(self) -> bool:
        return self.resolved is None

    def age(self, now: datetime) -> timedelta:
        """How long it has been, or was, open."""
        return (self.resolved.at if self.resolved else now) - self.opened_at


def fold(events: Iterable[Recorded]) -> dict[str, ExceptionRecord]:
    """Every exception by its id, oldest first."""
    known: dict[str, ExceptionRecord] = {}
    for recorded in events:
        evolve(known, recorded)
    return known


def evolve(known: dict[str, ExceptionRecord], recorded: Recorded) -> None:
    at, by = recorded.recorded_at, recorded.actor
    match recorded.event:
        case ReconciliationExceptionOpened() as event:
            before = known.get(event.exception_id)
            known[event.exception_id] = (
                ExceptionRecord(event, recorded.position, at, by)
                if before is None
                else replace(before, found=event, resolved=None)
            )
        case ReconciliationExceptionAssigned() as event:
            known[event.exception_id] = replace(known[event.exception_id], owner=event.owner)
        case ReconciliationExceptionNoted() as event:
            before = known[event.exception_id]
            known[event.exception_id] = replace(before, notes=(*before.notes, Note(event.note, by, at)))
        case ReconciliationExceptionResolved() as event:
            before = known[event.exception_id]
            resolved = Resolved(event.resolution, event.note, by, at, event.run_id)
            by_person: set[Amounts] = set() if event.run_id else {(before.found.book_minor, before.found.stripe_minor)}
            known[event.exception_id] = replace(before, resolved=resolved, settled=before.settled | by_person)
        case _:
            pass


def opened_by_run(
    run: ReconciliationCompleted, found: Rows, known: Mapping[str, ExceptionRecord]
) -> list[ReconciliationExceptionOpened]:
    """What is new. What is open stays so, and what a person resolved is settled; what a run resolved can come back, and what has
    amounts that no person resolved it with is not what anybody settled. One that is open is opened anew if its amounts change.
    """
    return [
        _opened(run, row, found.candidates.get(row.exception_id, NOBODY))
        for row in found.rows
        if row.exception_id is not None and _is_news(row, known.get(row.exception_id))
    ]


def _is_news(row: Row, before: ExceptionRecord | None) -> bool:
    if before is None:
        return True
    amounts = (row.book_minor, row.stripe_minor)
    if before.is_open:
        return amounts != (before.found.book_minor, before.found.stripe_minor)
    return amounts not in before.settled


def resolved_by_run(
    run: ReconciliationCompleted, rows: Sequence[Row], known: Mapping[str, ExceptionRecord]
) -> list[ReconciliationExceptionResolved]:
    """Open exceptions whose lines this run found matched, or in another class. A line that it did not see says nothing, but
    for one in flight: every run holds those that were sent before its end, so this one has its outcome.
    """
    raised = {row.exception_id for row in rows if row.exception_id is not None}
    waiting = [each for each in known.values() if each.is_open and each.exception_id not in raised]
    wanted = {name for each in waiting for name in _names(each.found, run)}
    ids = {each for one in waiting for each in (one.found.book_line_id, one.found.stripe_line_id, one.found.payout_id)}
    ids.discard(None)
    classes: dict[tuple[str, str], set[LineClass]] = {}
    for row in rows:
        if ids.isdisjoint((row.book_line_id, row.stripe_line_id, row.payout_id)):
            continue  # as nearly all of them
        named = (f"book:{row.book_line_id}", f"stripe:{row.stripe_line_id}", f"payout:{row.category}:{row.payout_id}")
        for name in named:
            if (row.book, name) in wanted:
                classes.setdefault((row.book, name), set()).add(row.line_class)
    resolved = []
    for each in waiting:
        now = set().union(*(classes.get(name, set()) for name in _names(each.found, run)))
        if now & EXCEPTIONAL:
            said = ", ".join(sorted(now & EXCEPTIONAL))
            resolved.append(_resolved(run, each, Resolution.SUPERSEDED, f"now {said}"))
        elif LineClass.MATCHED in now:
            resolved.append(_resolved(run, each, Resolution.MATCHED_LATER, "a later run found it matched"))
        elif not now and _was_in_flight(each.found, run):
            resolved.append(_resolved(run, each, Resolution.SUPERSEDED, "no longer in flight"))
    return resolved


def decided(record: ExceptionRecord, event: Event) -> list[Event]:
    """What a person's word leads to: nothing if it is so already. Only open exceptions are worked on."""
    match event:
        case ReconciliationExceptionAssigned(owner=owner) if record.owner == owner:
            return []
        case _:
            return [event]


def _names(found: ReconciliationExceptionOpened, run: ReconciliationCompleted) -> list[tuple[str, str]]:
    named = [("book", found.book_line_id), ("stripe", found.stripe_line_id)]
    if _was_in_flight(found, run):  # with its outcome it has another name
        named.append((f"payout:{found.category}", found.payout_id))
    return [(found.book, f"{side}:{line_id}") for side, line_id in named if line_id is not None]


def _was_in_flight(found: ReconciliationExceptionOpened, run: ReconciliationCompleted) -> bool:
    """Whether it is of a line in flight, named by its key, that this run would hold if it still were."""
    is_key = found.book_line_id is not None and found.book_line_id.startswith("payout:")
    return found.book == "log" and found.stripe_line_id is None and is_key and found.happened_at < run.until


def _opened(run: ReconciliationCompleted, row: Row, candidates: Named) -> ReconciliationExceptionOpened:
    happened_at = row.book_at or row.stripe_at
    if row.exception_id is None or happened_at is None:
        raise ValueError(f"row {row.number} of {run.run_id} is no exception")
    return ReconciliationExceptionOpened(
        exception_id=row.exception_id,
        run_id=run.run_id,
        book=row.book,
        line_class=row.line_class,
        category=row.category,
        currency=run.currency,
        book_line_id=row.book_line_id,
        book_minor=row.book_minor,
        stripe_line_id=row.stripe_line_id,
        stripe_source_id=row.stripe_source_id,
        stripe_minor=row.stripe_minor,
        payout_id=row.payout_id,
        happened_at=happened_at,
        candidates=tuple(each.id for each in candidates.nearest),
        candidates_in_all=candidates.in_all,
    )


def _resolved(
    run: ReconciliationCompleted, record: ExceptionRecord, resolution: Resolution, note: str
) -> ReconciliationExceptionResolved:
    return ReconciliationExceptionResolved(
        exception_id=record.exception_id, resolution=resolution, note=note, run_id=run.run_id
    )
