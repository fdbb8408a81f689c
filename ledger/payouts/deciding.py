"""Decisions are taken together: payouts that come while others are being read share the next look at the log.

A worker takes on payouts by the handful, and all of them want to know the same of the platform and much the same of accounts:
one thread, and four reads, for all of them, where each of them needed as many. Nobody waits for others to come.
"""

import asyncio
from collections.abc import Sequence
from functools import partial

from eventsourcing.persistence import PersistenceError

from ledger.payouts.async_log import AsyncLog
from ledger.payouts.situation import Situation, Situations
from ledger.payouts.steps import Step

Decision = tuple[Situation, Step] | None
Waiting = tuple[str, asyncio.Future[Decision]]


class Decisions:
    """For one event loop."""

    def __init__(self, log: AsyncLog, situations: Situations) -> None:
        self._log = log
        self._situations = situations
        self._waiting: list[Waiting] = []
        self._work: asyncio.Task[None] | None = None

    async def on(self, payout_id: str) -> Decision:
        """As `Situations.decide` does for this one. Raises what it raises."""
        decision: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
        self._waiting.append((payout_id, decision))
        if self._work is None:
            self._work = asyncio.create_task(self._decide_all())
        return await decision

    async def _decide_all(self) -> None:
        try:
            while self._waiting:
                together, self._waiting = self._waiting, []
                await self._decide(together)
        finally:
            self._work = None

    async def _decide(self, together: Sequence[Waiting]) -> None:
        payout_ids = [payout_id for payout_id, _ in together]
        try:
            decided = await self._log.ask(partial(self._situations.decide, payout_ids=payout_ids))
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait are told
            if len(together) > 1 and not isinstance(error, PersistenceError):
                for each in together:  # a defect that one of them meets, and not the database: each on its own
                    await self._decide([each])
                return
            for _, decision in together:
                if not decision.done():
                    decision.set_exception(error)
        else:
            for (_, decision), found in zip(together, decided, strict=True):
                if not decision.done():  # cancelled meanwhile
                    decision.set_result(found)
