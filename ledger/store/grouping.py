"""Which of the waiting appends go to the database together."""

from collections import deque
from dataclasses import dataclass, field

from eventsourcing.dcb.api import DCBEvent

from ledger.store.matching import matches
from ledger.store.pending_append import PendingAppend

__all__ = ["MAX_GROUP_BYTES", "MAX_GROUP_EVENTS", "Group", "take_group"]

MAX_GROUP_EVENTS = 1_000
MAX_GROUP_BYTES = 1_000_000


@dataclass
class Group:
    """Appends for one commit.

    `members` have conditions that no event of an earlier member matches, so the log as it is before the group decides
    on all of them. `put_off` do overlap with a member; only their conditions are tried. The log only grows, so one that
    it refuses now is refused for good, and of many that race for one thing the losers all learn it in one go.
    """

    members: list[PendingAppend] = field(default_factory=list)
    put_off: list[PendingAppend] = field(default_factory=list)


def take_group(waiting: deque[PendingAppend]) -> Group:
    """Take appends from the head of the queue, up to the bounds: the first one always, however large."""
    group = Group()
    taken = _Taken()
    while waiting and taken.has_room_for(waiting[0]):
        append = waiting.popleft()
        if taken.overlap(append):
            group.put_off.append(append)
        else:
            group.members.append(append)
            taken.add(append)
    return group


class _Taken:
    """The events of the members so far."""

    def __init__(self) -> None:
        self._events: list[DCBEvent] = []
        self._tags: set[str] = set()
        self._types: set[str] = set()
        self._bytes = 0

    def add(self, append: PendingAppend) -> None:
        self._bytes += append.size_bytes
        self._events.extend(append.events)
        for event in append.events:
            self._types.add(event.type)
            self._tags.update(event.tags)

    def has_room_for(self, append: PendingAppend) -> bool:
        return not self._events or (
            len(self._events) + len(append.events) <= MAX_GROUP_EVENTS
            and self._bytes + append.size_bytes <= MAX_GROUP_BYTES
        )

    def overlap(self, append: PendingAppend) -> bool:
        """Whether one of these events matches the append's condition, wherever "after" is: in doubt, it waits."""
        if append.condition is None:
            return False
        query = append.condition.fail_if_events_match
        if not query.items:
            return bool(self._events)
        # Most appends are about different things: two look-ups tell. Only then is every event looked at.
        possible = any(
            self._tags.issuperset(item.tags) and (not item.types or not self._types.isdisjoint(item.types))
            for item in query.items
        )
        return possible and any(matches(query, event) for event in self._events)
