"""Connected accounts: they lose and regain their capability, are closed and replaced, and facts follow sooner or later."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

from sandbox.stripe_twin import accounts
from tests.simulation.plan import HOUR, MINUTE
from tests.simulation.platform import account_fact, deliver
from tests.simulation.world import World


async def account_trouble(world: World) -> None:
    """Accounts that lose and regain their capability, are closed and replaced, with facts that follow sooner or later."""
    lots = world.lots("account trouble")
    for moment in world.moments("account moments", world.plan.account_changes):
        await world.until(moment)
        owed = {payout.bonus.referrer_id for payout in world.witness.payouts.values() if payout.settled is None}
        known = sorted(world.witness.accounts.items())
        concerned = [each for each in known if each[0] in owed]
        if not known:
            continue
        instructor, account = lots.choice(concerned or known)
        await lots.choice(TROUBLES)(world, lots, instructor, account.stripe_account_id)


async def _loses_capability(world: World, lots: Random, instructor: str, account: str) -> None:
    _change(world, account, transfers="inactive")
    if lots.random() < 0.5:
        await deliver(world, account_fact(world, instructor, account, active=False))
    await asyncio.sleep(lots.uniform(1 * MINUTE, 12 * HOUR))
    _change(world, account, transfers="active")
    if lots.random() < 0.5:
        await deliver(world, account_fact(world, instructor, account, active=True))


async def _is_closed(world: World, lots: Random, instructor: str, account: str) -> None:
    _change(world, account, transfers="inactive", closed=True)
    await asyncio.sleep(lots.uniform(0, 12 * HOUR))
    await deliver(world, account_fact(world, instructor, f"acct_ok{lots.randrange(10**6):06d}", active=True))


async def _is_unheard_of(world: World, lots: Random, instructor: str, _account: str) -> None:
    await deliver(world, account_fact(world, instructor, f"acct_nobody{lots.randrange(10**6):06d}", active=True))


async def _is_replaced(world: World, lots: Random, instructor: str, _account: str) -> None:
    await deliver(world, account_fact(world, instructor, f"acct_ok{lots.randrange(10**6):06d}", active=True))


Trouble = Callable[[World, Random, str, str], Awaitable[None]]
TROUBLES: tuple[Trouble, ...] = (
    _loses_capability,
    _loses_capability,
    _is_closed,
    _is_unheard_of,
    _is_replaced,
)


def _change(world: World, account: str, *, transfers: str, closed: bool | None = None) -> None:
    if accounts.find(world.twin.world, account) is not None:
        accounts.change(world.twin.world, account, transfers=transfers, closed=closed)
        world.chronicle.tell("Stripe", f"{account} is {'closed' if closed else transfers}")
        world.stripe_stirred.set()


async def flickering_accounts(world: World) -> None:
    """Accounts that go away for a while, and come back in facts so close upon each other that they meet a worker at work."""
    lots = world.lots("flickering accounts")
    for moment in world.moments("flickering moments", world.plan.flickers):
        await world.until(moment)
        earning = [payout.bonus.referrer_id for payout in world.witness.payouts.values()]
        world.outside(_flickers(world, lots, lots.choice(earning or ["ins_00000", "ins_00001"])))


async def _flickers(world: World, lots: Random, instructor: str) -> None:
    known = world.witness.accounts.get(instructor)
    account = known.stripe_account_id if known is not None else f"acct_ok{lots.randrange(10**6):06d}"
    await deliver(world, account_fact(world, instructor, account, active=False))
    await world.until(lots.uniform(world.loop.time(), world.plan.adversity))
    another = f"acct_ok{lots.randrange(10**6):06d}"
    for where, active in lots.choice((((account, True), (account, False)), ((another, False),), ())):
        await deliver(world, account_fact(world, instructor, where, active=active))
        await asyncio.sleep(lots.expovariate(0.2 / world.plan.thread_delay))
    await deliver(world, account_fact(world, instructor, account, active=True))


async def mend_accounts(world: World) -> None:
    """Most referrers end with an account that can be paid."""
    lots = world.lots("mending")
    for referrer in sorted({payout.bonus.referrer_id for payout in world.witness.payouts.values()}):
        if lots.random() < 0.2:
            continue
        known = world.witness.accounts.get(referrer)
        account = known.stripe_account_id if known is not None else ""
        if lots.random() < 0.3 or not account or accounts.find(world.twin.world, account) is None:
            account = f"acct_ok{lots.randrange(10**6):06d}"
        _change(world, account, transfers="active", closed=False)
        await deliver(world, account_fact(world, referrer, account, active=True))
