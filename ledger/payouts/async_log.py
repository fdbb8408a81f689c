"""The event log as coroutines, as the payout process uses it."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from eventsourcing.dcb.api import DCBQueryItem

from ledger.event_log import Appended, Draft, EventLog
from ledger.events import Recorded

ACTOR = "payout-process"

T = TypeVar("T")


class AsyncLog(Protocol):
    """The event log as coroutines: on threads in production, in virtual time in the simulation."""

    async def ask(self, question: Callable[[EventLog], T]) -> T:
        """What one thread finds out with as many reads as it takes: handing over to a thread costs more than a read."""

    async def read(self, boundary: Iterable[DCBQueryItem]) -> tuple[list[Recorded], int]: ...

    async def read_last(self, item: DCBQueryItem) -> Recorded | None: ...

    async def append(self, drafts: Sequence[Draft], boundary: Iterable[DCBQueryItem], *, after: int) -> Appended: ...
