"""What an append stores, what it refuses, and how long it waits."""

import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from uuid import uuid4

import orjson
import psycopg
import pytest
from eventsourcing.dcb.api import DCBEvent
from eventsourcing.persistence import ProgrammingError
from psycopg.sql import SQL, Identifier

from ledger.store import (
    AppendConflict,
    EventAlreadyRecorded,
    EventEnvelope,
    EventNotStorable,
    InMemoryRecorder,
    LogRecorder,
    PostgresRecorder,
    StoreBusy,
    StoreClosed,
    StoreUnavailable,
)
from ledger.store.connection import ConnectionSettings
from tests.store.happenings import event, hold_the_log, tagged, unless

NUL, LONE_SURROGATE = "\0", "\ud800"


@pytest.fixture(params=["postgresql", "memory"])
def log(request: pytest.FixtureRequest) -> LogRecorder:
    if request.param == "memory":
        return InMemoryRecorder()
    recorder = request.getfixturevalue("recorder")
    assert isinstance(recorder, PostgresRecorder)
    return recorder


def only_event(log: LogRecorder) -> EventEnvelope:
    assert log.head() == 1
    recorded = log.read_last()
    assert recorded is not None
    return recorded.event


def test_an_envelope_comes_back_as_it_went_in(log: LogRecorder) -> None:
    sent = EventEnvelope(
        type="TransferSettled",
        data=b'{"amount_minor": 7500, "nested": {"text": "\\u00e9 \\\\u0000"}}',
        tags=["payout:1", "payout:1", "referral:2"],
        schema_version=3,
        occurred_at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        actor="person:7",
        causation_id="cause",
        correlation_id="story",
    )
    assert log.append([sent]) == 1
    got = only_event(log)
    assert orjson.loads(got.data) == orjson.loads(sent.data)
    assert got.recorded_at is not None
    assert sent.recorded_at is None
    assert got == EventEnvelope(**{**vars(sent), "data": got.data, "recorded_at": got.recorded_at})


@pytest.mark.parametrize("offset", [timedelta(hours=-9, minutes=-30), timedelta(minutes=19, seconds=32)])
def test_it_happened_when_it_did_whatever_the_offset(log: LogRecorder, offset: timedelta) -> None:
    occurred_at = datetime(1930, 1, 2, 3, 4, 5, 678901, tzinfo=timezone(offset))
    log.append([EventEnvelope("Happened", b"{}", occurred_at=occurred_at)])
    assert only_event(log).occurred_at == occurred_at


def test_a_bare_event_gets_an_envelope(log: LogRecorder) -> None:
    log.append([DCBEvent("Happened", b"{}", ["tag"])])
    got = only_event(log)
    assert got.event_id.version == 7
    assert got.actor == "system"
    assert got.occurred_at == got.recorded_at is not None


def test_an_event_is_recorded_once(log: LogRecorder) -> None:
    first = event("a")
    log.append([first])
    with pytest.raises(EventAlreadyRecorded, match=str(first.event_id)):
        log.append([event("b"), first])
    with pytest.raises(EventAlreadyRecorded):
        log.append([twice := event("c"), twice])
    assert log.head() == 1


def test_a_conflict_carries_its_condition(log: LogRecorder) -> None:
    log.append([event("a")])
    condition = unless("a")
    with pytest.raises(AppendConflict) as refused:
        log.append([event("a")], condition)
    assert refused.value.condition == condition


def test_a_rare_event_is_found_far_behind_frequent_ones(log: LogRecorder) -> None:
    log.append(
        [event("everywhere", type="Rare"), *(event("everywhere", "half"[: index % 2 * 4]) for index in range(2500))]
    )
    log.append([event("rare", "everywhere")])
    for condition in (
        unless("everywhere", types=["Rare"]),
        unless("everywhere", "rare"),
        unless("everywhere", "rare", types=["Never", "Happened"]),
        unless("everywhere", "half", after=1),
        unless(types=["Rare"]),
    ):
        with pytest.raises(AppendConflict):
            log.append([event("x")], condition)
    for condition in (
        unless("everywhere", types=["Rare"], after=1),
        unless("everywhere", types=["Never"]),
        unless("half", "rare"),
        unless("everywhere", "never"),
        unless(types=["Never"]),
    ):
        log.append([event("x")], condition)


def test_reads_look_for_the_newest(log: LogRecorder) -> None:
    assert log.read_last() is None
    log.append([event("a", type="One"), event("a", "b", type="Two"), event("b", type="One")])
    for query, position in [(None, 3), (tagged("a"), 2), (tagged("a", "b"), 2), (tagged(types=["Two", "One"]), 3)]:
        last = log.read_last(query)
        assert last is not None
        assert last.position == position
    assert log.read_last(tagged("a", types=["Three"])) is None


AHEAD, BEHIND = timezone(timedelta(hours=2)), timezone(timedelta(hours=-2))
UNSTORABLE = {
    "no JSON": event(data=b"not json"),
    "no data": event(data=b""),
    "two values": event(data=b'{}, {"event_id": null}'),
    "no number": event(data=b"NaN"),
    "too large a number": event(data=b"1e999999"),
    "NUL in data": event(data=b'{"key": ["\\u0000"]}'),
    "NUL in a key": event(data=b'{"\\u0000": 1}'),
    "no UTF-8": event(data=b'"\xff"'),
    "NUL in a tag": event(NUL),
    "no Unicode in a tag": event(LONE_SURROGATE),
    "a long tag": event("x" * 1001),
    "a long type": event(type="\u00e9" * 501),
    "NUL in the type": event(type=NUL),
    "NUL in the actor": EventEnvelope("Happened", b"{}", actor=NUL),
    "no schema version": EventEnvelope("Happened", b"{}", schema_version=0),
    "before the calendar": EventEnvelope("Happened", b"{}", occurred_at=datetime(1, 1, 1, tzinfo=AHEAD)),
    "after the calendar": EventEnvelope("Happened", b"{}", occurred_at=datetime(9999, 12, 31, 23, tzinfo=BEHIND)),
    "no time zone": EventEnvelope("Happened", b"{}", occurred_at=datetime(2026, 1, 1)),  # noqa: DTZ001
}


@pytest.mark.parametrize("unstorable", UNSTORABLE.values(), ids=UNSTORABLE.keys())
def test_what_cannot_be_stored_is_refused(log: LogRecorder, unstorable: EventEnvelope) -> None:
    with pytest.raises(EventNotStorable):
        log.append([event("good"), unstorable])
    assert log.head() == 0


def test_nothing_is_not_an_append(log: LogRecorder) -> None:
    with pytest.raises(ProgrammingError):
        log.append([])


@pytest.mark.parametrize("size", [1, 999, 1000])
def test_long_tags_are_stored(log: LogRecorder, size: int) -> None:
    tag = "".join(str(uuid4()) for _ in range(30))[:size]
    log.append([event(tag)])
    assert [each.position for each in log.read(tagged(tag))] == [1]


def test_recorded_at_never_decreases() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    clock = iter([moment, moment - timedelta(hours=1), moment + timedelta(hours=1)])
    log = InMemoryRecorder(lambda: next(clock))
    for _ in range(3):
        log.append([event()])
    assert [each.event.recorded_at for each in iter(log.read())] == [moment, moment, moment + timedelta(hours=1)]


def test_recorded_at_never_decreases_in_postgresql(recorder: PostgresRecorder, owner: psycopg.Connection) -> None:
    """The clock of a server that takes over may be behind."""
    with owner.transaction():
        owner.execute("ALTER TABLE ledger.log_head DISABLE TRIGGER USER")
        owner.execute("UPDATE ledger.log_head SET recorded_at = '2100-01-01Z'")
        owner.execute("ALTER TABLE ledger.log_head ENABLE ALWAYS TRIGGER refuse_gap")
    recorder.append([event()])
    last = recorder.read_last()
    assert last is not None
    assert last.event.recorded_at == datetime(2100, 1, 1, tzinfo=UTC)


def test_the_wait_for_the_lock_is_bounded(database_url: str, owner: psycopg.Connection) -> None:
    with closing(PostgresRecorder(database_url, ConnectionSettings(lock_timeout_seconds=0.2))) as recorder:
        hold_the_log(owner)
        started = time.monotonic()
        with pytest.raises(StoreBusy, match="lock timeout"):
            recorder.append([event()])
        assert 0.15 < time.monotonic() - started < 5
        owner.execute("ROLLBACK")
        assert recorder.append([event()]) == 1


def test_statements_are_bounded(database_url: str, owner: psycopg.Connection) -> None:
    bounded = ConnectionSettings(lock_timeout_seconds=0, statement_timeout_seconds=0.2)
    with closing(PostgresRecorder(database_url, bounded)) as recorder:
        hold_the_log(owner)
        with pytest.raises(StoreBusy, match="statement timeout"):
            recorder.append([event()])
        owner.execute("LOCK TABLE ledger.event")
        with pytest.raises(StoreBusy, match="statement timeout"):
            recorder.read()
        owner.execute("ROLLBACK")


@pytest.mark.parametrize(("default", "used"), [("off", "on"), ("on", "on"), ("remote_apply", "remote_apply")])
def test_what_is_acknowledged_is_durable_whatever_the_server_does_by_default(
    recorder: PostgresRecorder, owner: psycopg.Connection, default: str, used: str
) -> None:
    owner.execute(SQL("ALTER DATABASE {} SET synchronous_commit = {}").format(Identifier(owner.info.dbname), default))
    recorder.append([event()])
    connection = recorder._committer._connection
    assert connection is not None
    assert connection.execute("SHOW synchronous_commit").fetchone() == (used,)


def test_a_server_that_is_not_there_is_said_to_be_unavailable() -> None:
    with closing(PostgresRecorder("postgresql://nobody@/nothing?host=/nonexistent", wait_seconds=0.2)) as recorder:
        with pytest.raises(StoreUnavailable):
            recorder.append([event()])
        with pytest.raises(StoreUnavailable):
            recorder.read()


def test_a_closed_recorder_says_so(database_url: str) -> None:
    recorder = PostgresRecorder(database_url)
    recorder.append([event()])
    recorder.close()
    recorder.close()
    calls: list[Callable[[], object]] = [
        lambda: recorder.append([event()]),
        recorder.read,
        recorder.head,
        recorder.subscribe,
    ]
    for call in calls:
        with pytest.raises(StoreClosed):
            call()
