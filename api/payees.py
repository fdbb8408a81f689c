"""Who was paid how much in a calendar year, for whoever files the forms: names and thresholds beside the journal's sums."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping

from pydantic import BaseModel, Field

from api.csv_cells import neutralised
from ledger.people import PeopleDirectory
from projections.journal import Journal
from projections.journal_views import PayeeView
from projections.views import Page

__all__ = ["COLUMNS", "Payee", "as_csv", "paid_in", "payees", "threshold_minor"]

PAGE = 1000


class Payee(BaseModel):
    """Settled less reversed, each in the year (UTC) in which that happened. `reportable`: the threshold is reached."""

    instructor_id: str
    display_name: str | None = Field(description="As far as we know it; it can be erased")
    year: int = Field(examples=[2026])
    currency: str = Field(examples=["usd"])
    settled_minor: int = Field(examples=[225000])
    reversed_minor: int = Field(examples=[7500])
    paid_minor: int = Field(examples=[217500])
    threshold_minor: int = Field(examples=[200000])
    reportable: bool


COLUMNS = tuple(Payee.model_fields)


def threshold_minor(thresholds: Mapping[int, int], year: int) -> int:
    """That of the year itself, else of the newest year before it that has one; before all of them, the oldest."""
    return thresholds[max((each for each in thresholds if each <= year), default=min(thresholds))]


def payees(
    found: Iterable[PayeeView], year: int, thresholds: Mapping[int, int], people: PeopleDirectory
) -> list[Payee]:
    paid = list(found)
    names = people.names_of([each.instructor_id for each in paid])
    threshold = threshold_minor(thresholds, year)
    return [
        Payee(
            **dict(each),
            display_name=names.get(each.instructor_id),
            year=year,
            threshold_minor=threshold,
            reportable=each.paid_minor >= threshold,
        )
        for each in paid
    ]


def paid_in(journal: Journal, year: int, page_size: int = PAGE) -> Iterator[Page[PayeeView]]:
    """All pages as of one moment, each read when it is asked for: a file of any length is written in the memory of one."""
    page = journal.payees(year, limit=page_size)
    yield page
    while page.next_after is not None:
        page = journal.payees(year, limit=page_size, offset=page.next_after, as_of=page.position)
        yield page


def as_csv(rows: Iterable[Payee]) -> Iterator[str]:
    """Lines of a CSV file, its header first. A name that a spreadsheet would run is made plain text."""
    yield _line(COLUMNS)
    for row in rows:
        yield _line(neutralised(_cell(value)) for value in dict(row).values())


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case _:
            return str(value)


def _line(cells: Iterable[str]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerow(cells)
    return written.getvalue()
