"""Reads the rows of the log as they are, whatever was done to them, and hashes each as the sealer once did.

Reads the table itself and believes nothing else: neither the head of the log nor an index by tag.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any

import psycopg

from ledger.named_queries import named_queries
from ledger.proof.canonical import NotCanonicalError, canonical_row
from ledger.proof.merkle import HASH_BYTES, leaf_hash
from ledger.store.connection import ConnectionSettings, connect

__all__ = ["MISSING", "PAGE_SIZE", "Page", "differences_of_tag_index", "extent", "pages"]

QUERIES = named_queries("ledger.proof", "rehashing.sql")
PAGE_SIZE = 32 * 256
"""Positions a page; a multiple of a tile's width."""
WORTH_MORE_PROCESSES = 20 * PAGE_SIZE
PAGES_AHEAD = 2
"""For each process."""

_SETTINGS = ConnectionSettings(
    "ledger verify", statement_timeout_seconds=0, server_settings={"search_path": "pg_catalog"}
)

MISSING = b""
"""In place of a hash: there is no event at this position."""
UNREADABLE = b"\xff" * HASH_BYTES
"""There is one, of which no hash can be made."""


@dataclass(slots=True)
class Page:
    """The hashes of the events after position `after`, one for each position, and what is wrong with some of them."""

    after: int
    leaves: list[bytes]
    problems: dict[int, str] = field(default_factory=dict)


def extent(database_url: str) -> tuple[int, int, int]:
    """The head of the log as it says itself, and the positions of its first and last row; 0, 1 and 0 if there are none."""
    with connect(database_url, _SETTINGS) as connection:
        row = connection.execute(QUERIES["extent"]).fetchone()
    return (0, 1, 0) if row is None else (row[0], row[1], row[2])


def differences_of_tag_index(database_url: str) -> list[tuple[int, bool]]:
    """Positions whose events and index by tag do not agree, and whether it is the index that lacks a tag; the first ones."""
    with connect(database_url, _SETTINGS) as connection:
        return connection.execute(QUERIES["tag_index"]).fetchall()


def pages(database_url: str, until: int, processes: int) -> Iterator[Page]:
    """The whole log from position 1, page by page, hashed by so many processes if it is long. Raises psycopg.Error."""
    ranges = [(after, min(after + PAGE_SIZE, until)) for after in range(0, until, PAGE_SIZE)]
    if processes < 2 or until < WORTH_MORE_PROCESSES:
        with connect(database_url, _SETTINGS) as connection:
            for after, last in ranges:
                yield rehash(connection, after, last)
        return
    # Forking a process with threads and connections is not safe; a fresh interpreter is.
    with ProcessPoolExecutor(processes, get_context("spawn"), _connect, (database_url,)) as executor:
        ahead: deque[Future[Page]] = deque()
        for after, last in ranges:
            ahead.append(executor.submit(_rehash_here, after, last))
            if len(ahead) > PAGES_AHEAD * processes:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def rehash(connection: psycopg.Connection, after: int, last: int) -> Page:
    """The positions after one, up to another."""
    page = Page(after, [MISSING] * (last - after))
    try:
        rows = _rows(connection, after, last)
    except psycopg.DataError:  # something in one of them that no program of ours can have written
        for position in range(after + 1, last + 1):
            try:
                _add(page, _rows(connection, position - 1, position))
            except psycopg.DataError as error:
                page.problems[position] = f"cannot be read ({_first_line(error)})"
                page.leaves[position - after - 1] = UNREADABLE
    else:
        _add(page, rows)
    return page


def _rows(connection: psycopg.Connection, after: int, last: int) -> list[tuple[Any, ...]]:
    return connection.execute(QUERIES["rows"], {"after": after, "last": last}, prepare=True, binary=True).fetchall()


def _add(page: Page, rows: list[tuple[Any, ...]]) -> None:
    leaves, first = page.leaves, page.after + 1
    for row in rows:
        position = row[0]
        if leaves[position - first] is not MISSING:
            page.problems[position] = "is there twice"
        try:
            leaves[position - first] = leaf_hash(canonical_row(*row))
        except NotCanonicalError as error:
            page.problems[position] = error.why
            leaves[position - first] = UNREADABLE


_connection: list[psycopg.Connection] = []


def _connect(database_url: str) -> None:
    """In a process of the pool, before its first page."""
    _connection.append(connect(database_url, _SETTINGS))


def _rehash_here(after: int, last: int) -> Page:
    return rehash(_connection[0], after, last)


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0]
