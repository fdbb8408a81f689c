"""What a comparison comes to: rows to keep, totals by class, and what is left unexplained."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from ledger.events import Book, ClassTotal, Comparison, LineClass
from ledger.reconciliation.candidates import Named
from ledger.reconciliation.digests import derived_id
from ledger.reconciliation.line import Line
from ledger.reconciliation.matching import Classified, Compared
from ledger.reconciliation.scope import Scope

FEES = "fees_on_lines"
NULL = r"\N"
EXCEPTIONAL = frozenset(
    {
        LineClass.MISSING_AT_STRIPE,
        LineClass.MISSING_AT_BANK,
        LineClass.UNKNOWN_TO_US,
        LineClass.AMOUNT_DIFFERS,
        LineClass.RECIPIENT_DIFFERS,
        LineClass.DUPLICATE,
    }
)
_ESCAPED = str.maketrans({"\\": r"\\", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v"})
_SPECIAL = re.compile(r"[\\\b\f\n\r\t\v]")
_ORDER = {line_class: place for place, line_class in enumerate(LineClass)}


class Row(NamedTuple):
    """A classified line, or two that belong together, as a run keeps it. Columns of `ledger.reconciliation_line`."""

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


def totals(book: Book, compared: Compared, book_lines: Iterable[Line], stripe_lines: Iterable[Line]) -> Comparison:
    """The totals of both sides are summed over what was read, not over what was classified: a line that got lost, one that
    counts twice, or a fee that does not add up to Stripe's net is left as the remainder.
    """
    stripe_in = list(stripe_lines)
    book_minor = _sum(book_lines) - _sum(compared.left_out_of_book)
    stripe_minor = sum(line.net_minor for line in stripe_in)
    stripe_minor -= sum(line.net_minor for line in compared.left_out_of_stripe)
    groups: dict[tuple[LineClass, str], list[Classified]] = defaultdict(list)
    for each in compared.classified:
        groups[each.line_class, each.category].append(each)
    classes = [
        ClassTotal(
            line_class=line_class,
            category=category,
            lines=sum((each.book is not None) + (each.stripe is not None) for each in found),
            book_minor=_sum(each.book for each in found),
            stripe_minor=_sum(each.stripe for each in found),
        )
        for (line_class, category), found in groups.items()
    ]
    fees_minor = sum(line.fee_minor for line in stripe_in) - sum(line.fee_minor for line in compared.left_out_of_stripe)
    if fees_minor:
        classes.append(
            ClassTotal(
                line_class=LineClass.OTHER_AT_STRIPE, category=FEES, lines=0, book_minor=0, stripe_minor=-fees_minor
            )
        )
    explained_minor = sum(each.difference_minor for each in classes)
    return Comparison(
        book=book,
        book_minor=book_minor,
        stripe_minor=stripe_minor,
        classes=tuple(sorted(classes, key=lambda each: (_ORDER[each.line_class], each.category))),
        remainder_minor=book_minor - stripe_minor - explained_minor,
    )


class Rows(NamedTuple):
    """All lines of a run, and the candidates of those that have any, by the exception's id."""

    rows: list[Row]
    candidates: dict[str, Named]


def rows_of(compared: Sequence[tuple[Book, Compared]]) -> Rows:
    """Numbered from 1: by book, then class, then time. The same comparison gives the same rows."""
    rows: list[Row] = []
    candidates: dict[str, Named] = {}
    for book, found in compared:
        repeated: Counter[str] = Counter()
        for each in sorted(found.classified, key=_place):
            row = _row(len(rows) + 1, book, each, repeated)
            rows.append(row)
            if row.exception_id is not None and each.candidates.in_all:
                candidates[row.exception_id] = each.candidates
    return Rows(rows, candidates)


def unseen(compared: Compared, scope: Scope, *, is_over: bool) -> int:
    """How many lines are `timing` only because the data does not reach far enough: as far as a range that `is_over`, or to
    the counterparts of those beyond it that may belong to these.
    """
    waiting = [each for each in compared.classified if each.line_class == LineClass.TIMING]
    return sum(bool(each.candidates.in_all) or (is_over and _is_unseen(each, scope)) for each in waiting)


def _is_unseen(each: Classified, scope: Scope) -> bool:
    """Of a line that has none on the other side."""
    if each.book is None:
        return each.stripe is not None and scope.is_unseen(each.stripe, scope.book)
    return each.stripe is None and scope.is_unseen(each.book, scope.stripe)


def cells_of(rows: Iterable[Row]) -> list[str]:
    """Rows without their run's id, as PostgreSQL's COPY writes and reads them in UTC."""
    return [_cells(row) for row in rows]


def as_copied(run_id: str, cells: Iterable[str]) -> list[str]:
    """Whole rows of the table, so that anybody can check the digest over them with psql."""
    return [f"{run_id}\t{each}" for each in cells]


def _cells(row: Row) -> str:
    """Column by column: a run has some million cells, and asking each of them what it is took half as long again."""
    about = f"{row.number}\t{row.book}\t{row.line_class}\t{_text(row.category)}\t{_text(row.matched_by)}"
    ours = f"{_text(row.book_line_id)}\t{_moment(row.book_at)}\t{_number(row.book_minor)}"
    theirs = f"{_text(row.stripe_line_id)}\t{_text(row.stripe_source_id)}\t{_moment(row.stripe_at)}\t{_number(row.stripe_minor)}"
    return f"{about}\t{ours}\t{theirs}\t{_text(row.payout_id)}\t{_text(row.exception_id)}\n"


def _text(value: str | None) -> str:
    if value is None:
        return NULL
    return value.translate(_ESCAPED) if _SPECIAL.search(value) else value


def _number(value: int | None) -> int | str:
    return NULL if value is None else value


def _moment(at: datetime | None) -> str:
    """As PostgreSQL shows a `timestamptz` in UTC. Every moment here is in UTC."""
    if at is None:
        return NULL
    shown = at.isoformat(" ")
    return f"{shown[:-6].rstrip('0')}+00" if at.microsecond else shown[:-3]


def _row(number: int, book: Book, each: Classified, repeated: Counter[str]) -> Row:
    ours, theirs = each.book, each.stripe
    exception_id = None
    if each.line_class in EXCEPTIONAL:
        named = (book, each.line_class, ours.id if ours else None, theirs.id if theirs else None)
        exception_id = derived_id("exc", *named)
        repeated[exception_id] += 1
        if repeated[exception_id] > 1:
            exception_id = derived_id("exc", *named, repeated[exception_id])
    book_id, book_at, book_minor = (ours.id, ours.at, ours.amount_minor) if ours else (None, None, None)
    stripe_id, source_id = (theirs.id, theirs.source_id) if theirs else (None, None)
    stripe_at, stripe_minor = (theirs.at, theirs.amount_minor) if theirs else (None, None)
    payout_id = (ours.payout_id if ours else None) or (theirs.payout_id if theirs else None)
    return Row(
        number,
        book,
        each.line_class,
        each.category,
        each.matched_by,
        book_id,
        book_at,
        book_minor,
        stripe_id,
        source_id,
        stripe_at,
        stripe_minor,
        payout_id,
        exception_id,
    )


def _place(each: Classified) -> tuple[object, ...]:
    line = each.book or each.stripe
    stripe_id = each.stripe.id if each.stripe else ""
    return (_ORDER[each.line_class], line.at if line else None, line.id if line else "", stripe_id)


def _sum(lines: Iterable[Line | None]) -> int:
    return sum(line.amount_minor for line in lines if line is not None)
