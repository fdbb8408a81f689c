"""The log's own in-memory counterpart, which fails now and then as a database does."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from random import Random

from eventsourcing.dcb.api import DCBAppendCondition, DCBEvent, DCBQuery

from ledger.store.envelope import in_envelopes
from ledger.store.errors import AppendConflict, AppendOutcomeUnknown, StoreUnavailable
from ledger.store.log_recorder import RecordedEvents
from ledger.store.memory import InMemoryRecorder
from tests.simulation.chronicle import Chronicle


class Trouble:
    """When the database is lost. `share`: of all calls."""

    def __init__(self, lots: Random, share: float, chronicle: Chronicle) -> None:
        self._lots = lots
        self.share = share
        self._chronicle = chronicle

    def strikes(self, what: str) -> bool:
        if self.share and self._lots.random() < self.share:
            self._chronicle.count(what)
            return True
        return False

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """While somebody looks who is not part of the world."""
        before, self.share = self.share, 0.0
        yield
        self.share = before

    def may_lose_connection(self) -> None:
        if self.strikes("store unavailable"):
            raise StoreUnavailable("the simulation took the database away")


class SimulatedRecorder(InMemoryRecorder):
    """The in-memory recorder; an append may be stored and yet not be acknowledged, or not be stored and nobody knows."""

    def __init__(self, clock: Callable[[], datetime], trouble: Trouble, chronicle: Chronicle) -> None:
        super().__init__(clock)
        self._trouble = trouble
        self._chronicle = chronicle
        self.watchers: list[Callable[[int], None]] = []

    def append(self, events: Sequence[DCBEvent], condition: DCBAppendCondition | None = None) -> int:
        self._trouble.may_lose_connection()
        envelopes = in_envelopes(events)
        ids = [envelope.event_id for envelope in envelopes]
        if self._trouble.strikes("append lost before the commit"):
            raise AppendOutcomeUnknown(ids, ConnectionError("lost"))
        try:
            position = super().append(envelopes, condition)
        except AppendConflict:
            self._chronicle.count("conflicts")
            raise
        for watcher in self.watchers:
            watcher(position - len(ids) + 1)
        if self._trouble.strikes("append lost after the commit"):
            raise AppendOutcomeUnknown(ids, ConnectionError("lost"))
        return position

    def read(
        self,
        query: DCBQuery | None = None,
        *,
        after: int | None = None,
        until: int | None = None,
        limit: int | None = None,
    ) -> RecordedEvents:
        self._trouble.may_lose_connection()
        return super().read(query, after=after, until=until, limit=limit)
