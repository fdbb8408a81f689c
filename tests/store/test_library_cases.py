"""The library's own recorder test cases, on the recorder that the library itself builds from its environment."""

import base64
from collections.abc import Iterator, Sequence
from contextlib import closing

import orjson
import pytest
from eventsourcing.dcb.api import (
    DCBAppendCondition,
    DCBEvent,
    DCBQuery,
    DCBReadResponse,
    DCBRecorder,
    DCBSequencedEvent,
    DCBSubscription,
)
from eventsourcing.dcb.persistence import DCBInfrastructureFactory
from eventsourcing.dcb.tests import DCBRecorderTestCase
from eventsourcing.persistence import InfrastructureFactoryError, TrackingRecorder

from ledger.store import InMemoryRecorder, LedgerStoreFactory, LogRecorder, PostgresRecorder


class AnyBytes(DCBRecorder):
    """The cases store bytes that are no JSON, and the log holds JSON: here they travel in a string."""

    def __init__(self, recorder: LogRecorder) -> None:
        self.recorder = recorder

    def append(self, events: Sequence[DCBEvent], condition: DCBAppendCondition | None = None) -> int:
        return self.recorder.append(
            [DCBEvent(event.type, orjson.dumps(base64.b64encode(event.data).decode()), event.tags) for event in events],
            condition,
        )

    def read(self, query: DCBQuery | None = None, *, after: int | None = None, limit: int | None = None) -> "Decoded":
        return Decoded(self.recorder.read(query, after=after, limit=limit))

    def subscribe(self, query: DCBQuery | None = None, *, after: int | None = None) -> "DCBSubscription[AnyBytes]":
        return self.recorder.subscribe(query, after=after)  # type: ignore[return-value]


class Decoded(DCBReadResponse):
    def __init__(self, response: DCBReadResponse) -> None:
        self.response = response

    @property
    def head(self) -> int | None:
        return self.response.head

    def __next__(self) -> DCBSequencedEvent:
        recorded = next(self.response)
        data = base64.b64decode(orjson.loads(recorded.event.data))
        return DCBSequencedEvent(DCBEvent(recorded.event.type, data, recorded.event.tags), recorded.position)


@pytest.fixture
def factory(database_url: str) -> Iterator[DCBInfrastructureFactory[TrackingRecorder]]:
    environment = {"PERSISTENCE_MODULE": "ledger.store", "DATABASE_URL": database_url}
    with closing(DCBInfrastructureFactory[TrackingRecorder].construct(environment)) as factory:
        yield factory


@pytest.fixture(params=["postgresql", "memory"])
def any_bytes(request: pytest.FixtureRequest) -> AnyBytes:
    if request.param == "memory":
        return AnyBytes(InMemoryRecorder())
    recorder = request.getfixturevalue("factory").dcb_recorder()
    assert isinstance(recorder, PostgresRecorder)
    return AnyBytes(recorder)


def test_append_and_read(any_bytes: AnyBytes) -> None:
    DCBRecorderTestCase()._test_append_read(any_bytes)


def test_append_and_subscribe(any_bytes: AnyBytes) -> None:
    DCBRecorderTestCase()._test_append_subscribe(any_bytes)


def test_the_factory_gives_one_recorder_to_all(factory: LedgerStoreFactory) -> None:
    assert factory.dcb_recorder() is factory.dcb_recorder()


def test_the_factory_says_which_setting_is_missing() -> None:
    with pytest.raises(InfrastructureFactoryError, match="DATABASE_URL"):
        LedgerStoreFactory({})
