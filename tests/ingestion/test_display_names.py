"""Display names are kept where they can be erased, and never reach the log."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg_pool import ConnectionPool

from ledger.event_log import EventLog
from ledger.ingestion import Ingestion
from ledger.lifecycle import parse_fact
from ledger.people import PeopleDirectory
from ledger.store import InMemoryRecorder, PostgresRecorder
from ledger.store.connection import open_pool
from tests.ingestion.names import Names
from tests.ingestion.small_world import streams
from tests.rules.vocabulary import cloud_event, completes, goes_live, is_issued, signs_up

NAME = "Zoë O'Hara"


def named(delivery: dict[str, Any]) -> dict[str, Any]:
    """With a person's name wherever a platform might put one."""
    return delivery | {"displayname": NAME, "data": delivery["data"] | {"display_name": NAME, "full_name": NAME}}


@settings(print_blob=True)
@given(stream=streams, again=st.integers(0, 3))
def test_no_byte_of_the_log_is_personal(stream: list[dict[str, Any]], again: int) -> None:
    recorder, names = InMemoryRecorder(), Names()
    ingestion = Ingestion(EventLog(recorder), names)
    ingestion.ingest([parse_fact(named(delivery)) for delivery in stream * (again + 1)], "tests")
    assert set(names.values()) <= {NAME}
    for recorded in recorder.read():
        envelope = recorded.event
        written = f"{envelope.data.decode()} {envelope.tags} {envelope.actor} {envelope.causation_id} {envelope.correlation_id}"
        assert "Zo" not in written
        assert "Hara" not in written


@pytest.mark.parametrize(
    ("delivery", "kept"),
    [
        (signs_up("bob", "ADA", display_name=NAME), {"bob": NAME}),
        (signs_up("bob", "ADA"), {}),
        (signs_up("bob", "ADA", display_name=""), {}),
        (signs_up("bob", None, display_name=NAME), {}),
        (signs_up("bob", "NOBODYS", display_name=NAME), {}),
        (signs_up("ada", "ADA", display_name=NAME), {}),
    ],
)
def test_only_the_names_of_referred_instructors_are_kept(delivery: Any, kept: dict[str, str]) -> None:
    names = Names()
    Ingestion(EventLog(InMemoryRecorder()), names).ingest([is_issued("ada", "ADA"), delivery], "tests")
    assert names == kept


def test_a_name_that_was_lost_on_the_way_comes_with_the_repetition() -> None:
    log, names = EventLog(InMemoryRecorder()), Names()
    delivery = signs_up("bob", "ADA", display_name=NAME)
    Ingestion(log, Names()).ingest([is_issued("ada", "ADA"), delivery], "tests")
    [receipt] = Ingestion(log, names).ingest([delivery], "tests")
    assert (receipt.outcome, names) == ("duplicate", {"bob": NAME})


@pytest.fixture
def pool(database_url: str) -> Iterator[ConnectionPool]:
    with open_pool(database_url) as opened:
        yield opened


def test_on_postgresql_the_name_is_in_the_side_table_alone(database_url: str, pool: ConnectionPool) -> None:
    recorder, people = PostgresRecorder(database_url), PeopleDirectory(pool)
    try:
        facts = [
            is_issued("ada", "ADA"),
            signs_up("bob", "ADA", display_name=NAME),
            goes_live("bob"),
            completes("bob", "1"),
        ]
        Ingestion(EventLog(recorder), people).ingest(
            [*facts, parse_fact(named(cloud_event("went_live", "eve")))], "tests"
        )
    finally:
        recorder.close()
    assert people.names_of(["ada", "bob", "eve"]) == {"bob": NAME}
    assert tables_that_hold(database_url, "Hara") == ["ledger.person"]
    people.forget("bob")
    assert tables_that_hold(database_url, "Hara") == []


def tables_that_hold(url: str, text: str) -> list[str]:
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('ledger', 'read_model') ORDER BY 1"
        ).fetchall()
        held = [
            name
            for (name,) in tables
            if connection.execute(f"SELECT 1 FROM {name} AS line WHERE line::text LIKE %s", [f"%{text}%"]).fetchone()
        ]
    assert len(tables) > 5
    return held
