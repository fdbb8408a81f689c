"""One append on its way into the log: its events as JSON, its condition, and in the end its verdict."""

import threading
from collections.abc import Sequence
from datetime import UTC

import orjson
from eventsourcing.dcb.api import DCBAppendCondition

from ledger.store.envelope import EventEnvelope, check_storable
from ledger.store.errors import AppendConflict
from ledger.store.matching import selective_items

__all__ = ["PendingAppend"]


class PendingAppend:
    """Made on its caller's thread, so that several are encoded while another is being committed.

    Raises EventNotStorable.
    """

    def __init__(self, events: Sequence[EventEnvelope], condition: DCBAppendCondition | None) -> None:
        for event in events:
            check_storable(event)
        self.events = events
        self.condition = condition
        self._conditions = [] if condition is None else _conditions(condition)
        self.document = orjson.dumps({"events": [_row(event) for event in events], "conditions": self._conditions})
        self.position: int | None = None
        self.error: BaseException | None = None
        # Held until the append is settled. A bare lock is the cheapest thing that a thread can sleep on.
        self._signal = threading.Lock()
        self._signal.acquire()

    @property
    def size_bytes(self) -> int:
        return len(self.document)

    @property
    def conditions_document(self) -> bytes:
        """The same without the events: asks only whether the log refuses it already."""
        return orjson.dumps({"events": [], "conditions": self._conditions})

    @property
    def is_settled(self) -> bool:
        return self.position is not None or self.error is not None

    def refuse(self) -> None:
        if self.condition is None:
            raise AssertionError("an append without a condition was refused")
        self.error = AppendConflict(self.condition)

    def verdict(self) -> int:
        """The position of the last event. Raises what went wrong."""
        if self.error is not None:
            raise self.error
        if self.position is None:
            raise AssertionError("asked for the verdict before there is one")
        return self.position

    def wait(self) -> None:
        self._signal.acquire()

    def wake(self) -> None:
        self._signal.release()


def _row(event: EventEnvelope) -> dict[str, object]:
    """What is null is left out: PostgreSQL need not parse it."""
    row: dict[str, object] = {
        "event_id": event.event_id,
        "type": event.type,
        "schema_version": event.schema_version,
        "tags": event.tags,
        "data": orjson.Fragment(event.data),
        "actor": event.actor,
    }
    if event.occurred_at is not None:
        # In UTC: an offset is written in whole minutes, and may have seconds.
        row["occurred_at"] = event.occurred_at.astimezone(UTC)
    if event.causation_id is not None:
        row["causation_id"] = event.causation_id
    if event.correlation_id is not None:
        row["correlation_id"] = event.correlation_id
    return row


def _conditions(condition: DCBAppendCondition) -> list[dict[str, object]]:
    after = condition.after or 0
    items = selective_items(condition.fail_if_events_match)
    if not items:
        return [{"after": after, "types": [], "tags": []}]
    return [{"after": after, "types": item.types, "tags": item.tags} for item in items]
