"""What comes one by one is done together: whatever arrives while a batch is under way shares the next one.

Nobody waits for a batch to fill: the first item goes at once, so an answer is as new as if its item had been alone.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Generic, NamedTuple, TypeVar

__all__ = ["Batching"]

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


class _Waiting(NamedTuple, Generic[ItemT, ResultT]):
    item: ItemT
    result: "asyncio.Future[ResultT]"


class Batching(Generic[ItemT, ResultT]):
    """For one event loop.

    `work` does a batch, in order of arrival, and gives a result for each item. What it raises is told to the whole batch if it
    `concerns_all` (the database is away); else one item has spoilt it for all, and each is done again by itself. `fits` says
    whether one more item may go with those before it, and `at_once` how many batches may be under way.
    """

    def __init__(
        self,
        work: Callable[[Sequence[ItemT]], Awaitable[Sequence[ResultT]]],
        *,
        concerns_all: Callable[[Exception], bool],
        fits: Callable[[Sequence[ItemT], ItemT], bool] = lambda _, __: True,
        at_once: int = 1,
    ) -> None:
        self._work = work
        self._concerns_all = concerns_all
        self._fits = fits
        self._at_once = at_once
        self._waiting: deque[_Waiting[ItemT, ResultT]] = deque()
        self._under_way: set[asyncio.Task[None]] = set()

    async def do(self, item: ItemT) -> ResultT:
        """The item's own result. Raises what `work` raises for it."""
        result: asyncio.Future[ResultT] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(item, result))
        if len(self._under_way) < self._at_once:
            # In a context of its own: it works for everybody, and not under the first one's request id.
            task = asyncio.create_task(self._do_all(), context=Context())
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)  # of one that was cancelled before it began
        return await result

    async def _do_all(self) -> None:
        while self._waiting:
            await self._do_together(self._next_batch())
        # At once: whoever has just got a result may come again before this task counts as done.
        if (task := asyncio.current_task()) is not None:
            self._under_way.discard(task)

    def _next_batch(self) -> list[_Waiting[ItemT, ResultT]]:
        batch = [self._waiting.popleft()]
        items = [batch[0].item]
        while self._waiting and self._fits(items, self._waiting[0].item):
            batch.append(self._waiting.popleft())
            items.append(batch[-1].item)
        return batch

    async def _do_together(self, batch: Sequence[_Waiting[ItemT, ResultT]]) -> None:
        try:
            results = await self._work([each.item for each in batch])
            told = list(zip(batch, results, strict=True))
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait are told
            if len(batch) > 1 and not self._concerns_all(error):
                for each in batch:
                    await self._do_together([each])
                return
            for each in batch:
                if not each.result.done():
                    each.result.set_exception(error)
        else:
            for each, result in told:
                if not each.result.done():  # cancelled: whoever asked went away
                    each.result.set_result(result)
