"""Facts that come one by one are taken together: what arrives while others are being recorded shares the next read and commit.

One batch at a time, so facts about the same instructor, which come close together, are decided one upon the other instead of
racing for one boundary.
"""

from collections.abc import Sequence
from typing import NamedTuple

from starlette.concurrency import run_in_threadpool

from api.http.problems import problem_of
from ledger.batching import Batching
from ledger.ingestion import FACTS_PER_APPEND, Ingestion, Receipt
from ledger.lifecycle import InvalidFact, LifecycleFact


class _Delivery(NamedTuple):
    fact: LifecycleFact | InvalidFact
    actor: str


class Gathering:
    """For one event loop."""

    def __init__(self, ingestion: Ingestion) -> None:
        self._ingestion = ingestion
        self._batching = Batching(self._take_together, concerns_all=_is_unavailable, fits=_fits)

    async def take(self, fact: LifecycleFact | InvalidFact, actor: str) -> Receipt:
        """As `Ingestion.ingest` does. Raises what it raises."""
        return await self._batching.do(_Delivery(fact, actor))

    async def _take_together(self, batch: Sequence[_Delivery]) -> Sequence[Receipt]:
        return await run_in_threadpool(self._ingestion.ingest, [each.fact for each in batch], batch[0].actor)


def _fits(batch: Sequence[_Delivery], one_more: _Delivery) -> bool:
    """A batch has one actor."""
    return one_more.actor == batch[0].actor and len(batch) < FACTS_PER_APPEND


def _is_unavailable(error: Exception) -> bool:
    return problem_of(error).kind.status == 503
