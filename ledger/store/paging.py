"""Reads the log a page at a time: whoever reads a million events holds one page of them, and no transaction open."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import psycopg
from eventsourcing.dcb.api import DCBQuery
from psycopg.sql import Composable

from ledger.store.envelope import EventEnvelope, RecordedEvent
from ledger.store.log_recorder import RecordedEvents
from ledger.store.matching import selective_items

__all__ = ["END", "Page", "PagedEvents", "fetch_last", "fetch_page", "page_of_all"]

END = 2**63 - 1
"""Later than every position."""

_SQL = Path(__file__).parent / "sql"
_PAGE_OF_ALL = (_SQL / "read_all.sql").read_bytes()
_PAGE_OF_MATCHING = (_SQL / "read_matching.sql").read_bytes()
_LAST_OF_ALL = (_SQL / "read_last_all.sql").read_bytes()
_LAST_OF_MATCHING = (_SQL / "read_last_matching.sql").read_bytes()


@dataclass(frozen=True)
class Page:
    """Some events in a row, and the newest position of the log in the same snapshot (0 while it is empty)."""

    events: Sequence[RecordedEvent]
    head: int


def page_of_all(only: Composable) -> bytes:
    """The statement that reads, of all events, those whose row in `ledger.event` fulfils a condition."""
    return _PAGE_OF_ALL.replace(b"{only}", only.as_bytes())


def fetch_page(
    connection: psycopg.Connection,
    query: DCBQuery | None,
    *,
    after: int,
    until: int = END,
    page_size: int,
    of_all: bytes,
) -> Page:
    """The first `page_size` events that match, of those after one position and up to another.

    `of_all`: the statement for a query without items, see `page_of_all`. Raises psycopg.Error.
    """
    parameters: dict[str, Any] = {"after": after, "until": until, "page_size": page_size}
    items = _items(query)
    if items is None:
        cursor = connection.execute(of_all, parameters, prepare=True, binary=True)
    else:
        cursor = connection.execute(_PAGE_OF_MATCHING, {**parameters, "items": items}, prepare=True, binary=True)
    rows = cursor.fetchall()
    return Page(events=[_recorded(row[1:]) for row in rows if row[1] is not None], head=rows[0][0])


def fetch_last(connection: psycopg.Connection, query: DCBQuery | None) -> RecordedEvent | None:
    """The newest event that matches. Raises psycopg.Error."""
    items = _items(query)
    if items is None:
        row = connection.execute(_LAST_OF_ALL, prepare=True, binary=True).fetchone()
    else:
        row = connection.execute(_LAST_OF_MATCHING, {"items": items}, prepare=True, binary=True).fetchone()
    return None if row is None else _recorded(row)


class PagedEvents(RecordedEvents):
    """Fetches the first page at once, and each further one when it is needed.

    Without a limit everything comes from the log as it was at the first page, or up to `until`, so `head` is known from the
    beginning. With one, `head` is the last position fetched. `fetch` takes the position to read after, the last one to read, and
    the page's size.
    """

    def __init__(
        self,
        fetch: Callable[[int, int, int], Page],
        *,
        after: int,
        until: int | None,
        limit: int | None,
        page_size: int,
    ) -> None:
        self._fetch = fetch
        self._page_size = page_size
        self._after = after
        self._until = END if until is None else until
        self._limit = limit
        self._fetched = 0
        self._head: int | None = None
        self._page: Iterator[RecordedEvent] = iter(())
        self._is_last_page = limit == 0
        if not self._is_last_page:
            self._turn_page()

    @property
    def head(self) -> int | None:
        return self._head

    def __next__(self) -> RecordedEvent:
        for event in self:
            return event
        raise StopIteration

    def __iter__(self) -> Iterator[RecordedEvent]:
        """Goes on where the last one stopped, also after an error. Of a whole page, an event costs no line of Python."""
        yield from self._page
        while not self._is_last_page:
            self._turn_page()
            yield from self._page

    def _turn_page(self) -> None:
        size = self._page_size if self._limit is None else min(self._page_size, self._limit - self._fetched)
        page = self._fetch(self._after, self._until, size)
        self._until = min(self._until, page.head)
        self._fetched += len(page.events)
        self._is_last_page = len(page.events) < size or self._fetched == self._limit
        self._page = iter(page.events)
        if page.events:
            self._after = page.events[-1].position
        if self._limit is None:
            self._head = self._until or None
        elif page.events:
            self._head = self._after


def _items(query: DCBQuery | None) -> str | None:
    """The items as JSON; None if every event matches."""
    items = selective_items(query)
    return orjson.dumps(items).decode() if items else None


def _recorded(row: Sequence[Any]) -> RecordedEvent:
    position, event_type, data, *others = row
    return RecordedEvent(event=EventEnvelope(event_type, data.encode(), *others), position=position)
