"""When an event matches a query: the library's rule, in one place."""

from collections.abc import Collection, Sequence

from eventsourcing.dcb.api import DCBEvent, DCBQuery, DCBQueryItem

__all__ = ["item_matches", "matches", "selective_items"]


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
        item if _is_plain(item) else DCBQueryItem(types=_once(item.types), tags=_once(item.tags))
        for item in query.items
    ]


def _is_plain(item: DCBQueryItem) -> bool:
    """Most items have one tag and a few types that were written down once."""
    return len(set(item.tags)) == len(item.tags) and len(set(item.types)) == len(item.types)


def _once(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(names))
