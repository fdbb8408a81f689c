"""Which exports there are, and how one is opened: a stretch of the log goes in, bytes come out.

ExportError   there is no such export, or it cannot be written in that format
SpanError     see `span`
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from api.export import accounting, events, journal, payouts
from api.export.parquet import as_parquet
from api.export.span import Span, span_of
from api.export.table import Progress, Table
from api.export.text_formats import as_csv, as_ndjson
from api.services import Services

__all__ = ["EXPORTS", "FORMATS", "Export", "ExportError", "Format", "open_export"]

Chunks = Iterator[bytes]
Write = Callable[[Services, Span, Progress], Chunks]


class ExportError(Exception):
    """The message says what there is instead."""


@dataclass(frozen=True, slots=True)
class Format:
    """How a file of this kind is announced and named; `is_text`: whether it may go to a terminal."""

    media_type: str
    suffix: str
    is_text: bool = True


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "csv": Format("text/csv; charset=utf-8", ".csv"),
        "ndjson": Format("application/x-ndjson", ".ndjson"),
        "parquet": Format("application/vnd.apache.parquet", ".parquet", is_text=False),
        "beancount": Format("text/plain; charset=utf-8", ".beancount"),
        "journal-csv": Format("text/csv; charset=utf-8", ".import.csv"),
    }
)


def _tabular(table: Callable[[Services, Span, Progress], Table]) -> dict[str, Write]:
    return {
        "csv": lambda services, span, progress: as_csv(table(services, span, progress)),
        "ndjson": lambda services, span, progress: as_ndjson(table(services, span, progress)),
        "parquet": lambda services, span, progress: as_parquet(table(services, span, progress)),
    }


EXPORTS: Mapping[str, Mapping[str, Write]] = MappingProxyType(
    {
        "events": {
            **_tabular(lambda services, span, progress: events.as_table(services.log.recorder, span, progress)),
            "ndjson": lambda services, span, progress: events.as_canonical_json(services.log.recorder, span, progress),
        },
        "journal": {
            **_tabular(lambda services, span, progress: journal.as_table(services.journal_stretch, span, progress)),
            "beancount": lambda services, span, progress: accounting.as_beancount(
                services.journal_stretch, span, progress
            ),
            "journal-csv": lambda services, span, progress: accounting.as_journal_csv(
                services.journal_stretch, span, progress
            ),
        },
        "payouts": _tabular(lambda services, span, progress: payouts.as_table(services.log.recorder, span, progress)),
    }
)
"""What is exported, and for each of its formats what writes it."""


@dataclass(frozen=True, slots=True)
class Export:
    """Nothing but the ends of the stretch was read so far."""

    what: str
    format: Format
    span: Span
    _write: Callable[[Span, Progress], Chunks]

    @property
    def file_name(self) -> str:
        return f"{self.what}-{self.span}{self.format.suffix}"

    def chunks(self, progress: Progress = lambda _: None) -> Chunks:
        """The file from its first byte to its last, page by page; `progress` gets each position reached."""
        return self._write(self.span, progress)


def open_export(services: Services, what: str, written_as: str, begin: str | None, end: str | None) -> Export:
    """Raises ExportError and SpanError, and the recorder's errors while the database is away."""
    formats = EXPORTS.get(what)
    if formats is None:
        raise ExportError(f"{', '.join(EXPORTS)} can be exported; not {what!r}")
    write = formats.get(written_as)
    if write is None:
        raise ExportError(f"{what} are written as {', '.join(formats)}; not as {written_as!r}")
    head = services.read_models.position() if what == "journal" else services.log.recorder.head()
    span = span_of(services.log.recorder, begin, end, head)
    return Export(what, FORMATS[written_as], span, lambda span, progress: write(services, span, progress))
