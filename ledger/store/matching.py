"""When an event matches a query: the library's rule, in one place; and one kind of item more."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from eventsourcing.dcb.api import DCBEvent, DCBQuery, DCBQueryItem

__all__ = ["NewestItem", "item_matches", "matches", "selective_items"]


@dataclass
class NewestItem(DCBQueryItem):
    """Reading by it finds the newest of the events that match, and no other. It has one tag.

    As part of a condition it is an item like any other: an event matches it or does not.
    """

    newest: bool = True


def matches(query: DCBQuery, event: DCBEvent) -> bool:
    """Whether the event matches one of the items; a query without items matches every event."""
    return not query.items or any(item_matches(item, event.type, event.tags) for item in query.items)


def item_matches(item: DCBQueryItem, event_type: str, event_tags: Collection[str]) -> bool:
    """Whether the type is one of the item's (none: any is) and all of the item's tags are among the event's."""
    return (not item.types or event_type in item.types) and all(tag in event_tags for tag in item.tags)


def selective_items(query: DCBQuery | None) -> list[DCBQueryItem]:
    """The items of a query that leaves something out, each tag and type once; empty if it matches every event."""
    if query is None or any(not item.types and not item.tags for item in query.items):
        return []
    return [
        item
        if _has_each_once(item.tags) and _has_each_once(item.types)
        else replace(item, types=list(dict.fromkeys(item.types)), tags=list(dict.fromkeys(item.tags)))
        for item in query.items
    ]


def _has_each_once(names: Sequence[str]) -> bool:
    return len(names) == 1 or len(set(names)) == len(names)
