"""Nothing that is recorded changes: the application has no right to, and its owner is refused as well."""

from collections.abc import Callable, Iterator
from contextlib import closing

import psycopg
import pytest

from ledger.store import PostgresRecorder
from ledger.store.connection import ConnectionSettings, connect
from tests.store.happenings import event

EVENT = """
INSERT INTO ledger.event (position, event_id, type, schema_version, tags, data, occurred_at, recorded_at, actor)
VALUES ({position}, gen_random_uuid(), 'T', 1, '{{}}', '{{}}', now(), now(), 'me')
"""
CHANGES = [
    "UPDATE ledger.event SET data = '{}'",
    "UPDATE ledger.event SET data = '{}' WHERE false",
    "DELETE FROM ledger.event",
    "TRUNCATE ledger.event",
    "UPDATE ledger.event_tag SET tag = 'other'",
    "DELETE FROM ledger.event_tag",
    "TRUNCATE ledger.event_tag",
    "DELETE FROM ledger.log_head",
    "TRUNCATE ledger.log_head",
    "INSERT INTO ledger.log_head (only_row, position, recorded_at) VALUES (false, 9, now())",
]
WRITES = [
    "INSERT INTO ledger.event_tag (tag, position, type) VALUES ('t', 2, 'T')",
    EVENT.format(position=2),
    "UPDATE ledger.log_head SET position = 2",
    "SELECT FROM ledger.log_head FOR UPDATE",
]
HEAD_MOVES = [
    "UPDATE ledger.log_head SET position = position + 1",
    "UPDATE ledger.log_head SET position = 0",
    "UPDATE ledger.log_head SET recorded_at = recorded_at - interval '1 second'",
    f"WITH skipped AS ({EVENT.format(position=3)}) UPDATE ledger.log_head SET position = 3",
]


@pytest.fixture(scope="module")
def log_url(make_database: Callable[[], str]) -> str:
    """A log with one event. All that is tried on it is refused, so it serves every test."""
    url = make_database()
    with closing(PostgresRecorder(url)) as recorder:
        recorder.append([event("tag")])
    return url


@pytest.fixture
def owner(log_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(log_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(params=["ledger_app", "ledger_read"])
def session(request: pytest.FixtureRequest, log_url: str) -> Iterator[psycopg.Connection]:
    with connect(log_url, ConnectionSettings(role=request.param)) as connection:
        yield connection


@pytest.mark.parametrize("change", CHANGES)
def test_the_owner_is_refused(owner: psycopg.Connection, change: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="the log is append-only"):
        owner.execute(change)


def test_the_owner_is_refused_in_a_replication_role_too(owner: psycopg.Connection) -> None:
    owner.execute("SET session_replication_role = replica")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="the log is append-only"):
        owner.execute("DELETE FROM ledger.event")


@pytest.mark.parametrize("move", HEAD_MOVES)
def test_the_head_moves_over_events_only(owner: psycopg.Connection, move: str) -> None:
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="the head of the log cannot move"):
        owner.execute(move)


@pytest.mark.parametrize("statement", [*CHANGES, *WRITES])
def test_the_application_and_readers_may_not(session: psycopg.Connection, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
        session.execute(statement)


def test_readers_may_not_append(log_url: str) -> None:
    with connect(log_url, ConnectionSettings(role="ledger_read")) as reader:
        assert reader.execute("SELECT count(*) FROM ledger.event").fetchone() == (1,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
            reader.execute("SELECT ledger.append('[]')")


def test_others_may_not_even_look(owner: psycopg.Connection) -> None:
    with owner.transaction(force_rollback=True):
        owner.execute("CREATE ROLE somebody")
        owner.execute("SET LOCAL ROLE somebody")
        for statement in ("TABLE ledger.event", "TABLE ledger.log_head", "SELECT ledger.append('[]')"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="schema ledger"), owner.transaction():
                owner.execute(statement)
