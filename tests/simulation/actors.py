"""Who lives in the world beside the workers. Each is a coroutine that acts on virtual time until the quiet end.

To add one: write `async def somebody(world: World) -> None` and name it in `ACTORS`.
"""

import asyncio

from tests.simulation.account_trouble import account_trouble, flickering_accounts
from tests.simulation.people import diligent_operators, operators
from tests.simulation.plan import DAY, MINUTE
from tests.simulation.platform import platform, terms_setter
from tests.simulation.stripe_side import dashboard_reversals, stranger, stripe, treasurer
from tests.simulation.verdict import nobody_oversleeps
from tests.simulation.world import World

LONGEST_FREEZE = 30 * MINUTE


async def freezer(world: World) -> None:
    """Suspends a worker for a while: it goes on later, with what it knew then."""
    lots = world.lots("freezer")
    while world.plan.freezes_a_day:
        await asyncio.sleep(lots.expovariate(world.plan.freezes_a_day / DAY))
        if world.lives:
            life = lots.choice(world.lives)
            seconds = lots.uniform(1, LONGEST_FREEZE)
            life.freeze(seconds)
            world.chronicle.tell(life.name, f"~~~ frozen for {seconds:.0f} s")
            world.chronicle.count("freezes")


async def auditor(world: World) -> None:
    """Looks at the to-do list at any time."""
    lots = world.lots("auditor")
    while True:
        await asyncio.sleep(lots.expovariate(20 / world.plan.adversity))
        nobody_oversleeps(world)


ACTORS = (
    platform,
    terms_setter,
    account_trouble,
    flickering_accounts,
    stripe,
    treasurer,
    stranger,
    dashboard_reversals,
    operators,
    diligent_operators,
    freezer,
    auditor,
)
UNTIL_THE_END = (stripe,)
"""Those who stay when the others have gone."""
