"""The payout workers: the real ones, each run of which is a life of its own."""

import asyncio

from ledger.payouts.pace import Pace
from ledger.payouts.process import PayoutProcess
from ledger.payouts.watch import Watch
from ledger.payouts.worker import PayoutWorker, ThreadedLog
from tests.simulation.network import SimulatedStripeGateway
from tests.simulation.virtual_time import Life
from tests.simulation.world import World


async def keep_working(world: World, number: int) -> None:
    """A worker that is started again whenever it died."""
    lots = world.lots(f"worker {number}")
    while True:
        dies = world.is_stormy and world.chronicle.counts["crashes"] < world.plan.crashes
        steps = int(lots.expovariate(1 / world.plan.steps_between_crashes)) if dies else None
        life = Life(f"worker {number}", world.loop, steps)
        world.lives.append(life)
        life.run(_work(world, life))
        await life.died
        world.lives.remove(life)
        world.chronicle.count("crashes")
        world.chronicle.tell(life.name, "††† killed")
        await asyncio.sleep(lots.expovariate(1 / world.plan.downtime))


async def _work(world: World, life: Life) -> None:
    gateway = SimulatedStripeGateway(world.network)
    plan, concurrency = world.plan, world.plan.concurrency
    log, now, todo = ThreadedLog(world.log), world.chronicle.now, world.todo
    process = PayoutProcess(log, gateway, Pace(concurrency), now, world.policy)
    watch = Watch(todo, world.notices, process.calls, now)
    try:
        await PayoutWorker(process, watch, todo, world.log, world.wakeups, concurrency, plan.lease_seconds).run()
    except Exception as error:  # noqa: BLE001 - whatever it is, a worker must not end by it
        if not world.over.done():
            world.witness.violated("a worker goes on", f"{life.name} ended by {error!r}")
