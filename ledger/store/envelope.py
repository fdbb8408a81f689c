"""The envelope that an event travels in, and what of it can be stored."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from eventsourcing.dcb.api import DCBEvent, DCBSequencedEvent
from uuid_utils.compat import uuid7

from ledger.store.errors import EventNotStorable

__all__ = ["EventEnvelope", "RecordedEvent", "check_storable", "in_envelopes"]

# Of a tag or a type, in UTF-8: an entry of a PostgreSQL index holds at most a third of a page.
_MAX_NAME_BYTES = 1000

_INTEGER_MAX = 2**31 - 1


@dataclass
class EventEnvelope(DCBEvent):
    """An event with all that the log keeps about it.

    `data` is JSON in UTF-8. The log keeps its value, not its bytes: key order, white space and repeated keys are
    PostgreSQL's (jsonb) when it is read again, so compare it by value.
    """

    event_id: UUID = field(default_factory=uuid7)
    schema_version: int = 1
    occurred_at: datetime | None = None
    """When it happened. None when appended means: when it was recorded."""
    recorded_at: datetime | None = None
    """When the log recorded it. Set by the store; what the caller puts here is not looked at."""
    actor: str = "system"
    causation_id: str | None = None
    correlation_id: str | None = None


@dataclass
class RecordedEvent(DCBSequencedEvent):
    """An envelope in its place in the log."""

    event: EventEnvelope


def in_envelopes(events: Sequence[DCBEvent]) -> list[EventEnvelope]:
    """The events, each in an envelope: a bare DCBEvent gets a fresh one."""
    return [
        event
        if isinstance(event, EventEnvelope)
        else EventEnvelope(**{name: getattr(event, name) for name in _BARE_FIELDS})
        for event in events
    ]


_BARE_FIELDS = [each.name for each in fields(DCBEvent)]


def check_storable(event: EventEnvelope) -> None:
    """Refuse what PostgreSQL would refuse, before anything is sent. Raises EventNotStorable."""
    try:
        value = orjson.loads(event.data)
    except orjson.JSONDecodeError as error:
        raise EventNotStorable(f"the data of {event.event_id} is not JSON: {error}") from error
    if b"\\u0000" in event.data and _has_nul(value):
        raise EventNotStorable(f"the data of {event.event_id} holds a NUL character, which PostgreSQL cannot store")
    names = (event.type, *event.tags)
    _check_text(event, "".join((*names, event.actor, event.causation_id or "", event.correlation_id or "")))
    if max(map(len, names)) > _MAX_NAME_BYTES // 4:
        _check_length(event, names)
    if not 1 <= event.schema_version <= _INTEGER_MAX:
        raise EventNotStorable(f"schema version {event.schema_version} of {event.event_id} is not a positive integer")
    if event.occurred_at is not None:
        _check_time(event, event.occurred_at)


def _check_length(event: EventEnvelope, names: Sequence[str]) -> None:
    for name in names:
        if len(name.encode()) > _MAX_NAME_BYTES:
            raise EventNotStorable(
                f"type or tag longer than {_MAX_NAME_BYTES} bytes in {event.event_id}: {name[:40]!r}..."
            )


def _check_time(event: EventEnvelope, occurred_at: datetime) -> None:
    if occurred_at.tzinfo is None:
        raise EventNotStorable(f"occurred_at of {event.event_id} has no time zone")
    try:
        occurred_at.astimezone(UTC)
    except OverflowError as error:  # PostgreSQL would take it, and nobody could read the log any more
        raise EventNotStorable(f"occurred_at of {event.event_id} is outside of the calendar in UTC") from error


def _check_text(event: EventEnvelope, text: str) -> None:
    if "\0" in text:
        raise EventNotStorable(f"a name of {event.event_id} holds a NUL character, which PostgreSQL cannot store")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise EventNotStorable(f"a name of {event.event_id} is not Unicode text") from error


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, list):
        return any(map(_has_nul, value))
    return isinstance(value, dict) and any("\0" in key or _has_nul(inner) for key, inner in value.items())
