"""The twin's store: one SQLite database, on disk or in memory, used from one thread only."""

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
_NAMED_QUERY = re.compile(r"^-- name: (\w+)\n(.*?)(?=^-- name: |\Z)", re.MULTILINE | re.DOTALL)
_QUERIES = dict(_NAMED_QUERY.findall((_HERE / "queries.sql").read_text(encoding="utf-8")))
_SCHEMA = (_HERE / "schema.sql").read_text(encoding="utf-8")

Row = sqlite3.Row


class StoreInUseError(RuntimeError):
    """Another twin has this store open; two of them would break each other's idempotency."""

    def __init__(self, path: Path | str) -> None:
        super().__init__(f"another Stripe twin is using {path}")
        self.path = path


class Store:
    """Runs the named statements of queries.sql; every change happens inside `transaction()`."""

    def __init__(self, path: Path | str = ":memory:") -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=1.0)
        self._connection.row_factory = sqlite3.Row
        try:
            # Exclusive: a second twin on the same file is refused, and the lock dies with the process.
            self._connection.execute("pragma locking_mode = exclusive")
            self._connection.execute("pragma journal_mode = wal")
            # Without a sync per commit a commit still survives kill -9; only the machine's own crash could lose it.
            self._connection.execute("pragma synchronous = normal")
            self._connection.executescript(_SCHEMA)
        except sqlite3.OperationalError as error:
            self._connection.close()
            if "locked" in str(error):
                raise StoreInUseError(path) from error
            raise

    def run(self, query: str, /, **values: Any) -> int:
        """Execute a named statement; the number of rows it changed."""
        return self._connection.execute(_QUERIES[query], values).rowcount

    def one(self, query: str, /, **values: Any) -> Row | None:
        """The first row of a named query, or None."""
        row: Row | None = self._connection.execute(_QUERIES[query], values).fetchone()
        return row

    def all(self, query: str, /, **values: Any) -> list[Row]:
        """All rows of a named query."""
        return self._connection.execute(_QUERIES[query], values).fetchall()

    def body(self, table: str, identifier: str) -> str | None:
        """The stored JSON of one object."""
        row = self._connection.execute(f"select body from {table} where id = ?", (identifier,)).fetchone()  # noqa: S608
        return None if row is None else row["body"]

    def page(
        self, table: str, conditions: Sequence[str], values: Mapping[str, Any], *, ascending: bool, limit: int
    ) -> list[Row]:
        """Rows that meet all conditions, along `sequence`; table and conditions are constants of the code."""
        where = " and ".join(["true", *conditions])
        order = "asc" if ascending else "desc"
        query = f"select * from {table} where {where} order by sequence {order} limit {limit:d}"  # noqa: S608
        return self._connection.execute(query, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, also when the process dies in between; inside another transaction, a savepoint of it."""
        begin, commit, rollback = (
            ("savepoint inner", "release inner", "rollback to inner; release inner")
            if self._connection.in_transaction
            else ("begin immediate", "commit", "rollback")
        )
        self._connection.execute(begin)
        try:
            yield
        except BaseException:
            for statement in rollback.split("; "):
                self._connection.execute(statement)
            raise
        self._connection.execute(commit)

    def setting(self, name: str) -> str | None:
        """A remembered value, or None."""
        row = self.one("get_setting", name=name)
        return None if row is None else row["value"]

    def remember(self, name: str, value: str) -> None:
        """Keep a value under a name."""
        self.run("put_setting", name=name, value=value)

    def close(self) -> None:
        """Close the database; everything committed stays."""
        self._connection.close()
