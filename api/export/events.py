"""The log itself: each event in its envelope, as a table, or as the very bytes that its proof hashes."""

from collections.abc import Iterator

import orjson

from api.export.span import Span
from api.export.table import Column, Progress, Row, Table, in_pages
from ledger.proof.canonical import canonical_event
from ledger.store import LogRecorder, RecordedEvent

__all__ = ["as_canonical_json", "as_table"]

COLUMNS = (
    Column("position", "integer"),
    Column("event_id"),
    Column("type"),
    Column("schema_version", "integer"),
    Column("occurred_at", "time"),
    Column("recorded_at", "time"),
    Column("actor"),
    Column("causation_id"),
    Column("correlation_id"),
    Column("tags"),
    Column("data"),
)


def as_table(log: LogRecorder, span: Span, progress: Progress) -> Table:
    """Tags and data are JSON, as in the canonical form."""
    return Table(COLUMNS, ([_row(event) for event in page] for page in _pages(log, span, progress)))


def as_canonical_json(log: LogRecorder, span: Span, progress: Progress) -> Iterator[bytes]:
    """RFC 8785 of each envelope, one a line: what a leaf of the Merkle tree is the hash of. Raises NotCanonicalError."""
    for page in _pages(log, span, progress):
        yield b"".join(canonical_event(event) + b"\n" for event in page)


def _pages(log: LogRecorder, span: Span, progress: Progress) -> Iterator[list[RecordedEvent]]:
    for page in in_pages(span.read(log)):
        yield page
        progress(page[-1].position)


def _row(recorded: RecordedEvent) -> Row:
    event = recorded.event
    return (
        recorded.position,
        str(event.event_id),
        event.type,
        event.schema_version,
        event.occurred_at,
        event.recorded_at,
        event.actor,
        event.causation_id,
        event.correlation_id,
        orjson.dumps(event.tags).decode(),
        orjson.dumps(orjson.loads(event.data), option=orjson.OPT_SORT_KEYS).decode(),
    )
