"""Stripe's side of the world: webhooks, funds, and people who use its dashboard."""

import asyncio
import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

from eventsourcing.persistence import PersistenceError

from sandbox.stripe_twin import WebhookHabits, agenda, books, reversals, transfers, webhooks
from sandbox.stripe_twin.refusals import Refusal
from sandbox.stripe_twin.world import Cause
from tests.simulation.world import World


async def stripe(world: World) -> None:
    """The twin's own agenda, and its webhooks on their way to us."""
    while True:
        world.stripe_stirred.clear()
        agenda.run_due(world.twin.world)
        for delivery in webhooks.take_due(world.twin.world, 1):
            world.outside(_carry(world, delivery))
            world.stripe_stirred.set()
        due_at = agenda.next_due_at(world.twin.world)
        wait = None if due_at is None else max(0.0, due_at - world.twin.world.now())
        try:
            async with asyncio.timeout(wait):
                await world.stripe_stirred.wait()
        except TimeoutError:
            continue


async def _carry(world: World, delivery: webhooks.Delivery) -> None:
    """One webhook: heard or refused; and now and then heard without Stripe learning of it."""
    lots = world.lots("webhooks")
    await asyncio.sleep(lots.uniform(0.01, 1))
    notice = json.loads(delivery.body)
    accepted = True
    try:
        world.notices.hear(notice)
        world.chronicle.tell("webhook", f"{notice['type']} {notice['id']}", _about(notice))
        world.webhooks.heard(notice)
    except PersistenceError:
        accepted = False
    if world.is_stormy and lots.random() < 0.05:
        accepted = False
    webhooks.report(world.twin.world, delivery.id, accepted=accepted)
    world.stripe_stirred.set()


async def treasurer(world: World) -> None:
    """Tops the balance up now and then."""
    for moment in world.moments("treasurer", world.plan.top_ups):
        await world.until(moment)
        books.top_up(world.twin.world, 20_000, "usd")
        world.chronicle.tell("treasurer", "tops up 20000")
        world.stripe_stirred.set()


async def stranger(world: World) -> None:
    """Somebody at Stripe's dashboard who makes a transfer of another amount in the group of a payout that is looked up."""
    lots = world.lots("stranger")
    for moment in world.moments("stranger moments", world.plan.strangers):
        await world.until(moment)
        await world.witness.something_is_looked_up.wait()
        with suppress(Refusal):
            payout_id = lots.choice(sorted(world.witness.looked_up))
            group = f"payout_{payout_id}"
            parameters = {
                "amount": 1,
                "currency": "usd",
                "destination": "acct_okstranger",
                "transfer_group": group,
                "metadata": {"payout_id": payout_id},
            }
            transfers.create(world.twin.world, Cause(), parameters)
            world.chronicle.tell("stranger", "transfers 1 in this group", payout_id)


async def dashboard_reversals(world: World) -> None:
    """Somebody at Stripe's dashboard who takes a transfer back, in part or altogether."""
    lots = world.lots("dashboard reversals")
    for moment in world.moments("reversal moments", world.plan.reversals):
        await world.until(moment)
        held = [transfer for transfer in world.books.transfers() if transfer.net_minor > 0]
        with suppress(Refusal):
            if held:
                transfer = lots.choice(held)
                amount = lots.choice((transfer.net_minor, 100))
                reversals.create(world.twin.world, Cause(), transfer.transfer_id, {"amount": amount})
                world.chronicle.tell("dashboard", f"reverses {amount} of {transfer.transfer_id}", transfer.payout_id)
                world.stripe_stirred.set()


def heal(world: World) -> None:
    """Everything works from now on: the network, the store, funds, and what is told by webhook."""
    world.trouble.share = 0.0
    world.twin.faults.set_rates({})
    world.twin.faults.script.clear()
    world.twin.world.settings = replace(world.twin.world.settings, webhooks=WebhookHabits())
    books.top_up(world.twin.world, 100_000_000, "usd")
    world.stripe_stirred.set()
    world.chronicle.tell("world", "=== everything works from here on")


def _about(notice: dict[str, Any]) -> str:
    return str((notice["data"]["object"].get("metadata") or {}).get("payout_id", "")) or "nobody"
