"""Two persons who hold, release, retry, cancel, reverse and approve: anything at any time, and in the end what is needed."""

import asyncio
from contextlib import suppress

from eventsourcing.persistence import PersistenceError

from ledger.events import ApprovalRequested, Recorded
from ledger.payouts.actions import Action, Refused
from ledger.payouts.review import Done
from ledger.reasons import Reason
from sandbox.stripe_twin import reversals
from sandbox.stripe_twin.world import Cause
from tests.simulation.verdict import decided, reason_of
from tests.simulation.world import World

PERSONS = ("ada", "ben")
ACTIONS: tuple[Action, ...] = ("hold", "release", "retry", "cancel", "reverse")
RETRIED_BY_PEOPLE = frozenset({Reason.REQUEST_DECLINED, Reason.RETRIES_EXHAUSTED, Reason.ABSENCE_CONFIRMED})


async def operators(world: World) -> None:
    """Two persons who press every button at any time; now and then one tries to approve what they asked for themselves."""
    lots = world.lots("operators")
    for moment in world.moments("operator moments", world.plan.operator_actions):
        await world.until(moment)
        if not world.witness.payouts:
            continue
        payout_id = lots.choice(list(world.witness.payouts))
        actor = lots.choice(PERSONS)
        asked = world.witness.payouts[payout_id].asked
        with suppress(PersistenceError):
            if asked is not None and lots.random() < 0.7:
                await decide(world, payout_id, asked, actor, granted=lots.random() < 0.8)
            else:
                act(world, lots.choice(ACTIONS), payout_id, actor)


async def diligent_operators(world: World) -> None:
    """Two persons who come by now and then, and do what only people can."""
    while True:
        await asyncio.sleep(world.plan.operators_look_every)
        with suppress(PersistenceError):
            await act_on_everything(world)


def act(world: World, action: Action, payout_id: str, actor: str) -> None:
    """A person's command; it may be refused."""
    result = world.review.act(action, payout_id, note="because", actor=actor)
    world.chronicle.tell(actor, f"{action}: {_verdict(result)}", payout_id)
    world.chronicle.count(f"person {action}")


async def decide(world: World, payout_id: str, asked: Recorded, actor: str, *, granted: bool) -> None:
    if isinstance(asked.event, ApprovalRequested):
        result = world.review.decide(payout_id, asked.event.number, granted=granted, note="so be it", actor=actor)
        said = "grants" if granted else "refuses"
        world.chronicle.tell(actor, f"{said} {asked.event.action}: {_verdict(result)}", payout_id)
        world.chronicle.count(f"person {said}")


async def act_on_everything(world: World) -> None:
    """In the end people do what only people can: release, decide, and let be tried again what was declined or never found."""
    for payout_id, payout in world.witness.payouts.items():
        if payout.asked is not None:
            checker = next(person for person in PERSONS if person != payout.asked.actor)
            await decide(world, payout_id, payout.asked, checker, granted=True)
        if payout.held and payout.settled is None and not payout.cancelled:
            act(world, "release", payout_id, PERSONS[0])
        for transfer in world.books.strangers_of(payout_id):
            reversals.create(world.twin.world, Cause(), transfer.transfer_id, {})
            world.chronicle.tell("dashboard", f"reverses {transfer.transfer_id}, which is not ours", payout_id)
        if reason_of(decided(world, payout_id)) in RETRIED_BY_PEOPLE:
            act(world, "retry", payout_id, PERSONS[0])


def _verdict(result: Done | Refused) -> str:
    return f"refused, {result.code}" if isinstance(result, Refused) else "done"
