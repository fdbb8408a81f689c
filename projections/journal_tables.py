"""What a batch posts, into the journal's tables: lines by COPY, daily sums added up. The tables are not qualified, see `tables`."""

from dataclasses import asdict

import orjson
from psycopg import Connection
from psycopg.rows import TupleRow

from ledger.named_queries import named_queries
from projections.copying import copy_in
from projections.journal_rows import JournalLine, JournalRows

__all__ = ["add"]

QUERIES = named_queries("projections", "journal_tables.sql")


def add(connection: Connection[TupleRow], journal: JournalRows) -> None:
    """Inside the batch's transaction."""
    if not journal.lines:
        return
    copy_in(connection, "journal_line", JournalLine._fields, journal.lines)
    days = [{**key._asdict(), **asdict(sums)} for key, sums in journal.days.items()]
    connection.execute(QUERIES["add_days"], [orjson.dumps(days).decode()])
