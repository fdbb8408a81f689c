"""One run: a world from a plan, lived through until its quiet end, and judged."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any

from eventsourcing.persistence import PersistenceError

from ledger.events import ProgramTermsSet
from ledger.set_terms import set_terms
from tests.simulation import actors, verdict
from tests.simulation.account_trouble import mend_accounts
from tests.simulation.alarms import alarms_into
from tests.simulation.chronicle import Chronicle
from tests.simulation.people import act_on_everything
from tests.simulation.plan import DAY, HOUR, Plan, draw
from tests.simulation.replaced import under_simulation
from tests.simulation.stripe_side import heal
from tests.simulation.virtual_time import current_life
from tests.simulation.watched import Violation
from tests.simulation.workers import keep_working
from tests.simulation.world import World

QUIET_SECONDS = 4 * HOUR


@dataclass(frozen=True)
class Report:
    """What became of a run."""

    plan: Plan
    violations: tuple[Violation, ...]
    counts: Counter[str]
    days: float
    chronicle: Chronicle


def simulate(seed: int | Plan) -> Report:
    """Run one seed."""
    plan = seed if isinstance(seed, Plan) else draw(seed)
    with under_simulation(plan.seed):
        world = World(plan)
        with alarms_into(world.chronicle, world.witness.violated, _who):
            world.loop.run_until_complete(live(world))
            world.loop.bury()
        world.store.close()
    return Report(
        plan, tuple(world.witness.violations), world.chronicle.counts, world.loop.time() / DAY, world.chronicle
    )


async def live(world: World) -> None:
    """From the beginning to the quiet end, or to the first violation."""
    terms = ProgramTermsSet(
        founding_cap=world.plan.founding_cap, founding_bonus_minor=7500, standard_bonus_minor=5000, currency="usd"
    )
    _first_terms(world, terms)
    acting = {actor: world.outside(actor(world)) for actor in actors.ACTORS}
    for number in range(1, world.plan.workers + 1):
        world.outside(keep_working(world, number))
    ending = world.outside(_end(world, acting))
    ending.add_done_callback(lambda _task: world.stop())
    await world.over


async def _end(world: World, acting: dict[Any, asyncio.Task[None]]) -> None:
    await world.until(world.plan.adversity)
    world.is_stormy = False
    heal(world)
    for life in world.lives:
        life.lasts_for_ever()
    await world.all_delivered.wait()
    for actor, task in acting.items():
        if actor not in actors.UNTIL_THE_END:
            task.cancel()
    await asyncio.sleep(QUIET_SECONDS)
    verdict.judge(world, people_have_acted=False)
    await mend_accounts(world)
    for _ in range(3):  # a retry after an unknown outcome takes two of them, and one more if that is declined
        await act_on_everything(world)
        await asyncio.sleep(QUIET_SECONDS)
    verdict.judge(world, people_have_acted=True)
    verdict.count(world)


def _first_terms(world: World, terms: ProgramTermsSet) -> None:
    while True:
        try:
            set_terms(world.log, terms, actor="system", now=world.chronicle.now())
        except PersistenceError:
            continue
        return


def _who() -> str:
    life = current_life()
    return life.name if life is not None else "?"
