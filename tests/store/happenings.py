"""Short ways to say events, queries and conditions, and to wait for something."""

import time
from collections.abc import Callable, Iterable

import psycopg
from eventsourcing.dcb.api import DCBAppendCondition, DCBQuery, DCBQueryItem, DCBSequencedEvent

from ledger.store import EventEnvelope


def event(*tags: str, type: str = "Happened", data: bytes = b"{}") -> EventEnvelope:  # noqa: A002
    return EventEnvelope(type=type, data=data, tags=list(tags))


def tagged(*tags: str, types: Iterable[str] = ()) -> DCBQuery:
    """Events that carry all of the tags, and have one of the types."""
    return DCBQuery([DCBQueryItem(types=list(types), tags=list(tags))])


def unless(*tags: str, types: Iterable[str] = (), after: int = 0) -> DCBAppendCondition:
    return DCBAppendCondition(tagged(*tags, types=types), after=after)


def positions(events: Iterable[DCBSequencedEvent]) -> list[int]:
    return [each.position for each in events]


def wait_until(condition: Callable[[], object], *, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.005)


def hold_the_log(connection: psycopg.Connection) -> None:
    """Take the log's lock in the connection's transaction: appends wait until it ends."""
    connection.execute("BEGIN")
    connection.execute("SELECT FROM ledger.log_head FOR UPDATE")


def waiting_for_the_log(connection: psycopg.Connection) -> int:
    """How many sessions of this database wait for a lock."""
    connection.execute("SELECT pg_stat_clear_snapshot()")  # which lasts as long as the transaction, otherwise
    row = connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    ).fetchone()
    assert row is not None
    return int(row[0])
