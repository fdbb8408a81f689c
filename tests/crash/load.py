"""The load: a season played through the HTTP API at an even pace, batch by batch, and what was answered."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from sandbox.season.generator import generate, to_line
from sandbox.season.player import Answer, Tally, deliveries_in, play
from tests.crash.plan import Plan

__all__ = ["Load", "Receipts", "write_season"]

PATIENCE_SECONDS = 90.0


@dataclass
class Receipts:
    """Every answer, in the order of the deliveries."""

    tally: Tally = field(default_factory=Tally)
    answers: list[Answer] = field(default_factory=list)
    batches: int = 0
    repeated: set[int] = field(default_factory=set)
    """Places of deliveries that were sent more than once, so that an outcome may be that of a redelivery."""
    retries: int = 0
    """Requests beyond the first of their batch."""


def write_season(plan: Plan, path: Path) -> None:
    with path.open("w", encoding="utf-8") as lines:
        lines.writelines(to_line(event) for event in generate(plan.instructors, plan.seed))


@dataclass
class Load:
    """Plays `season` in about as many batches as the plan has, spread over its seconds."""

    plan: Plan
    season: Path
    base_url: str
    token: str
    _requests: int = 0

    def play(self, before_batch: Callable[[int], object]) -> Receipts:
        """`before_batch(n)` is called when the n-th batch, from 0, is about to be sent. Raises SeasonError."""
        receipts = Receipts()
        batch_size = math.ceil(deliveries_in(self.season) / self.plan.batches)
        # Never through a proxy: it is on this machine.
        with httpx.Client(trust_env=False, timeout=20, event_hooks={"request": [self._count]}) as client:
            batches = play(
                self.season,
                base_url=self.base_url,
                token=self.token,
                client=client,
                batch_size=batch_size,
                patience_seconds=PATIENCE_SECONDS,
            )
            started = time.monotonic()
            while True:
                at = receipts.batches / self.plan.batches * self.plan.seconds
                time.sleep(max(0.0, started + at - time.monotonic()))
                self._requests = 0
                before_batch(receipts.batches)
                answers = next(batches, None)
                if answers is None:
                    return receipts
                self._take(receipts, answers)

    def _take(self, receipts: Receipts, answers: list[Answer]) -> None:
        receipts.batches += 1
        if self._requests > 1:
            receipts.retries += self._requests - 1
            receipts.repeated |= set(range(len(receipts.answers), len(receipts.answers) + len(answers)))
        receipts.answers += answers
        receipts.tally.add(answers)

    def _count(self, request: httpx.Request) -> None:
        del request
        self._requests += 1
