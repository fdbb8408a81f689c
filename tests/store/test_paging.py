"""Reads hold one page at a time, however much there is, and see the log as it was when they began."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from psycopg.sql import SQL

from ledger.store import PostgresRecorder
from ledger.store.paging import Page
from tests.store.happenings import event, positions, tagged


@pytest.fixture
def recorder(database_url: str) -> Iterator[PostgresRecorder]:
    with closing(PostgresRecorder(database_url, page_size=10)) as recorder:
        recorder.append([event("even" if position % 2 == 0 else "odd") for position in range(1, 96)])
        yield recorder


@pytest.fixture
def page_sizes(recorder: PostgresRecorder, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many events each page had that was fetched."""
    sizes: list[int] = []
    read_page = recorder.read_page

    def noted(*arguments: object, **options: object) -> Page:
        page = read_page(*arguments, **options)  # type: ignore[arg-type]
        sizes.append(len(page.events))
        return page

    monkeypatch.setattr(recorder, "read_page", noted)
    return sizes


def test_pages_are_fetched_as_they_are_needed(recorder: PostgresRecorder, page_sizes: list[int]) -> None:
    events = recorder.read()
    assert page_sizes == [10]
    assert [next(events).position for _ in range(10)] == list(range(1, 11))
    assert page_sizes == [10]
    assert positions(events) == list(range(11, 96))
    assert page_sizes == [10] * 9 + [5]
    assert positions(events) == []


def test_a_read_sees_the_log_as_it_was(recorder: PostgresRecorder) -> None:
    events = recorder.read(tagged("odd"), after=50)
    assert events.head == 95
    recorder.append([event("odd")])
    assert positions(events) == list(range(51, 96, 2))
    assert events.head == 95
    assert recorder.read(tagged("nothing")).head == 96


def test_a_limit_may_span_pages(recorder: PostgresRecorder, page_sizes: list[int]) -> None:
    events = recorder.read(tagged("even"), limit=23)
    assert positions(events) == list(range(2, 48, 2))
    assert events.head == 46
    assert page_sizes == [10, 10, 3]


def test_a_read_may_end_before_the_newest(recorder: PostgresRecorder, page_sizes: list[int]) -> None:
    events = recorder.read(after=5, until=25)
    assert positions(events) == list(range(6, 26))
    assert events.head == 25
    assert page_sizes == [10, 10, 0]
    assert recorder.read(until=200).head == 95


def test_one_who_divides_the_log_with_others_reads_its_part(database_url: str, recorder: PostgresRecorder) -> None:
    with closing(PostgresRecorder(database_url, page_size=10, only=SQL("'even' = ANY (event.tags)"))) as half:
        events = half.read(until=50)
        assert positions(events) == list(range(2, 51, 2))
        assert events.head == 50
        assert half.head() == 95


def test_no_transaction_stays_open_between_pages(recorder: PostgresRecorder) -> None:
    events = recorder.read()
    next(events)
    with recorder._pool.connection() as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
        ).fetchone()
    assert row == (0,)
