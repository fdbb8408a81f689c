"""Decisions are taken together: payouts that come while others are being read share the next look at the log.

A worker takes on payouts by the handful, and all of them want to know the same of the platform and much the same of accounts:
one thread, and four reads, for all of them, where each of them needed as many.
"""

from collections.abc import Sequence
from functools import partial

from eventsourcing.persistence import PersistenceError

from ledger.batching import Batching
from ledger.payouts.async_log import AsyncLog
from ledger.payouts.situation import Situation, Situations
from ledger.payouts.steps import Step

Decision = tuple[Situation, Step] | None


class Decisions:
    """For one event loop."""

    def __init__(self, log: AsyncLog, situations: Situations) -> None:
        self._log = log
        self._situations = situations
        self._batching = Batching(self._decide, concerns_all=_is_of_the_database)

    async def on(self, payout_id: str) -> Decision:
        """As `Situations.decide` does for this one. Raises what it raises."""
        return await self._batching.do(payout_id)

    async def _decide(self, payout_ids: Sequence[str]) -> Sequence[Decision]:
        return await self._log.ask(partial(self._situations.decide, payout_ids=payout_ids))


def _is_of_the_database(error: Exception) -> bool:
    return isinstance(error, PersistenceError)
