"""Facts that come one by one are taken together: what arrives while others are being recorded shares the next read and commit.

One group at a time, so facts about the same instructor, which come close together, are decided one upon the other instead of
racing for one boundary. Nobody waits for a group to fill: the first fact goes at once.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextvars import Context
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from api.http.problems import problem_of
from ledger.ingestion import FACTS_PER_APPEND, Ingestion, Receipt
from ledger.lifecycle import InvalidFact, LifecycleFact


@dataclass(frozen=True, slots=True)
class _Waiting:
    fact: LifecycleFact | InvalidFact
    actor: str
    receipt: asyncio.Future[Receipt]


class Gathering:
    """For one event loop."""

    def __init__(self, ingestion: Ingestion) -> None:
        self._ingestion = ingestion
        self._waiting: deque[_Waiting] = deque()
        self._work: asyncio.Task[None] | None = None

    async def take(self, fact: LifecycleFact | InvalidFact, actor: str) -> Receipt:
        """As `Ingestion.ingest` does. Raises what it raises."""
        waiting = _Waiting(fact, actor, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._work is None:
            # In a context of its own: it works for everybody, and not under the first one's request id.
            self._work = asyncio.create_task(self._take_all(), context=Context())
        return await waiting.receipt

    async def _take_all(self) -> None:
        try:
            while self._waiting:
                await self._take_together(self._next_group())
        finally:
            self._work = None

    def _next_group(self) -> list[_Waiting]:
        """In the order of arrival; one sender's, since a group has one actor."""
        group = [self._waiting.popleft()]
        while self._waiting and self._waiting[0].actor == group[0].actor and len(group) < FACTS_PER_APPEND:
            group.append(self._waiting.popleft())
        return group

    async def _take_together(self, group: Sequence[_Waiting]) -> None:
        facts = [each.fact for each in group]
        try:
            receipts = await run_in_threadpool(self._ingestion.ingest, facts, group[0].actor)
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait are told
            if len(group) > 1 and problem_of(error).kind.status != 503:
                for each in group:  # one of them spoilt it for all: each on its own
                    await self._take_together([each])
                return
            for each in group:
                if not each.receipt.done():
                    each.receipt.set_exception(error)
        else:
            for each, receipt in zip(group, receipts, strict=True):
                if not each.receipt.done():  # cancelled: the sender went away
                    each.receipt.set_result(receipt)
