"""Parquet, written front to back: nothing but the row group at hand is in memory, and the file may be a pipe."""

import io
from collections.abc import Iterator, Sequence
from itertools import chain

from api.export.table import Row, Table, in_pages

__all__ = ["as_parquet"]

ROW_GROUP_SIZE = 20_000


class _Outgoing(io.RawIOBase):
    """A file that is only ever written on, and emptied again and again."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._written

    def write(self, part: bytes) -> int:  # type: ignore[override]  # narrower than any buffer: pyarrow writes bytes
        self._parts.append(bytes(part))
        self._written += len(part)
        return len(part)

    def taken(self) -> bytes:
        """What was written since it was last asked."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


def as_parquet(table: Table) -> Iterator[bytes]:
    """Integers as int64, times as UTC timestamps in microseconds, everything else as text."""
    import pyarrow as pa  # noqa: PLC0415 - a quarter of a second that no other export needs
    from pyarrow import parquet  # noqa: PLC0415

    kinds = {"text": pa.string(), "integer": pa.int64(), "time": pa.timestamp("us", tz="UTC")}
    schema = pa.schema([(column.name, kinds[column.kind]) for column in table.columns])
    outgoing = _Outgoing()
    with parquet.ParquetWriter(outgoing, schema, compression="zstd") as writer:
        for group in in_pages(chain.from_iterable(table.pages), ROW_GROUP_SIZE):
            writer.write_table(pa.table(_arrays(group), schema=schema))
            yield outgoing.taken()
    yield outgoing.taken()


def _arrays(rows: Sequence[Row]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
