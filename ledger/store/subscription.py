"""Follows the log: what is there, and then what comes."""

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

from eventsourcing.dcb.api import DCBQuery, DCBSubscription

from ledger.store.envelope import RecordedEvent
from ledger.store.errors import StoreUnavailable
from ledger.store.wakeup import Wakeups

if TYPE_CHECKING:
    from ledger.store.recorder import PostgresRecorder

__all__ = ["Subscription"]

_log = logging.getLogger(__name__)

_PAGE_SIZE = 500

# Only how often an idle subscription turns over in its sleep.
_WAIT_SECONDS = 60.0
_RETRY_SECONDS = 0.2


class Subscription(DCBSubscription["PostgresRecorder"]):
    """Runs on the thread that iterates over it, and holds one page of events. `stop` may be called from any thread.

    While the server is away it waits. Positions have no gaps and a snapshot that shows one shows all before it, so
    nothing is missed however many write.
    """

    def __init__(
        self, recorder: "PostgresRecorder", query: DCBQuery | None, after: int | None, wakeups: Wakeups
    ) -> None:
        super().__init__(recorder, query, after)
        self._wakeups = wakeups
        self._page: Iterator[RecordedEvent] = iter(())
        self._looked_at = after or 0  # matching or not

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> RecordedEvent:
        while not self._has_been_stopped:
            for event in self._page:
                return event
            self._turn_page()
        raise StopIteration

    def stop(self) -> None:
        super().stop()
        self._wakeups.close()

    def _turn_page(self) -> None:
        try:
            page = self._recorder.read_page(self._query, after=self._looked_at, page_size=_PAGE_SIZE)
        except StoreUnavailable as error:
            _log.warning("a subscription cannot read, and tries again: %s", error)
            self._wakeups.wait(self._looked_at, _RETRY_SECONDS)
            return
        self._page = iter(page.events)
        is_full = len(page.events) == _PAGE_SIZE
        self._looked_at = page.events[-1].position if is_full else max(self._looked_at, page.head)
        if not page.events:
            self._wakeups.wait(self._looked_at, _WAIT_SECONDS)
