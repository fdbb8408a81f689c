"""What a seed stands for: how large the season is, how bad the weather at Stripe, and who is killed when."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from sandbox.stripe_twin.faults import Fault

__all__ = ["Kill", "Plan", "Victim", "make_plan"]

INSTRUCTORS_PER_SECOND = 15
FEWEST_INSTRUCTORS = 100
BATCH_SECONDS = 0.25
SECONDS_BETWEEN_KILLS = 4.0
LONGEST_DELAY_SECONDS = 0.2
SHORT_RUN_SECONDS = 60.0

# Over within seconds: the next try of the same key goes well. The others take minutes; a 500 that had no effect, hours and
# two persons: such a payout stays open in the end (`expected`).
PASSING = frozenset(
    {
        Fault.RESET_BEFORE,
        Fault.HTML_502,
        Fault.CONFLICT_409,
        Fault.GLOBAL_RATE,
        Fault.LOCK_TIMEOUT,
        Fault.RESET_AFTER,
        Fault.TRUNCATED_BODY,
        Fault.BROKEN_BODY,
        Fault.HTML_502_AFTER,
        Fault.SLOW_ANSWER,
    }
)
RATE = 0.01


class Victim(StrEnum):
    """Whom SIGKILL hits."""

    API = "api"
    WORKER = "worker"
    PROJECTOR = "projector"
    STRIPE = "stripe"
    POSTMASTER = "postmaster"
    BACKEND = "backend"  # one connection's server process; PostgreSQL then ends all others and recovers


@dataclass(frozen=True, slots=True)
class Kill:
    """So long after the n-th batch of the load was sent, counted from 0."""

    batch: int
    delay_seconds: float
    victim: Victim


@dataclass(frozen=True, slots=True)
class Plan:
    seed: int
    seconds: float
    instructors: int
    batches: int
    kills: tuple[Kill, ...]
    weather: str
    """A profile of the Stripe twin, as JSON."""
    waits_for_leases: bool
    """Whether what a killed worker had is left until its lease runs out, as it is in production."""


def make_plan(seed: int, seconds: float) -> Plan:
    """The same for the same arguments. Every kind of victim is hit at least once."""
    lots = Random(f"crash {seed}")
    batches = max(1, round(seconds / BATCH_SECONDS))
    instructors = max(FEWEST_INSTRUCTORS, round(seconds * INSTRUCTORS_PER_SECOND))
    count = max(len(Victim), round(seconds / SECONDS_BETWEEN_KILLS))
    kills = sorted(_kills(lots, count, batches), key=lambda kill: (kill.batch, kill.delay_seconds))
    is_short = seconds < SHORT_RUN_SECONDS
    weather = _weather(is_short=is_short)
    return Plan(seed, seconds, instructors, batches, tuple(kills), weather, waits_for_leases=not is_short)


def _kills(lots: Random, count: int, batches: int) -> Iterator[Kill]:
    """In rounds, so that everybody's turn comes; at moments that may fall together."""
    first, last = min(1, batches - 1), max(1, round(batches * 0.9))  # the end of the load sees everybody at work
    turns: list[Victim] = []
    for number in range(count):
        if number % len(Victim) == 0:
            turns = lots.sample(list(Victim), len(Victim))
        batch = first + int((number + lots.random()) / count * (last - first))
        yield Kill(batch, lots.uniform(0, LONGEST_DELAY_SECONDS), turns[number % len(Victim)])


def _weather(*, is_short: bool) -> str:
    faults = PASSING if is_short else frozenset(Fault)
    webhooks = {
        "max_delay_seconds": 0.5 if is_short else 2.0,
        "reorder_rate": 0.1,
        "reorder_seconds": 2.0 if is_short else 10.0,
        "duplicate_rate": 0.1,
        "drop_rate": 0.02,
    }
    return json.dumps({"rates": dict.fromkeys(sorted(faults), RATE), "webhooks": webhooks})
