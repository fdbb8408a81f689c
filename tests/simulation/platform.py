"""The platform: delivers facts about instructors, at least once, late and repeatedly, and changes the program's terms."""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from eventsourcing.persistence import PersistenceError

from ledger.events import ProgramTermsSet
from ledger.lifecycle import parse_fact
from ledger.set_terms import set_terms
from sandbox.season.generator import generate
from tests.simulation.chronicle import BEGINNING
from tests.simulation.world import World


async def platform(world: World) -> None:
    """Delivers a season of facts: squeezed into the time there is, late, repeated, and again whenever it was refused."""
    lots = world.lots("platform batches")
    waiting: list[dict[str, Any]] = []
    for moment, fact in _deliveries(world):
        waiting.append(fact)
        if lots.random() < 1 / world.plan.batch:
            await world.until(moment)
            await deliver(world, *waiting)
            waiting.clear()
    await deliver(world, *waiting)
    world.all_delivered.set()


def _deliveries(world: World) -> list[tuple[float, dict[str, Any]]]:
    plan, lots = world.plan, world.lots("platform")
    facts = list(generate(plan.instructors, seed=plan.seed, start=BEGINNING))
    latest = max(_seconds(fact) for fact in facts)
    squeeze = 0.9 * plan.adversity / latest
    deliveries: list[tuple[float, dict[str, Any]]] = []
    moment = 0.0
    for fact in facts:  # in the order of delivery, which is not that of their times
        seconds = max(_seconds(fact), 0.0) * squeeze
        moment = max(moment, seconds)
        squeezed = {**fact, "time": _time(_seconds(fact) * squeeze)}
        deliveries.append((moment, squeezed))
        if lots.random() < plan.repeats:
            deliveries.append((moment + lots.uniform(0, 0.1 * plan.adversity), squeezed))
    return sorted(deliveries, key=lambda delivery: delivery[0])


async def deliver(world: World, *facts: dict[str, Any]) -> None:
    """At least once: until the ledger says that it has it."""
    while True:
        before = world.recorder.head()
        try:
            world.ingestion.ingest([parse_fact(fact) for fact in facts], actor="platform")
        except PersistenceError:
            if world.recorder.head() > before:  # it was stored, and nobody was told
                _deliver_to_oracle(world, facts)
            await asyncio.sleep(world.lots("platform").uniform(1, 60))
        else:
            _deliver_to_oracle(world, facts)
            world.chronicle.count("facts delivered", len(facts))
            return


def _deliver_to_oracle(world: World, facts: Iterable[dict[str, Any]]) -> None:
    for fact in facts:
        world.oracle.deliver(fact)


def account_fact(world: World, instructor: str, account: str, *, active: bool) -> dict[str, Any]:
    """The platform learns of an account now."""
    return {
        "specversion": "1.0",
        "id": f"acc-{world.recorder.head()}-{account}-{active}",
        "source": "/platform/accounts",
        "type": "instructor.payout_account_updated",
        "subject": instructor,
        "time": _time(world.chronicle.clock()),
        "data": {"stripe_account_id": account, "transfers_active": active},
    }


async def terms_setter(world: World) -> None:
    """Changes what bonuses are worth from now on."""
    lots = world.lots("terms")
    for moment in world.moments("terms moments", world.plan.term_changes):
        await world.until(moment)
        terms = ProgramTermsSet(
            founding_cap=world.plan.founding_cap,
            founding_bonus_minor=lots.randrange(6000, 9000, 100),
            standard_bonus_minor=lots.randrange(4000, 6000, 100),
            currency="usd",
        )
        try:
            set_terms(world.log, terms, actor="terms-setter", now=world.chronicle.now())
        except PersistenceError:
            continue


def _seconds(fact: dict[str, Any]) -> float:
    return (datetime.fromisoformat(fact["time"]) - BEGINNING).total_seconds()


def _time(seconds: float) -> str:
    return (BEGINNING + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
