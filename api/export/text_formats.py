"""CSV (RFC 4180, in UTF-8) and NDJSON: a header and lines, or an object a line."""

import csv
import io
from collections.abc import Iterator
from datetime import datetime

import orjson

from api.csv_cells import neutralised
from api.export.table import Cell, Table, timestamp

__all__ = ["as_csv", "as_ndjson"]


def as_csv(table: Table) -> Iterator[bytes]:
    """What is absent is an empty cell; what a spreadsheet would run as a formula has an apostrophe before it."""
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow(column.name for column in table.columns)
    for page in table.pages:
        writer.writerows([_cell(value) for value in row] for row in page)
        yield written.getvalue().encode()
        written.seek(0)
        written.truncate()
    yield written.getvalue().encode()


def as_ndjson(table: Table) -> Iterator[bytes]:
    """What is absent is null."""
    names = [column.name for column in table.columns]
    for page in table.pages:
        lines = [dict(zip(names, map(_json, row), strict=True)) for row in page]
        yield b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)


def _cell(value: Cell) -> str:
    match value:
        case None:
            return ""
        case int():
            return str(value)
        case datetime():
            return timestamp(value)
        case _:
            return neutralised(value)


def _json(value: Cell) -> str | int | None:
    return timestamp(value) if isinstance(value, datetime) else value
