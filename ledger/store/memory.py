"""The log in memory, for fast tests and simulation: the library's recorder, with envelopes and an injected clock."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from datetime import UTC, datetime
from itertools import dropwhile, islice, takewhile
from uuid import UUID

from eventsourcing.dcb.api import DCBAppendCondition, DCBEvent, DCBQuery
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.store.envelope import EventEnvelope, RecordedEvent, check_storable, in_envelopes
from ledger.store.errors import AppendConflict, EventAlreadyRecorded
from ledger.store.log_recorder import LogRecorder, RecordedEvents
from ledger.store.matching import NewestItem, matches

__all__ = ["InMemoryRecorder"]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class InMemoryRecorder(InMemoryDCBRecorder, LogRecorder):
    """Same positions, verdicts, refusals and times as the log in PostgreSQL, for as long as the process lives.

    `clock` gives the time of recording; as in PostgreSQL, that never decreases along the log.
    """

    def __init__(self, clock: Callable[[], datetime] = _utc_now) -> None:
        super().__init__()
        self._clock = clock
        self._event_ids: set[UUID] = set()
        self._by_tag: dict[str, list[int]] = defaultdict(list)
        self._newest_time: datetime | None = None

    def append(self, events: Sequence[DCBEvent], condition: DCBAppendCondition | None = None) -> int:
        # Copies: what the caller does to its own is no business of the log.
        envelopes = [copy(event) for event in in_envelopes(events)]
        for envelope in envelopes:
            check_storable(envelope)
        with self._database_lock:
            if condition is not None and self._conflicts(condition):
                raise AppendConflict(condition)
            event_ids = [envelope.event_id for envelope in envelopes]
            if len(set(event_ids)) < len(event_ids) or not self._event_ids.isdisjoint(event_ids):
                raise EventAlreadyRecorded(event_ids)
            self._stamp(envelopes)
            position = super().append(envelopes)
            self._event_ids.update(event_ids)
            for sequenced in self.events[-len(envelopes) :]:
                for tag in set(sequenced.event.tags):
                    self._by_tag[tag].append(sequenced.position)
            return position

    def read(
        self,
        query: DCBQuery | None = None,
        *,
        after: int | None = None,
        until: int | None = None,
        limit: int | None = None,
    ) -> RecordedEvents:
        with self._database_lock:
            newest = self.head() if until is None else min(self.head(), until)
            found = list(islice(self._found(query or DCBQuery(), after or 0, newest), limit))
        head = (newest or None) if limit is None else found[-1].position if found else None
        return _Found(found, head)

    def read_last(self, query: DCBQuery | None = None) -> RecordedEvent | None:
        with self._database_lock:
            return next(self._matching(query or DCBQuery(), after=0, newest_first=True), None)

    def head(self) -> int:
        return len(self.events)

    def close(self) -> None:
        """There is nothing to let go of."""

    def _conflicts(self, condition: DCBAppendCondition) -> bool:
        return any(True for _ in self._matching(condition.fail_if_events_match, condition.after or 0))

    def _stamp(self, envelopes: Iterable[EventEnvelope]) -> None:
        now = self._clock()
        self._newest_time = now if self._newest_time is None else max(now, self._newest_time)
        for envelope in envelopes:
            envelope.recorded_at = self._newest_time
            envelope.occurred_at = envelope.occurred_at or self._newest_time

    def _matching(self, query: DCBQuery, after: int, *, newest_first: bool = False) -> Iterator[RecordedEvent]:
        candidates = self._candidates(query, after)
        for position in reversed(candidates) if newest_first else candidates:
            event = self.events[position - 1].event
            if isinstance(event, EventEnvelope) and matches(query, event):
                yield RecordedEvent(event=copy(event), position=position)

    def _found(self, query: DCBQuery, after: int, until: int) -> Iterator[RecordedEvent]:
        """What reading finds, in the order of the log: of a newest item one event at most."""
        newest = [item for item in query.items if isinstance(item, NewestItem)]
        others = [item for item in query.items if not isinstance(item, NewestItem)]
        matching = self._matching(DCBQuery(items=others), after) if others or not newest else iter(())
        found = takewhile(lambda event: event.position <= until, matching)
        if not newest:
            return found
        by_position = {event.position: event for event in found}
        for item in newest:
            backwards = self._matching(DCBQuery(items=[item]), after, newest_first=True)
            for event in islice(dropwhile(lambda event: event.position > until, backwards), 1):
                by_position[event.position] = event
        return iter([by_position[position] for position in sorted(by_position)])

    def _candidates(self, query: DCBQuery, after: int) -> Sequence[int]:
        """Positions after `after` that may match: those in the shortest list of each item's tags."""
        if not query.items or any(not item.tags for item in query.items):
            return range(max(after, 0) + 1, len(self.events) + 1)
        lists = [min((self._by_tag.get(tag, []) for tag in item.tags), key=len) for item in query.items]
        return sorted({position for each in lists for position in each[bisect_right(each, after) :]})


class _Found(RecordedEvents):
    def __init__(self, found: Iterable[RecordedEvent], head: int | None) -> None:
        self._found = iter(found)
        self._head = head

    @property
    def head(self) -> int | None:
        return self._head

    def __iter__(self) -> Iterator[RecordedEvent]:
        return self._found

    def __next__(self) -> RecordedEvent:
        return next(self._found)
