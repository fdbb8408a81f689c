"""The event log as coroutines, as the payout process uses it."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from eventsourcing.dcb.api import DCBQueryItem

from ledger.event_log import Appended, Draft
from ledger.events import Recorded

ACTOR = "payout-process"


class AsyncLog(Protocol):
    """The event log as coroutines: on threads in production, in virtual time in the simulation."""

    async def read(self, boundary: Iterable[DCBQueryItem]) -> tuple[list[Recorded], int]: ...

    async def read_last(self, item: DCBQueryItem) -> Recorded | None: ...

    async def append(self, drafts: Sequence[Draft], boundary: Iterable[DCBQueryItem], *, after: int) -> Appended: ...
