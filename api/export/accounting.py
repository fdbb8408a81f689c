"""The journal for accounting programs: Beancount, and a flat double-entry journal in CSV. Amounts in the currency's own units.

Entries are dated as `accounts.posted_on` says, and numbered by their position in the log.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import groupby

from api.csv_cells import neutralised
from api.export import journal
from api.export.accounts import BEANCOUNT, CODES, beancount_account, posted_on
from api.export.span import Span
from api.export.table import Progress, timestamp
from ledger.books.accounts import CHART, Account
from ledger.major_units import in_major_units
from projections.journal_stretch import ExportedLine, JournalStretch

__all__ = ["IMPORT_COLUMNS", "as_beancount", "as_journal_csv"]

OPENED_ON = date(1970, 1, 1)  # before everything: directives may come in any order, and dates of entries do

IMPORT_COLUMNS = (
    "Date",
    "Entry number",
    "Account code",
    "Account name",
    "Description",
    "Debit",
    "Credit",
    "Currency",
    "Name",
)


def as_beancount(lines: JournalStretch, span: Span, progress: Progress) -> Iterator[bytes]:
    """A ledger of its own: each account is opened, those of instructors just before they are first used."""
    yield "".join(
        (
            f'option "title" "Payout ledger, positions {span}"\n\n',
            *(f"{OPENED_ON} open {BEANCOUNT[each]}\n" for each in Account if not CHART[each].per_instructor),
        )
    ).encode()
    for entry in _entries(journal.pages(lines, span, progress, with_openings=True)):
        yield _transaction(entry).encode()


def as_journal_csv(lines: JournalStretch, span: Span, progress: Progress) -> Iterator[bytes]:
    """A row for each line, debit or credit filled in, as manual journals are imported."""
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow(IMPORT_COLUMNS)
    for page in journal.pages(lines, span, progress):
        writer.writerows(_import_row(line) for line in page)
        yield written.getvalue().encode()
        written.seek(0)
        written.truncate()
    yield written.getvalue().encode()


def _entries(pages: Iterator[Sequence[ExportedLine]]) -> Iterator[list[ExportedLine]]:
    lines = (line for page in pages for line in page)
    for _, entry in groupby(lines, key=lambda line: line.position):
        yield list(entry)


def _transaction(entry: Sequence[ExportedLine]) -> str:
    first = entry[0]
    opened = "".join(
        f"\n{OPENED_ON} open {beancount_account(line.account, line.instructor_id)}\n" for line in entry if line.opens
    )
    postings = "".join(
        f"  {beancount_account(line.account, line.instructor_id)}"
        f"  {in_major_units(line.amount_minor, line.currency)} {line.currency.upper()}\n"
        for line in entry
    )
    return (
        f"{opened}\n"
        f'{posted_on(first)} * "{first.event_type}"\n'
        f"  position: {first.position}\n"
        f'  payout: "{first.payout_id}"\n'
        f'  event: "{first.event_id}"\n'
        f'  occurred: "{timestamp(first.occurred_at)}"\n'
        f'  recorded: "{timestamp(first.recorded_at)}"\n'
        f"{postings}"
    )


def _import_row(line: ExportedLine) -> tuple[str, ...]:
    account = Account(line.account)
    amount = in_major_units(abs(line.amount_minor), line.currency)
    return (
        posted_on(line).isoformat(),
        str(line.position),
        CODES[account],
        CHART[account].name,
        neutralised(f"{line.event_type} {line.payout_id}"),
        amount if line.amount_minor > 0 else "",
        amount if line.amount_minor < 0 else "",
        line.currency.upper(),
        neutralised(line.instructor_id or ""),
    )
