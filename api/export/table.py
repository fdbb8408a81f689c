"""A table on its way out: its columns, and its rows a page at a time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Literal, TypeVar

__all__ = ["PAGE_SIZE", "Cell", "Column", "Progress", "Row", "Table", "in_pages", "timestamp"]

PAGE_SIZE = 1_000

Kind = Literal["text", "integer", "time"]
Cell = str | int | datetime | None
Row = Sequence[Cell]
Progress = Callable[[int], None]
"""Told the position that was reached."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Column:
    """`time`: an instant, written in UTC. Amounts are integers in minor units, beside a column with their currency."""

    name: str
    kind: Kind = "text"


@dataclass(frozen=True, slots=True)
class Table:
    """The pages can be gone through once."""

    columns: Sequence[Column]
    pages: Iterator[Sequence[Row]]


def in_pages(rows: Iterable[T], size: int = PAGE_SIZE) -> Iterator[list[T]]:
    """The rows in lists of `size`; the last one is shorter, and none is empty."""
    remaining = iter(rows)
    while page := list(islice(remaining, size)):
        yield page


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC, always with six digits, as in the canonical JSON of an event."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
