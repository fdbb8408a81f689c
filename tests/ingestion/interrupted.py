"""A recorder on which others record something between our read and our append, as often as they are told to."""

from collections.abc import Callable, Iterator, Sequence

from eventsourcing.dcb.api import DCBAppendCondition, DCBEvent

from ledger.store import InMemoryRecorder


class InterruptedRecorder(InMemoryRecorder):
    """Each append lets the next interruption happen first; an interruption's own appends are not interrupted."""

    def __init__(self) -> None:
        super().__init__()
        self.interruptions: Iterator[Callable[[], object]] = iter(())

    def append(self, events: Sequence[DCBEvent], condition: DCBAppendCondition | None = None) -> int:
        waiting, self.interruptions = self.interruptions, iter(())
        interrupt = next(waiting, None)
        if interrupt is not None:
            interrupt()
        self.interruptions = waiting
        return super().append(events, condition)
