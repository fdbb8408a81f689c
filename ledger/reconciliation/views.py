"""Runs, lines and exceptions as they are shown, over HTTP and on the command line: the same documents in both."""

from datetime import date, datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, StringConstraints

from ledger.events import Book, ClassTotal, Comparison, LineClass, ReconciledSource, ReconciliationCompleted, Resolution
from ledger.reconciliation.exceptions import ExceptionRecord
from ledger.reconciliation.reconciling import Run
from ledger.reconciliation.result import EXCEPTIONAL, Row

OwnerName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$"),
    Field(description="Who looks after it, as staff know them", examples=["ada@example.com"]),
]
PersonsResolution = Literal[Resolution.CORRECTED, Resolution.ACCEPTED, Resolution.NOT_OURS]


class ClassView(BaseModel):
    """Amounts in minor units, signed as they change Stripe's balance."""

    line_class: LineClass
    category: str = Field(description="Stripe's reporting category", examples=["transfer"])
    lines: int = Field(description="Of both sides")
    book_minor: int
    stripe_minor: int
    difference_minor: int

    @classmethod
    def of(cls, total: ClassTotal) -> Self:
        return cls(**total.model_dump(), difference_minor=total.difference_minor)


class ComparisonView(BaseModel):
    """One book against Stripe. `difference_minor` is the sum over the classes, and `remainder_minor`: what is unexplained."""

    book: Book
    book_minor: int
    stripe_minor: int
    difference_minor: int
    classes: list[ClassView]
    remainder_minor: int

    @classmethod
    def of(cls, comparison: Comparison) -> Self:
        return cls(
            book=comparison.book,
            book_minor=comparison.book_minor,
            stripe_minor=comparison.stripe_minor,
            difference_minor=comparison.difference_minor,
            classes=[ClassView.of(each) for each in comparison.classes],
            remainder_minor=comparison.remainder_minor,
        )


class TogetherView(BaseModel):
    """By how much Stripe's balance should have changed, by the bank and the log together, and by how much it did."""

    bank_minor: int
    log_minor: int
    expected_minor: int
    stripe_minor: int
    difference_minor: int
    remainder_minor: int

    @classmethod
    def of(cls, run: ReconciliationCompleted) -> Self | None:
        """None where no bank statement was given."""
        by_book = {each.book: each for each in run.comparisons}
        if "bank" not in by_book:
            return None
        bank, log = by_book["bank"], by_book["log"]
        return cls(
            bank_minor=bank.book_minor,
            log_minor=log.book_minor,
            expected_minor=bank.book_minor + log.book_minor,
            stripe_minor=bank.stripe_minor + log.stripe_minor,
            difference_minor=bank.difference_minor + log.difference_minor,
            remainder_minor=bank.remainder_minor + log.remainder_minor,
        )


class RunView(BaseModel):
    """`since` and `until` are the range, its end excluded. `exceptions`: lines of this run that a person has to look at."""

    run_id: str = Field(examples=["rec_mfzwg3dfoj2xg5dfonzq"])
    recorded_at: datetime
    actor: str
    position: int
    compared_position: int = Field(description="The newest event about money that was compared")
    currency: str
    since: datetime
    until: datetime
    sources: list[ReconciledSource]
    comparisons: list[ComparisonView]
    together: TogetherView | None
    lines: int
    exceptions: int

    @property
    def last_day(self) -> date:
        """The range is whole days, and its end is not in it."""
        return (self.until - timedelta(microseconds=1)).date()

    @classmethod
    def of(cls, run: Run) -> Self:
        completed = run.completed
        return cls(
            run_id=completed.run_id,
            recorded_at=run.recorded_at,
            actor=run.actor,
            position=run.position,
            compared_position=completed.compared_position,
            currency=completed.currency,
            since=completed.since,
            until=completed.until,
            sources=list(completed.sources),
            comparisons=[ComparisonView.of(each) for each in completed.comparisons],
            together=TogetherView.of(completed),
            lines=completed.lines,
            exceptions=sum(
                each.lines
                for comparison in completed.comparisons
                for each in comparison.classes
                if each.line_class in EXCEPTIONAL
            ),
        )


class LineView(BaseModel):
    """A line of either side, or two that belong together. `book_*` is the log's, or the bank's."""

    number: int
    book: Book
    line_class: LineClass
    category: str
    matched_by: str | None
    book_line_id: str | None
    book_at: datetime | None
    book_minor: int | None
    stripe_line_id: str | None
    stripe_source_id: str | None
    stripe_at: datetime | None
    stripe_minor: int | None
    payout_id: str | None
    exception_id: str | None

    @classmethod
    def of(cls, row: Row) -> Self:
        return cls(**row._asdict())


class NoteView(BaseModel):
    text: str
    by: str
    at: datetime


class ResolutionView(BaseModel):
    """`run_id`: the run that found it so; null if a person decided."""

    resolution: Resolution
    note: str
    by: str
    at: datetime
    run_id: str | None


class ExceptionView(BaseModel):
    """What a person has to look at, as of now. `age_seconds`: how long it has been, or was, open."""

    exception_id: str = Field(examples=["exc_mfzwg3dfoj2xg5dfonzq"])
    state: Literal["open", "resolved"]
    book: Book
    line_class: LineClass
    category: str
    book_line_id: str | None
    book_minor: int | None
    stripe_line_id: str | None
    stripe_source_id: str | None
    stripe_minor: int | None
    difference_minor: int
    currency: str
    payout_id: str | None
    happened_at: datetime
    candidates: list[str] = Field(
        description="Lines of the other side of which one or none is the same thing, nearest in time first"
    )
    candidates_in_all: int = Field(description="How many there are, as of when it was opened; the nearest are named")
    opened_at: datetime
    opened_by: str
    run_id: str
    age_seconds: int
    owner: str | None
    notes: list[NoteView]
    resolved: ResolutionView | None

    @classmethod
    def of(cls, record: ExceptionRecord, now: datetime) -> Self:
        found, resolved = record.found, record.resolved
        return cls(
            **found.model_dump(),
            state="open" if record.is_open else "resolved",
            difference_minor=(found.book_minor or 0) - (found.stripe_minor or 0),
            opened_at=record.opened_at,
            opened_by=record.opened_by,
            age_seconds=max(0, int(record.age(now).total_seconds())),
            owner=record.owner,
            notes=[NoteView(text=each.text, by=each.by, at=each.at) for each in record.notes],
            resolved=None
            if resolved is None
            else ResolutionView(
                resolution=resolved.resolution,
                note=resolved.note,
                by=resolved.by,
                at=resolved.at,
                run_id=resolved.run_id,
            ),
        )
