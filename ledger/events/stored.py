"""An event as it is stored, and from a stored row back to an event: by name and version, upcast to today's schema."""

import json
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from ledger.events import books, people, platform, reconciliation, referral, review, transfer
from ledger.events.event import AboutPayout, Event


def _kinds() -> Iterator[type[Event]]:
    for module in (referral, transfer, review, platform, books, reconciliation, people):
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, Event) and kind not in (Event, AboutPayout):
                yield kind


EVENT_TYPES: Mapping[str, type[Event]] = MappingProxyType({kind.__name__: kind for kind in _kinds()})
"""By the name under which they are stored, which is never a module path: code may move, and the log stays readable."""

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
UPCASTERS: Mapping[tuple[str, int], Upcaster] = MappingProxyType({})
"""(type, stored version) → the function that turns its data into that of the next version. A stored event never changes."""


class UnknownEventTypeError(Exception):
    """The log holds an event of a type or version that this code does not know. It is never skipped: deploy newer code."""

    def __init__(self, event_type: str, version: int) -> None:
        super().__init__(
            f"the log holds {event_type} version {version}, which this release cannot read; deploy a newer one"
        )
        self.event_type = event_type
        self.version = version


def encode(event: Event) -> bytes:
    """The data of a row: what `model_dump_json` itself calls, in the bytes that it makes a text of."""
    return event.__pydantic_serializer__.to_json(event)


def decode(event_type: str, version: int, data: bytes) -> Event:
    """The event of a stored row, upcast to today's schema.

    Raises UnknownEventTypeError for what this code does not know, pydantic.ValidationError for data that does not fit.
    """
    read = _READERS.get((event_type, version))
    return read(data) if read is not None else _upcast(event_type, version, data)


_READERS: Mapping[tuple[str, int], Callable[[bytes], Event]] = {
    (name, kind.version): kind.__pydantic_validator__.validate_json for name, kind in EVENT_TYPES.items()
}
"""Of today's versions: what `model_validate_json` itself calls, and a third is saved of each event of the log."""


def _upcast(event_type: str, version: int, data: bytes) -> Event:
    kind = EVENT_TYPES.get(event_type)
    if kind is None or version > kind.version:
        raise UnknownEventTypeError(event_type, version)
    fields: dict[str, Any] = json.loads(data)
    for stored_version in range(version, kind.version):
        fields = UPCASTERS[event_type, stored_version](fields)
    return kind.model_validate(fields)
