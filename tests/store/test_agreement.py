"""On any history, this store agrees with the library's in-memory recorder, and with its PostgreSQL recorder.

Not asked of the library's PostgreSQL recorder (`PostgresDCBRecorderTT`), because it refuses them: several items of which
one has no tags, and items with no tags and not exactly one type. Nor, because it answers otherwise than the library's
in-memory one: items that name a tag twice. Appends on such conditions reach it without one, if the others accept them.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

import psycopg
import pytest
from eventsourcing.dcb.api import DCBAppendCondition, DCBEvent, DCBQuery, DCBQueryItem, DCBRecorder
from eventsourcing.dcb.popo import InMemoryDCBRecorder
from eventsourcing.dcb.postgres_tt import PostgresDCBRecorderTT
from eventsourcing.persistence import IntegrityError
from eventsourcing.postgres import PostgresDatastore
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

from ledger.store import InMemoryRecorder, LogRecorder, NewestItem, PostgresRecorder

names = st.sampled_from(["a", "b", "c", "ü 'quoted\" {x,\\"])
tags = st.lists(names, max_size=3)
types = st.sampled_from(["One", "Two", "Three"])
items = st.builds(DCBQueryItem, types=st.lists(types, max_size=2), tags=tags)
queries = st.builds(DCBQuery, items=st.lists(items, max_size=3))
afters = st.none() | st.integers(0, 12)


@dataclass
class Append:
    events: list[DCBEvent]
    condition: DCBAppendCondition | None

    def on(self, recorder: DCBRecorder) -> object:
        try:
            return recorder.append(self.events, self.condition)
        except IntegrityError:
            return "refused"

    @property
    def query(self) -> DCBQuery | None:
        return self.condition.fail_if_events_match if self.condition else None


@dataclass
class Read:
    query: DCBQuery | None
    after: int | None
    limit: int | None

    def on(self, recorder: DCBRecorder) -> object:
        response = recorder.read(self.query, after=self.after, limit=self.limit)
        events = [(each.position, each.event.type, each.event.tags, each.event.data) for each in response]
        if isinstance(recorder, LogRecorder) and (last := recorder.read_last(self.query)) is not None:
            everything = [each.position for each in recorder.read(self.query)]
            assert last.position == everything[-1]
            until = recorder.read(self.query, after=self.after, until=last.position - 1)
            assert [each.position for each in until] == [each for each in everything[:-1] if each > (self.after or 0)]
            assert until.head == (last.position - 1 or None)
        return events, response.head


events = st.builds(DCBEvent, type=types, data=st.sampled_from([b"{}", b"[1, 2]", b'"x"']), tags=tags)
appends = st.builds(
    Append, st.lists(events, min_size=1, max_size=3), st.none() | st.builds(DCBAppendCondition, queries, afters)
)
reads = st.builds(Read, st.none() | queries, afters, st.none() | st.integers(0, 4))


def stock_can_answer(query: DCBQuery | None) -> bool:
    if query is None or not query.items:
        return True
    if any(len(set(item.tags)) < len(item.tags) for item in query.items):
        return False
    only = query.items[0]
    return all(item.tags for item in query.items) or (len(query.items) == 1 and len(only.types) == 1)


@dataclass
class Logs:
    """The logs in PostgreSQL, and how to begin anew: in ours, that takes a superuser who switches the triggers off."""

    owner: psycopg.Connection
    ours: PostgresRecorder
    stock: PostgresDCBRecorderTT

    def begin(self) -> None:
        self.owner.execute("TRUNCATE dcb_events_tt_main, dcb_events_tt_tag RESTART IDENTITY")
        with self.owner.transaction():
            for table in ("event", "event_tag", "log_head"):
                self.owner.execute(SQL("ALTER TABLE ledger.{} DISABLE TRIGGER USER").format(Identifier(table)))
            self.owner.execute("TRUNCATE ledger.event, ledger.event_tag")
            self.owner.execute("UPDATE ledger.log_head SET position = 0, recorded_at = '-infinity'")


@pytest.fixture(scope="module")
def logs(make_database: Callable[[], str]) -> Iterator[Logs]:
    url = make_database()
    parts = conninfo_to_dict(url)
    datastore = PostgresDatastore(
        dbname=str(parts["dbname"]),
        host=str(parts.get("host", "")),
        port=parts.get("port") or 5432,
        user=str(parts.get("user", "")),
        password=str(parts.get("password", "")),
        pool_size=2,
    )
    with (
        psycopg.connect(url, autocommit=True) as owner,
        closing(datastore),
        closing(PostgresRecorder(url, page_size=2)) as ours,
    ):
        PostgresDCBRecorderTT(datastore).create_table()
        yield Logs(owner, ours, PostgresDCBRecorderTT(datastore))  # anew: it reads its types when it is made


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(appends | reads, min_size=4, max_size=14))
def test_on_any_history_all_recorders_agree(logs: Logs, history: list[Append | Read]) -> None:
    logs.begin()
    oracle, memory = InMemoryDCBRecorder(), InMemoryRecorder()
    for step in history:
        expected = step.on(oracle)
        assert step.on(memory) == expected, f"in memory: {step}"
        assert step.on(logs.ours) == expected, f"in PostgreSQL: {step}"
        if stock_can_answer(step.query):
            assert step.on(logs.stock) == expected, f"the library's in PostgreSQL: {step}"
        elif isinstance(step, Append) and expected != "refused":
            logs.stock.append(step.events)


newest_items = st.builds(NewestItem, types=st.lists(types, max_size=2), tags=names.map(lambda name: [name]))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(appends, min_size=1, max_size=8),
    st.lists(st.builds(DCBQueryItem, types=st.lists(types, max_size=2), tags=tags.filter(bool)), max_size=2),
    st.lists(newest_items, min_size=1, max_size=3),
    afters,
)
def test_of_a_newest_item_only_the_newest_event_is_read(
    logs: Logs, history: list[Append], others: list[DCBQueryItem], newest: list[NewestItem], after: int | None
) -> None:
    logs.begin()
    memory = InMemoryRecorder()
    for step in history:
        assert step.on(logs.ours) == step.on(memory)
    query = DCBQuery(items=[*others, *newest])
    for recorder in (logs.ours, memory):
        expected = {each.position for item in others for each in recorder.read(DCBQuery(items=[item]), after=after)}
        for item in newest:
            of_item = recorder.read(DCBQuery(items=[DCBQueryItem(types=item.types, tags=item.tags)]), after=after)
            expected |= {each.position for each in list(of_item)[-1:]}
        assert [each.position for each in recorder.read(query, after=after)] == sorted(expected), recorder
