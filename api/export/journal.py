"""The journal of a stretch of the log: its lines as a table, one a row."""

from collections.abc import Iterator

from api.export.span import Span
from api.export.table import Column, Progress, Row, Table, in_pages
from projections.journal_stretch import ExportedLine, JournalStretch

__all__ = ["as_table", "pages"]

COLUMNS = (
    Column("position", "integer"),
    Column("line", "integer"),
    Column("event_id"),
    Column("event_type"),
    Column("account"),
    Column("instructor_id"),
    Column("payout_id"),
    Column("amount_minor", "integer"),
    Column("currency"),
    Column("occurred_at", "time"),
    Column("recorded_at", "time"),
    Column("period"),
)


def as_table(journal: JournalStretch, span: Span, progress: Progress) -> Table:
    """Amounts in minor units, a debit positive, a credit negative: the lines of one position sum to zero."""
    return Table(COLUMNS, ([_row(line) for line in page] for page in pages(journal, span, progress)))


def pages(
    journal: JournalStretch, span: Span, progress: Progress, *, with_openings: bool = False
) -> Iterator[list[ExportedLine]]:
    for page in in_pages(journal.lines(span.after, span.until, with_openings=with_openings)):
        yield page
        progress(page[-1].position)
    progress(span.until)


def _row(line: ExportedLine) -> Row:
    return (
        line.position,
        line.line,
        str(line.event_id),
        line.event_type,
        line.account,
        line.instructor_id,
        line.payout_id,
        line.amount_minor,
        line.currency,
        line.occurred_at,
        line.recorded_at,
        line.period,
    )
