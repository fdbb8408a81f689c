"""What a seed decides beforehand: how big, how long, how many, and how bad.

Not everything goes wrong in every run: each seed picks a few kinds of trouble and leaves the others out, since some defects
only show while the rest of the world behaves.
"""

from dataclasses import dataclass, replace
from random import Random
from typing import Any, Literal

from sandbox.stripe_twin import Fault, WebhookHabits

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0

Sky = Literal["down", "deaf", "slow", "busy", "locked_out"]
"""Weather between us and Stripe: nothing arrives; everything arrives and no answer comes back; slow; too many requests;
our API key is refused."""


@dataclass(frozen=True)
class Spell:
    """Bad weather from `start` for `length`, in seconds of the run."""

    sky: Sky
    start: float
    length: float


@dataclass(frozen=True)
class Plan:
    """Rates are shares of calls, or events a day; durations are in seconds; amounts in minor units."""

    seed: int
    workers: int
    concurrency: int
    instructors: int
    adversity: float  # how long things go wrong; a quiet end follows
    founding_cap: int
    opening_balance: int
    faults: dict[Fault, float]
    weather: tuple[Spell, ...]
    webhooks: WebhookHabits
    thread_delay: float  # mean
    lease_seconds: float
    steps_between_crashes: float  # mean
    crashes: int  # at most
    downtime: float  # mean
    freezes_a_day: float
    store_trouble: float  # share of calls of the store
    account_changes: int
    flickers: int
    top_ups: int
    term_changes: int
    notification_loss: float
    batch: int  # facts delivered together, at most
    repeats: float  # share of facts that are delivered once more
    strangers: int  # transfers that somebody else makes in the group of a payout
    reversals: int  # made at Stripe's dashboard
    operator_actions: int
    operators_look_every: float  # and do what only they can
    hold: float  # how long a payout waits after its bonus was earned
    max_bonuses_a_day: int | None


SCENARIOS: tuple[dict[str, Any], ...] = (
    # Calls that cross each other: leases run out and processes stand still while requests are on their way.
    {
        "weather": (Spell("slow", 0, DAY),),
        "adversity": DAY,
        "faults": {Fault.ERROR_403: 0.3, Fault.LATE_EFFECT: 0.2},
        "lease_seconds": 2.0,
        "freezes_a_day": 200.0,
        "concurrency": 4,
        "crashes": 0,
    },
    # Everything is carried out, nothing is answered, and the day of the idempotency keys runs out.
    {
        "weather": (Spell("deaf", 2 * HOUR, 30 * HOUR),),
        "adversity": 2.2 * DAY,
        "freezes_a_day": 100.0,
        "lease_seconds": 20.0,
        "operators_look_every": 2 * HOUR,
    },
    # People at every button while outcomes are unknown.
    {
        "weather": (),
        "adversity": DAY,
        "faults": {
            Fault.ERROR_500_WITH_EFFECT: 0.1,
            Fault.ERROR_500_WITHOUT_EFFECT: 0.1,
            Fault.TIMEOUT_AFTER: 0.2,
            Fault.LIST_LAG: 0.1,
        },
        "operator_actions": 200,
        "operators_look_every": HOUR,
        "reversals": 6,
        "strangers": 2,
    },
    # Processes that die all the time over a database that is lost all the time.
    {
        "weather": (),
        "adversity": DAY,
        "store_trouble": 0.1,
        "steps_between_crashes": 30.0,
        "crashes": 200,
        "operator_actions": 30,
        "reversals": 3,
        "lease_seconds": 5.0,
    },
)
"""Combinations of troubles that seldom come together by chance. Every fifth seed is one of these."""


def draw(seed: int) -> Plan:
    """The plan of a seed."""
    lots = Random(f"scenario {seed}")
    scenario = lots.choice(SCENARIOS) if lots.random() < 0.2 else {}
    return replace(_draw(seed), **scenario)


def _draw(seed: int) -> Plan:
    lots = Random(f"plan {seed}")
    weather = tuple(_weather(lots))
    is_long = lots.random() < 0.04  # long enough for seven days of declines
    adversity = 8.5 * DAY if is_long else lots.choice((0.3, 0.6, 1, 1.5)) * DAY
    adversity += sum(spell.start + spell.length for spell in weather[-1:])
    instructors = lots.randint(4, 5) if is_long else lots.randint(8, 14)
    return Plan(
        seed=seed,
        workers=lots.choice((2, 2, 3, 4)),
        concurrency=lots.choice((1, 2, 4, 16)),
        instructors=instructors,
        adversity=adversity,
        founding_cap=lots.randint(0, 4),
        opening_balance=lots.choice((0, 10_000, 30_000, 1_000_000, 1_000_000)),
        faults=_faults(lots),
        weather=weather,
        webhooks=_habits(lots),
        thread_delay=lots.choice((0.001, 0.005, 0.05, 0.5)),
        lease_seconds=lots.choice((180.0, 180.0, 180.0, 20.0, 5.0)),
        steps_between_crashes=lots.choice((10.0, 30.0, 100.0, 300.0, 1000.0)),
        crashes=lots.choice((0, 20, 100, 100)),
        downtime=lots.choice((1.0, 10.0, 10 * MINUTE)),
        freezes_a_day=lots.choice((0.0, 0.0, 2.0, 20.0)),
        store_trouble=lots.choice((0.0, 0.0, 0.01, 0.05)),
        account_changes=lots.choice((0, 1, 3, 6)),
        flickers=lots.choice((0, 5, 15)),
        top_ups=lots.choice((0, 1, 3)),
        term_changes=lots.choice((0, 0, 1, 2)),
        notification_loss=lots.choice((0.0, 0.2)),
        batch=lots.choice((1, 5, 20)),
        repeats=lots.choice((0.0, 0.1, 0.4)),
        strangers=lots.choice((0, 0, 2)),
        reversals=lots.choice((0, 0, 2)),
        operator_actions=lots.choice((0, 5, 30)),
        operators_look_every=lots.choice((4 * HOUR, 12 * HOUR, 100 * DAY)),
        hold=lots.choice((0.0, 0.0, 0.0, 6 * HOUR)),
        max_bonuses_a_day=lots.choice((None, None, None, 1)),
    )


def _faults(lots: Random) -> dict[Fault, float]:
    """A few kinds of fault, rare or frequent, together at most half of all calls."""
    kinds = lots.sample(list(Fault), lots.choice((0, 1, 2, 4, 8, len(Fault))))
    if lots.random() < 0.3:
        kinds += [kind for kind in (Fault.ERROR_500_WITH_EFFECT, Fault.ERROR_500_WITHOUT_EFFECT) if kind not in kinds]
    share = lots.choice((0.05, 0.2, 0.5))
    weights = [lots.random() + 0.1 for _ in kinds]
    return {kind: share * weight / sum(weights) for kind, weight in zip(kinds, weights, strict=True)}


def _weather(lots: Random) -> list[Spell]:
    spells: list[Spell] = []
    moment = 0.0
    for _ in range(lots.choice((0, 0, 1, 1, 2))):
        moment += lots.uniform(0, 12 * HOUR)
        sky: Sky = lots.choice(("down", "down", "deaf", "deaf", "slow", "busy", "locked_out", "locked_out"))
        longest = HOUR if sky in ("busy", "slow") else lots.choice((10 * MINUTE, HOUR, 4 * HOUR, 30 * HOUR, 48 * HOUR))
        spells.append(Spell(sky, moment, longest * lots.uniform(0.5, 1)))
        moment += spells[-1].length
    return spells


def _habits(lots: Random) -> WebhookHabits:
    return WebhookHabits(
        max_delay_seconds=lots.choice((0.0, 2.0, HOUR)),
        reorder_rate=lots.choice((0.0, 0.3)),
        reorder_seconds=lots.choice((30.0, 6 * HOUR)),
        duplicate_rate=lots.choice((0.0, 0.3)),
        drop_rate=lots.choice((0.0, 0.1, 0.5)),
    )
