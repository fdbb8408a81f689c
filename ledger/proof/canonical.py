"""The one sequence of bytes that stands for an event: RFC 8785 (JSON Canonicalization Scheme) of its whole envelope.

    NotCanonicalError   an event holds what has no single canonical form; it cannot be sealed

It is what a leaf of the tree hashes, and what a line of the NDJSON export says.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from ledger.store import RecordedEvent

__all__ = ["NotCanonicalError", "canonical_event", "canonical_json", "canonical_row"]

LARGEST_INTEGER = 2**53 - 1
"""Beyond it JSON numbers are doubles to most readers (RFC 7493, 2.2), and two of them may look like one."""


class NotCanonicalError(ValueError):
    """`why` says what stands in the way."""

    def __init__(self, why: str, position: int | None = None) -> None:
        super().__init__(f"the event at position {position} has no canonical form: {why}" if position else why)
        self.why = why
        self.position = position


def canonical_event(recorded: RecordedEvent) -> bytes:
    """The canonical JSON of an event as the log holds it. Raises NotCanonicalError."""
    event = recorded.event
    return canonical_row(
        recorded.position,
        event.type,
        event.data,
        event.tags,
        event.event_id,
        event.schema_version,
        event.occurred_at,
        event.recorded_at,
        event.actor,
        event.causation_id,
        event.correlation_id,
    )


def canonical_row(
    position: int,
    event_type: str,
    data: str | bytes,
    tags: list[str],
    event_id: UUID | str,
    schema_version: int,
    occurred_at: datetime | None,
    recorded_at: datetime | None,
    actor: str,
    causation_id: str | None,
    correlation_id: str | None,
) -> bytes:
    """The same of a row of the log, its columns in the order in which the store reads them. Raises NotCanonicalError."""
    try:
        return canonical_json(
            {
                "position": position,
                "event_id": str(event_id),
                "type": event_type,
                "schema_version": schema_version,
                "tags": tags,
                "data": orjson.loads(data),
                "occurred_at": _timestamp(occurred_at),
                "recorded_at": _timestamp(recorded_at),
                "actor": actor,
                "causation_id": causation_id,
                "correlation_id": correlation_id,
            }
        )
    except ValueError as error:
        raise NotCanonicalError(str(error), position) from error


def canonical_json(document: dict[str, Any]) -> bytes:
    """RFC 8785 of a document without fractions, without large integers, and with names in ASCII. Raises NotCanonicalError.

    For such a document, and for no other, sorting by bytes is sorting by UTF-16, and every number is written in one way. Money
    is integers and our fields have plain names, so nothing of ours is ever refused.
    """
    try:
        _check(document)
        return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    except (RecursionError, orjson.JSONEncodeError) as error:
        raise NotCanonicalError("it is nested too deeply") from error


def _check(value: Any) -> None:
    kind = type(value)
    if kind is int:
        if not -LARGEST_INTEGER <= value <= LARGEST_INTEGER:
            raise NotCanonicalError(f"the integer {value} is too large for JSON")
    elif kind is dict:
        for name, inner in value.items():
            if not name.isascii():
                raise NotCanonicalError(f"the name {name!r} is not ASCII")
            if type(inner) is not str:  # most are, and a call for each would be most of the work
                _check(inner)
    elif kind is list:
        for inner in value:
            if type(inner) is not str:
                _check(inner)
    elif kind is not str and kind is not bool and value is not None:
        raise NotCanonicalError(f"{value!r} is not an integer, a text, a truth value, a list or an object")


def _timestamp(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC, always with six digits."""
    if moment is None:
        return None
    text = moment.isoformat(timespec="microseconds")
    if not text.endswith("+00:00"):  # rarely: the store's connections are in UTC
        text = moment.astimezone(UTC).isoformat(timespec="microseconds")
    return text[:-6] + "Z"
