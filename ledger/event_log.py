"""The log as the rest of the ledger sees it: domain events in, domain events out, over any `LogRecorder`.

    ConflictError   somebody recorded something inside the boundary since it was read: read again, decide again

The recorder's own errors (connection lost, outcome of an append unknown) pass through unchanged.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple
from uuid import UUID

from eventsourcing.dcb.api import DCBAppendCondition, DCBQuery, DCBQueryItem
from uuid_utils.compat import uuid7

from ledger.events import Happened, Recorded, decode, encode
from ledger.store import AppendConflict, EventEnvelope, LogRecorder, NewestItem, RecordedEvent


class ConflictError(Exception):
    """The append's condition failed; nothing was recorded."""


class Draft(NamedTuple):
    """An event about to be appended, with who caused it.

    `causation_id` None: caused by the draft before it in the same append. `correlation_id` ties a whole story together.
    """

    happened: Happened
    actor: str
    causation_id: str | None
    correlation_id: str | None


class Appended(NamedTuple):
    """Where an append's events went: contiguous positions, the ids in order."""

    first_position: int
    last_position: int
    event_ids: tuple[UUID, ...]


class EventLog:
    """Domain events over a recorder. Synchronous and safe to use from many threads, as the recorder is."""

    def __init__(self, recorder: LogRecorder, new_id: Callable[[], UUID] = uuid7) -> None:
        self.recorder = recorder
        self._new_id = new_id

    def read(
        self,
        boundary: Iterable[DCBQueryItem] = (),
        *,
        newest_of: Iterable[DCBQueryItem] = (),
        after: int | None = None,
        until: int | None = None,
        limit: int | None = None,
    ) -> tuple[list[Recorded], int]:
        """The events inside a boundary (none given: all), and the position up to which the log was read.

        `newest_of`: items of one tag, of each of which only the newest event is read as well.
        """
        items = [*boundary, *(NewestItem(types=item.types, tags=item.tags) for item in newest_of)]
        response = self.recorder.read(DCBQuery(items=items), after=after, until=until, limit=limit)
        return [recorded(sequenced) for sequenced in response], response.head or after or 0

    def stream(
        self, boundary: Iterable[DCBQueryItem] = (), *, after: int | None = None, until: int | None = None
    ) -> Iterator[Recorded]:
        """The same in constant memory."""
        for sequenced in self.recorder.read(DCBQuery(items=list(boundary)), after=after, until=until):
            yield recorded(sequenced)

    def read_last(self, item: DCBQueryItem) -> Recorded | None:
        """The newest event inside a boundary of one item."""
        sequenced = self.recorder.read_last(DCBQuery(items=[item]))
        return None if sequenced is None else recorded(sequenced)

    def append(self, drafts: Sequence[Draft], boundary: Iterable[DCBQueryItem], *, after: int) -> Appended:
        """Append all or nothing, if nothing inside `boundary` was recorded after position `after`.

        Raises ConflictError.
        """
        envelopes: list[EventEnvelope] = []
        for draft in drafts:
            caused_by = str(envelopes[-1].event_id) if draft.causation_id is None and envelopes else draft.causation_id
            envelopes.append(_envelope(draft, self._new_id(), caused_by))
        condition = DCBAppendCondition(fail_if_events_match=DCBQuery(items=list(boundary)), after=after)
        try:
            last_position = self.recorder.append(envelopes, condition)
        except AppendConflict as error:
            raise ConflictError from error
        ids = tuple(envelope.event_id for envelope in envelopes)
        return Appended(last_position - len(ids) + 1, last_position, ids)


def _envelope(draft: Draft, event_id: UUID, causation_id: str | None) -> EventEnvelope:
    (event, occurred_at), actor, _, correlation_id = draft
    # By place, which is a microsecond less than by name.
    return EventEnvelope(
        type(event).__name__,
        encode(event),
        list(event.tags()),
        event_id,
        event.version,
        occurred_at,
        None,  # recorded_at is the store's
        actor,
        causation_id,
        correlation_id,
    )


def recorded(sequenced: RecordedEvent) -> Recorded:
    """The domain event in a row of the log. Raises what `events.decode` raises."""
    envelope = sequenced.event
    if envelope.recorded_at is None or envelope.occurred_at is None:
        raise TypeError("an event from the log has its times")
    # By place, which is a microsecond less than by name.
    return Recorded(
        decode(envelope.type, envelope.schema_version, envelope.data),
        envelope.occurred_at,
        sequenced.position,
        envelope.event_id,
        envelope.recorded_at,
        envelope.actor,
        envelope.causation_id,
        envelope.correlation_id,
    )
