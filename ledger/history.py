"""What the log says, as far as one decision needs it: events in their order, found by tag.

A decision reads the events of its consistency boundary, folds them, and appends on the condition that nothing new has
been recorded inside that boundary. `History` is the middle part, in memory; `event_log.py` does the reading and appending.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from eventsourcing.dcb.api import DCBQueryItem

from ledger.events import Event, Occurred, type_names


def about(tag: str, *kinds: type[Event]) -> DCBQueryItem:
    """The events tagged `tag`, of these kinds only (none given: of any kind). One item of a consistency boundary."""
    return DCBQueryItem(types=type_names(*kinds), tags=[tag])


@dataclass
class History:
    """Events by tag, in log order. Grows while a batch of decisions is taken one upon the other."""

    _by_tag: dict[str, list[Occurred]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, events: Iterable[Occurred]) -> "History":
        history = cls()
        for happened in events:
            history.add(happened)
        return history

    def add(self, happened: Occurred) -> None:
        for tag in happened.event.tags():
            self._by_tag[tag].append(happened)

    def tagged(self, tag: str) -> Sequence[Occurred]:
        return self._by_tag.get(tag, ())
