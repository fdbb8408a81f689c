"""What reconciling finds: runs, and the exceptions that people work off. Amounts are signed, as they change Stripe's balance."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ledger.events.event import Currency, Event

RECONCILIATION_TAG = "reconciliation"

Book = Literal["log", "bank"]
"""What Stripe's activity is held against."""

SourceKind = Literal["stripe_csv", "stripe_api", "bank_csv"]
SignedMinorUnits = Annotated[int, Field(gt=-(2**53), lt=2**53, strict=True)]
"""Beyond these a number has no canonical JSON form (RFC 8785), and its event could not be sealed."""
Owner = Annotated[str, Field(min_length=1, max_length=100)]
StaffNote = Annotated[str, Field(min_length=1, max_length=500)]


def exception_tag(exception_id: str) -> str:
    """Tag of everything that happened to one exception."""
    return f"reconciliation-exception:{exception_id}"


def run_tag(run_id: str) -> str:
    """Tag of what one run of reconciling recorded."""
    return f"reconciliation-run:{run_id}"


class LineClass(StrEnum):
    """Where a line of either side ends: in exactly one of these."""

    MATCHED = "matched"
    TIMING = "timing"  # expected on the other side: in flight, or where nobody has looked for it yet
    MISSING_AT_STRIPE = "missing_at_stripe"
    MISSING_AT_BANK = "missing_at_bank"
    UNKNOWN_TO_US = "unknown_to_us"
    AMOUNT_DIFFERS = "amount_differs"
    RECIPIENT_DIFFERS = "recipient_differs"  # the same thing, to another account or for another payout
    DUPLICATE = "duplicate"
    OTHER_AT_STRIPE = "other_at_stripe"  # of a category that this book does not keep: fees, adjustments


class Resolution(StrEnum):
    """How an exception came to its end. The first two are a later run's, the others a person's."""

    MATCHED_LATER = "matched_later"
    SUPERSEDED = "superseded"
    CORRECTED = "corrected"
    ACCEPTED = "accepted"
    NOT_OURS = "not_ours"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ReconciledSource(_Part):
    """Something that was read. `sha256` is over its lines in a normal form, in a normal order; `left_out` are lines in other
    currencies, where only one was asked for. It tells of everything from `seen_since` to `seen_until`; None if of nothing, and in
    what was recorded before this was kept.
    """

    kind: SourceKind
    sha256: str
    lines: int
    left_out: int = 0
    seen_since: datetime | None = None
    seen_until: datetime | None = None


class ClassTotal(_Part):
    """What the lines of one class, and at Stripe of one category, come to on each side."""

    line_class: LineClass
    category: str
    lines: int
    book_minor: SignedMinorUnits
    stripe_minor: SignedMinorUnits

    @property
    def difference_minor(self) -> int:
        return self.book_minor - self.stripe_minor


class Comparison(_Part):
    """One book against Stripe. The classes explain the difference of the totals; `remainder_minor` is what they do not."""

    book: Book
    book_minor: SignedMinorUnits
    stripe_minor: SignedMinorUnits
    classes: tuple[ClassTotal, ...]
    remainder_minor: SignedMinorUnits

    @property
    def difference_minor(self) -> int:
        return self.book_minor - self.stripe_minor


class ReconciliationCompleted(Event):
    """Stripe's activity in [since, until) was compared with the log up to a position, and with the bank if it was given.

    The lines are beside the log, under `run_id`; `result_sha256` is over them.
    """

    run_id: str
    currency: Currency
    sources: tuple[ReconciledSource, ...]
    since: datetime
    until: datetime
    compared_position: int
    comparisons: tuple[Comparison, ...]
    lines: int
    result_sha256: str

    def tags(self) -> tuple[str, ...]:
        return (RECONCILIATION_TAG, run_tag(self.run_id))


class ReconciliationExceptionOpened(Event):
    """A line that a person has to look at; opened again if it was resolved by a run and a later one finds it anew.

    `candidates` are lines of the other side, nearest in time first, of which one or none is the same thing: only a person can
    tell. There are `candidates_in_all` of them. Events of before this was kept have none.
    """

    exception_id: str
    run_id: str
    book: Book
    line_class: LineClass
    category: str
    currency: Currency
    book_line_id: str | None
    book_minor: SignedMinorUnits | None
    stripe_line_id: str | None
    stripe_source_id: str | None
    stripe_minor: SignedMinorUnits | None
    payout_id: str | None
    happened_at: datetime
    candidates: tuple[str, ...] = ()
    candidates_in_all: int = 0

    def tags(self) -> tuple[str, ...]:
        return (RECONCILIATION_TAG, exception_tag(self.exception_id))


class ReconciliationExceptionAssigned(Event):
    exception_id: str
    owner: Owner

    def tags(self) -> tuple[str, ...]:
        return (RECONCILIATION_TAG, exception_tag(self.exception_id))


class ReconciliationExceptionNoted(Event):
    exception_id: str
    note: StaffNote

    def tags(self) -> tuple[str, ...]:
        return (RECONCILIATION_TAG, exception_tag(self.exception_id))


class ReconciliationExceptionResolved(Event):
    """`run_id`: the run that found it resolved; None if a person said so."""

    exception_id: str
    resolution: Resolution
    note: StaffNote
    run_id: str | None = None

    def tags(self) -> tuple[str, ...]:
        return (RECONCILIATION_TAG, exception_tag(self.exception_id))
