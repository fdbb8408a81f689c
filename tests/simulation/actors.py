"""Who lives in the world beside the workers. Each is a coroutine that acts on virtual time until the quiet end.

To add one: write `async def somebody(world: World) -> None` and name it in `ACTORS`.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from eventsourcing.persistence import PersistenceError

from ledger.events import ApprovalRequested, ProgramTermsSet, Recorded
from ledger.lifecycle import parse_fact
from ledger.payouts.actions import Action, Refused
from ledger.payouts.review import Done
from ledger.reasons import Reason
from ledger.set_terms import set_terms
from sandbox.season.generator import generate
from sandbox.stripe_twin import WebhookHabits, accounts, agenda, books, reversals, transfers, webhooks
from sandbox.stripe_twin.refusals import Refusal
from sandbox.stripe_twin.world import Cause
from tests.simulation.chronicle import BEGINNING
from tests.simulation.plan import DAY, HOUR, MINUTE
from tests.simulation.verdict import decided, nobody_oversleeps, reason_of

if TYPE_CHECKING:
    from tests.simulation.simulation import World

LONGEST_FREEZE = 30 * MINUTE


async def platform(world: "World") -> None:
    """Delivers a season of facts: squeezed into the time there is, late, repeated, and again whenever it was refused."""
    for moment, fact in _deliveries(world):
        await world.until(moment)
        await deliver(world, fact)
    world.all_delivered.set()


def _deliveries(world: "World") -> list[tuple[float, dict[str, Any]]]:
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


async def deliver(world: "World", fact: dict[str, Any]) -> None:
    """At least once: until the ledger says that it has it."""
    while True:
        before = world.recorder.head()
        try:
            world.ingestion.ingest([parse_fact(fact)], actor="platform")
        except PersistenceError:
            if world.recorder.head() > before:  # it was stored, and nobody was told
                world.oracle.deliver(fact)
            await asyncio.sleep(world.lots("platform").uniform(1, 60))
        else:
            world.oracle.deliver(fact)
            world.chronicle.count("facts delivered")
            return


async def stripe(world: "World") -> None:
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


async def _carry(world: "World", delivery: webhooks.Delivery) -> None:
    """One webhook: heard or refused; and now and then heard without Stripe learning of it."""
    lots = world.lots("webhooks")
    await asyncio.sleep(lots.uniform(0.01, 1))
    notice = json.loads(delivery.body)
    accepted = True
    try:
        world.notices.hear(notice)
        world.chronicle.tell("webhook", f"{notice['type']} {notice['id']}", _about(notice))
        world.chronicle.count("webhooks heard")
    except PersistenceError:
        accepted = False
    if world.is_stormy and lots.random() < 0.05:
        accepted = False
    webhooks.report(world.twin.world, delivery.id, accepted=accepted)
    world.stripe_stirred.set()


async def treasurer(world: "World") -> None:
    """Tops the balance up now and then."""
    for moment in _moments(world, "treasurer", world.plan.top_ups):
        await world.until(moment)
        books.top_up(world.twin.world, 20_000, "usd")
        world.chronicle.tell("treasurer", "tops up 20000")
        world.stripe_stirred.set()


async def account_trouble(world: "World") -> None:
    """Accounts that lose and regain their capability, are closed and replaced, with facts that follow sooner or later."""
    lots = world.lots("account trouble")
    for moment in _moments(world, "account moments", world.plan.account_changes):
        await world.until(moment)
        owed = {payout.bonus.referrer_id for payout in world.witness.payouts.values() if payout.settled is None}
        known = sorted(world.witness.accounts.items())
        concerned = [each for each in known if each[0] in owed]
        if not known:
            continue
        instructor, account = lots.choice(concerned or known)
        await lots.choice(TROUBLES)(world, lots, instructor, account.stripe_account_id)


async def _loses_capability(world: "World", lots: Random, instructor: str, account: str) -> None:
    _change(world, account, transfers="inactive")
    if lots.random() < 0.5:
        await deliver(world, account_fact(world, instructor, account, active=False))
    await asyncio.sleep(lots.uniform(1 * MINUTE, 12 * HOUR))
    _change(world, account, transfers="active")
    if lots.random() < 0.5:
        await deliver(world, account_fact(world, instructor, account, active=True))


async def _is_closed(world: "World", lots: Random, instructor: str, account: str) -> None:
    _change(world, account, transfers="inactive", closed=True)
    await asyncio.sleep(lots.uniform(0, 12 * HOUR))
    await deliver(world, account_fact(world, instructor, f"acct_ok{lots.randrange(10**6):06d}", active=True))


async def _is_unheard_of(world: "World", lots: Random, instructor: str, _account: str) -> None:
    await deliver(world, account_fact(world, instructor, f"acct_nobody{lots.randrange(10**6):06d}", active=True))


async def _is_replaced(world: "World", lots: Random, instructor: str, _account: str) -> None:
    await deliver(world, account_fact(world, instructor, f"acct_ok{lots.randrange(10**6):06d}", active=True))


Trouble = Callable[["World", Random, str, str], Awaitable[None]]
TROUBLES: tuple[Trouble, ...] = (
    _loses_capability,
    _loses_capability,
    _is_closed,
    _is_unheard_of,
    _is_replaced,
)


def _change(world: "World", account: str, *, transfers: str, closed: bool | None = None) -> None:
    if accounts.find(world.twin.world, account) is not None:
        accounts.change(world.twin.world, account, transfers=transfers, closed=closed)
        world.chronicle.tell("Stripe", f"{account} is {'closed' if closed else transfers}")
        world.stripe_stirred.set()


def account_fact(world: "World", instructor: str, account: str, *, active: bool) -> dict[str, Any]:
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


async def flickering_accounts(world: "World") -> None:
    """Accounts that go away for a while, and come back in facts so close upon each other that they meet a worker at work."""
    lots = world.lots("flickering accounts")
    for moment in _moments(world, "flickering moments", world.plan.flickers):
        await world.until(moment)
        earning = [payout.bonus.referrer_id for payout in world.witness.payouts.values()]
        world.outside(_flickers(world, lots, lots.choice(earning or ["ins_00000", "ins_00001"])))


async def _flickers(world: "World", lots: Random, instructor: str) -> None:
    known = world.witness.accounts.get(instructor)
    account = known.stripe_account_id if known is not None else f"acct_ok{lots.randrange(10**6):06d}"
    await deliver(world, account_fact(world, instructor, account, active=False))
    await world.until(lots.uniform(world.loop.time(), world.plan.adversity))
    another = f"acct_ok{lots.randrange(10**6):06d}"
    for where, active in lots.choice((((account, True), (account, False)), ((another, False),), ())):
        await deliver(world, account_fact(world, instructor, where, active=active))
        await asyncio.sleep(lots.expovariate(0.2 / world.plan.thread_delay))
    await deliver(world, account_fact(world, instructor, account, active=True))


async def terms_setter(world: "World") -> None:
    """Changes what bonuses are worth from now on."""
    lots = world.lots("terms")
    for moment in _moments(world, "terms moments", world.plan.term_changes):
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


async def stranger(world: "World") -> None:
    """Somebody at Stripe's dashboard who makes a transfer of another amount in the group of a payout that is looked up."""
    lots = world.lots("stranger")
    for moment in _moments(world, "stranger moments", world.plan.strangers):
        await world.until(moment)
        while not (unknown := sorted(world.witness.looked_up)):
            await asyncio.sleep(10 * MINUTE)
        with suppress(Refusal):
            payout_id = lots.choice(unknown)
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


async def dashboard_reversals(world: "World") -> None:
    """Somebody at Stripe's dashboard who takes a transfer back, in part or altogether."""
    lots = world.lots("dashboard reversals")
    for moment in _moments(world, "reversal moments", world.plan.reversals):
        await world.until(moment)
        held = [transfer for transfer in world.books.transfers() if transfer.net_minor > 0]
        with suppress(Refusal):
            if held:
                transfer = lots.choice(held)
                amount = lots.choice((transfer.net_minor, 100))
                reversals.create(world.twin.world, Cause(), transfer.transfer_id, {"amount": amount})
                world.chronicle.tell("dashboard", f"reverses {amount} of {transfer.transfer_id}", transfer.payout_id)
                world.stripe_stirred.set()


async def operators(world: "World") -> None:
    """Two persons who press every button at any time; now and then one tries to approve what they asked for themselves."""
    lots = world.lots("operators")
    for moment in _moments(world, "operator moments", world.plan.operator_actions):
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


async def diligent_operators(world: "World") -> None:
    """Two persons who come by now and then, and do what only people can."""
    while True:
        await asyncio.sleep(world.plan.operators_look_every)
        with suppress(PersistenceError):
            await act_on_everything(world)


def act(world: "World", action: Action, payout_id: str, actor: str) -> None:
    """A person's command; it may be refused."""
    result = world.review.act(action, payout_id, note="because", actor=actor)
    world.chronicle.tell(actor, f"{action}: {_verdict(result)}", payout_id)
    world.chronicle.count(f"person {action}")


async def decide(world: "World", payout_id: str, asked: Recorded, actor: str, *, granted: bool) -> None:
    if isinstance(asked.event, ApprovalRequested):
        result = world.review.decide(payout_id, asked.event.number, granted=granted, note="so be it", actor=actor)
        said = "grants" if granted else "refuses"
        world.chronicle.tell(actor, f"{said} {asked.event.action}: {_verdict(result)}", payout_id)
        world.chronicle.count(f"person {said}")


async def act_on_everything(world: "World") -> None:
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


PERSONS = ("ada", "ben")
ACTIONS: tuple[Action, ...] = ("hold", "release", "retry", "cancel", "reverse")
RETRIED_BY_PEOPLE = frozenset({Reason.REQUEST_DECLINED, Reason.RETRIES_EXHAUSTED, Reason.ABSENCE_CONFIRMED})


async def freezer(world: "World") -> None:
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


async def auditor(world: "World") -> None:
    """Looks at the to-do list at any time."""
    lots = world.lots("auditor")
    while True:
        await asyncio.sleep(lots.expovariate(20 / world.plan.adversity))
        nobody_oversleeps(world)


ACTORS = (platform, stripe, treasurer, account_trouble, flickering_accounts, terms_setter, stranger, dashboard_reversals, operators, diligent_operators, freezer, auditor)
UNTIL_THE_END = (stripe,)
"""Those who stay when the others have gone."""


def heal(world: "World") -> None:
    """Everything works from now on: the network, the store, funds, and what is told by webhook."""
    world.trouble.share = 0.0
    world.twin.faults.set_rates({})
    world.twin.faults.script.clear()
    world.twin.world.settings = replace(world.twin.world.settings, webhooks=WebhookHabits())
    books.top_up(world.twin.world, 100_000_000, "usd")
    world.stripe_stirred.set()
    world.chronicle.tell("world", "=== everything works from here on")


async def mend_accounts(world: "World") -> None:
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


def _moments(world: "World", name: str, how_many: int) -> list[float]:
    lots = world.lots(name)
    return sorted(lots.uniform(0, world.plan.adversity) for _ in range(how_many))


def _about(notice: dict[str, Any]) -> str:
    return str((notice["data"]["object"].get("metadata") or {}).get("payout_id", "")) or "nobody"


def _seconds(fact: dict[str, Any]) -> float:
    return (datetime.fromisoformat(fact["time"]) - BEGINNING).total_seconds()


def _time(seconds: float) -> str:
    return (BEGINNING + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
