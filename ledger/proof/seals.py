"""The seals in PostgreSQL: the tiles of the tree, and the signed checkpoints."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from time import monotonic, sleep
from typing import Any

import psycopg
from psycopg.rows import class_row
from psycopg_pool import ConnectionPool

from ledger.named_queries import named_queries
from ledger.proof.merkle import consistency_path, inclusion_path
from ledger.proof.tiles import nodes_in

__all__ = ["Seal", "Seals", "seal_in_database", "sealing_alone"]

QUERIES = named_queries("ledger.proof", "seals.sql")
PAGE_SIZE = 1000
POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Seal:
    """A checkpoint as the database holds it: positions 1 to `size` have this root; `note` is signed."""

    size: int
    root: bytes
    note: str
    sealed_at: datetime


class Seals:
    """Reads them. Every method raises psycopg.Error."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def newest(self) -> Seal | None:
        return self._one("newest", {})

    def at_size(self, size: int) -> Seal | None:
        return self._one("at_size", {"size": size})

    def first_covering(self, position: int) -> Seal | None:
        """The oldest one that covers a position; for position 1 the oldest of all. Never another one later."""
        return self._one("first_covering", {"position": position})

    def wait_for(self, position: int, patience_seconds: float) -> Seal | None:
        """The same, once somebody who seals has come so far; None where nobody seals, or it takes longer than that."""
        deadline = monotonic() + patience_seconds
        while (seal := self.first_covering(position)) is None and monotonic() < deadline and self.newest() is not None:
            sleep(POLL_SECONDS)
        return seal

    def after(self, size: int) -> Iterator[Seal]:
        """Those that cover more than `size` events, the oldest first, in constant memory."""
        while page := self._page("after", {"size": size, "limit": PAGE_SIZE}):
            yield from page
            size = page[-1].size

    def is_beginning_of_one(self, beginning: str) -> bool:
        """Whether it is the beginning of one of the notes, of which the rest is missing."""
        with self._pool.connection() as connection:
            row = connection.execute(QUERIES["torn_off"], {"beginning": beginning}).fetchone()
        return row is not None and bool(row[0])

    def tile(self, level: int, tile_index: int) -> bytes | None:
        """The hashes of a tile, as many as it has."""
        with self._pool.connection() as connection:
            parameters = {"level": level, "tile_index": tile_index}
            row = connection.execute(QUERIES["tile"], parameters, binary=True).fetchone()
        return None if row is None else row[0]

    def tiles(self, level: int, first: int, last: int) -> dict[int, bytes]:
        """The tiles of a level with these indexes, as far as there are any."""
        with self._pool.connection() as connection:
            parameters = {"level": level, "first": first, "last": last}
            return dict(connection.execute(QUERIES["tiles"], parameters, binary=True).fetchall())

    def inclusion_path(self, position: int, size: int) -> list[bytes]:
        """What proves that the event at `position` is in the tree of `size` events. Raises TileMissingError."""
        return inclusion_path(nodes_in(self.tile), position - 1, size)

    def consistency_path(self, old_size: int, size: int) -> list[bytes]:
        """What proves that the tree of `old_size` events is the beginning of that of `size`. Raises TileMissingError."""
        return consistency_path(nodes_in(self.tile), old_size, size)

    def _one(self, query: str, parameters: Mapping[str, Any]) -> Seal | None:
        return next(iter(self._page(query, parameters)), None)

    def _page(self, query: str, parameters: Mapping[str, Any]) -> list[Seal]:
        with self._pool.connection() as connection, connection.cursor(row_factory=class_row(Seal)) as cursor:
            return cursor.execute(QUERIES[query], parameters).fetchall()


@contextmanager
def sealing_alone(connection: psycopg.Connection) -> Iterator[bool]:
    """Whether nobody else seals, and nobody will while the context is open and the connection lives."""
    row = connection.execute(QUERIES["claim"]).fetchone()
    is_ours = row is not None and bool(row[0])
    try:
        yield is_ours
    finally:
        if is_ours and not connection.closed:
            connection.execute(QUERIES["release"])


def seal_in_database(
    connection: psycopg.Connection, tiles: Mapping[tuple[int, int], bytes], size: int, root: bytes, note: str
) -> None:
    """Write tiles and checkpoint in one transaction. Returns once they are on the disk, and what they seal before them."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(QUERIES["commit_for_good"])
        cursor.executemany(
            QUERIES["put_tile"],
            [
                {"level": level, "tile_index": index, "hashes": hashes}
                for (level, index), hashes in sorted(tiles.items())
            ],
        )
        cursor.execute(QUERIES["put_checkpoint"], {"size": size, "root": root, "note": note})
