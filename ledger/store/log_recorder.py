"""What the ledger asks of a recorder: the library's DCBRecorder and three things more, in PostgreSQL as in memory."""

from abc import abstractmethod
from collections.abc import Iterator

from eventsourcing.dcb.api import DCBQuery, DCBReadResponse, DCBRecorder

from ledger.store.envelope import RecordedEvent

__all__ = ["LogRecorder", "RecordedEvents"]


class RecordedEvents(DCBReadResponse):
    """Events in the order of the log, read while they are iterated over.

    `head` is the position up to which the log was read: `until`, or its newest (None if it is empty). With a limit it is the
    position of the last event handed out (None if there is none).
    """

    @abstractmethod
    def __iter__(self) -> Iterator[RecordedEvent]: ...

    @abstractmethod
    def __next__(self) -> RecordedEvent: ...


class LogRecorder(DCBRecorder):
    @abstractmethod
    def read(
        self,
        query: DCBQuery | None = None,
        *,
        after: int | None = None,
        until: int | None = None,
        limit: int | None = None,
    ) -> RecordedEvents: ...

    @abstractmethod
    def read_last(self, query: DCBQuery | None = None) -> RecordedEvent | None:
        """The newest event that matches."""

    @abstractmethod
    def head(self) -> int:
        """The position of the newest event; 0 while there is none."""

    @abstractmethod
    def close(self) -> None:
        """Let go of every connection. What is called later raises StoreClosed."""
