"""Who appends against whom: the ledger, one plain statement and commit of the same rows, and the library's own recorder.

Every append is one event with three tags, and nobody's rows are fewer. The plain tables are copies of the ledger's, with
the same indexes. The ledger and the library's recorder append under a condition, as decisions do; the plain statement has none.
"""

from collections.abc import Callable
from contextlib import ExitStack, closing
from uuid import uuid4

import psycopg
from eventsourcing.dcb.api import DCBAppendCondition, DCBQuery, DCBQueryItem, DCBRecorder
from eventsourcing.dcb.postgres_tt import PostgresDCBRecorderTT
from eventsourcing.postgres import PostgresDatastore
from psycopg.conninfo import conninfo_to_dict

from benchmarks.contenders import Call, Contender
from benchmarks.database import settle
from ledger.store import EventEnvelope, PostgresRecorder

__all__ = ["an_event", "an_event_of_one_stream", "fill", "ledger", "plain", "stock"]

DATA = b'{"payout_id": "po_2Q", "attempt": 1, "transfer_id": "tr_1Nq", "amount_minor": 7500, "currency": "usd"}'
FILL_BATCH = 1_000

PLAIN_TABLES = """
CREATE SCHEMA plain;
CREATE SEQUENCE plain.position;
CREATE TABLE plain.event (LIKE ledger.event INCLUDING ALL);
CREATE TABLE plain.event_tag (LIKE ledger.event_tag INCLUDING ALL);
ALTER TABLE plain.event ALTER COLUMN position SET DEFAULT nextval('plain.position');
INSERT INTO plain.event SELECT * FROM ledger.event ORDER BY position;
INSERT INTO plain.event_tag SELECT * FROM ledger.event_tag ORDER BY position, tag;
SELECT setval('plain.position', (SELECT coalesce(max(position), 0) + 1 FROM plain.event));
"""
PLAIN_INSERT = """
WITH recorded AS (
    INSERT INTO plain.event
        (event_id, type, schema_version, tags, data, occurred_at, recorded_at, actor, causation_id, correlation_id)
    VALUES (%s, %s, %s, %s, %s, now(), now(), %s, %s, %s)
    RETURNING position, type, tags
),
tagged AS (
    INSERT INTO plain.event_tag (tag, position, type)
    SELECT tag, position, type FROM recorded CROSS JOIN unnest(tags) AS tag
)
SELECT position FROM recorded
"""


def an_event() -> EventEnvelope:
    payout = uuid4().hex
    return EventEnvelope(
        "TransferSettled", DATA, [f"payout:{payout}", f"referral:{payout}", f"instructor:{payout[:2]}"]
    )


def an_event_of_one_stream() -> EventEnvelope:
    """What stores of streams know of an event: one thing that it is about."""
    return EventEnvelope("TransferSettled", DATA, [f"payout:{uuid4().hex}"])


def fill(
    database_url: str, stored: int, *, for_stock: bool = True, make: Callable[[], EventEnvelope] = an_event
) -> None:
    """So many events, the same for all."""
    with ExitStack() as stack:
        recorders: list[DCBRecorder] = [stack.enter_context(closing(PostgresRecorder(database_url)))]
        if for_stock:
            recorders.append(_stock_recorder(database_url, 1, stack))
        for first in range(0, stored, FILL_BATCH):
            events = [make() for _ in range(min(FILL_BATCH, stored - first))]
            for recorder in recorders:
                recorder.append(events)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(PLAIN_TABLES)
    settle(database_url)


def plain(database_url: str, callers: int, stack: ExitStack, name: str = "plain") -> Contender:
    """A connection for each thread, and one prepared statement that writes the event and its tags."""

    def append_on(connection: psycopg.Connection) -> Call:
        def append() -> object:
            event = an_event()
            values = (event.event_id, event.type, event.schema_version, event.tags, event.data.decode())
            return connection.execute(PLAIN_INSERT, (*values, event.actor, None, None), prepare=True).fetchone()

        return append

    connections = [stack.enter_context(psycopg.connect(database_url, autocommit=True)) for _ in range(callers)]
    return Contender(name, [append_on(connection) for connection in connections])


def ledger(
    database_url: str,
    callers: int,
    stack: ExitStack,
    name: str = "ledger",
    make: Callable[[], EventEnvelope] = an_event,
) -> Contender:
    recorder = stack.enter_context(closing(PostgresRecorder(database_url)))
    return Contender(name, [_deciding(recorder, make) for _ in range(callers)])


def stock(database_url: str, callers: int, stack: ExitStack, name: str = "stock") -> Contender:
    """A connection for each thread."""
    recorder = _stock_recorder(database_url, callers, stack)
    return Contender(name, [_deciding(recorder) for _ in range(callers)])


def _stock_recorder(database_url: str, connections: int, stack: ExitStack) -> PostgresDCBRecorderTT:
    parts = conninfo_to_dict(database_url)
    datastore = PostgresDatastore(
        dbname=str(parts["dbname"]),
        host=str(parts.get("host", "")),
        port=parts.get("port", 5432) or 5432,
        user=str(parts.get("user", "")),
        password=str(parts.get("password", "")),
        pool_size=connections,
    )
    stack.enter_context(closing(datastore))
    PostgresDCBRecorderTT(datastore).create_table()
    return PostgresDCBRecorderTT(datastore)  # knows its composite types only if they are there before it


def _deciding(recorder: DCBRecorder, make: Callable[[], EventEnvelope] = an_event) -> Call:
    """Like a decision: on the condition that nothing was recorded about its payout since it last read."""
    last_read = 0

    def append() -> object:
        nonlocal last_read
        event = make()
        boundary = DCBQuery([DCBQueryItem(types=[event.type], tags=[event.tags[0]])])
        last_read = recorder.append([event], DCBAppendCondition(boundary, after=last_read))
        return last_read

    return append
