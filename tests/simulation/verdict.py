"""What must be true when everything works again and all has become quiet: the log against Stripe's own books."""

from collections import defaultdict
from typing import TypeVar

from api.books_census import BooksCensus
from ledger.books.accounts import Account
from ledger.events import AboutPayout
from ledger.payouts import payout_fold as payouts
from ledger.payouts.payout import Payout
from ledger.payouts.schedule import RETRY_WINDOW
from ledger.payouts.situation import Situations
from ledger.payouts.steps import Cancel, CheckAccount, Finished, LookUp, Step, Wait
from ledger.reasons import Reason
from tests.simulation.watched import Watched
from tests.simulation.world import World

Result = TypeVar("Result")

WAITS_FOR_A_PERSON = frozenset(
    {
        Reason.HELD,
        Reason.HELD_SAME_ACCOUNT,
        Reason.HELD_MANY_BONUSES,
        Reason.APPROVAL_PENDING,
        Reason.ABSENCE_CONFIRMED,
        Reason.RECONCILIATION_REQUIRED,
        Reason.CONFIRMING_WITH_STRIPE,
        Reason.TRANSFER_MISMATCHED,
    }
)


def judge(world: World, *, people_have_acted: bool) -> None:
    """Every invariant of the end; once people did all they could, nobody waits for them any more."""
    books_agree(world)
    journal_balances(world)
    nothing_is_forgotten(world, people_have_acted=people_have_acted)
    nobody_oversleeps(world)
    bonuses_are_the_oracles(world)
    founding_spots_are_used(world)


def books_agree(world: World) -> None:
    """Each transfer that Stripe holds is settled on the log, and the other way round; so is what was taken back."""
    held = defaultdict(list)
    for transfer in world.books.transfers():
        held[transfer.payout_id].append(transfer)
    for payout_id in sorted(set(held) - set(world.witness.payouts)):
        world.witness.violated("Stripe holds what the log knows", "a transfer for no payout", payout_id)
    for payout_id, payout in world.witness.payouts.items():
        there = sorted(
            (each.transfer_id, each.amount_minor, each.net_minor, each.destination) for each in held[payout_id]
        )
        known = []
        if (paid := payout.settled) is not None:
            net_minor = paid.amount_minor - payout.reversed_minor
            known = [(paid.transfer_id, paid.amount_minor, net_minor, paid.destination)]
        if there != known:
            world.witness.violated("Stripe holds what the log knows", f"{there} there, {known} here", payout_id)


def journal_balances(world: World) -> None:
    """Every entry sums to zero (or it could not be made), each is owed what the events say, and Stripe's side is Stripe's."""
    posted = BooksCensus(balances_at=len(world.witness.events))
    states: dict[str, Payout | None] = {}
    for recorded in world.witness.events:
        if isinstance(recorded.event, AboutPayout):
            before = states.get(recorded.event.payout_id)
            posted.add(before, recorded)
            states[recorded.event.payout_id] = payouts.evolve(before, recorded)
    for difference in posted.differences():
        world.witness.violated("the journal owes what the events say", difference)
    gone_minor = sum(
        sides.credit_minor - sides.debit_minor
        for (account, _), sides in posted.sides.items()
        if account in (Account.STRIPE_BALANCE, Account.TRANSFERS_IN_FLIGHT)
    )
    held_minor = sum(transfer.net_minor for transfer in world.books.transfers())
    if gone_minor != held_minor:
        world.witness.violated("the journal has Stripe's balance", f"{gone_minor} left by it, {held_minor} at Stripe")


def nothing_is_forgotten(world: World, *, people_have_acted: bool) -> None:
    """Who is not paid waits for a reason that is true, and will be looked at again."""
    for payout_id, payout in world.witness.payouts.items():
        row = world.todo.rows.get(payout_id)
        step = decided(world, payout_id)
        if isinstance(step, Finished):
            if row is not None:
                world.witness.violated("what is done is off the list", "still on it", payout_id)
            continue
        reason = reason_of(step)
        if row is None:
            world.witness.violated("never lost", f"{reason or step}, and not on the to-do list", payout_id)
        elif people_have_acted and reason in WAITS_FOR_A_PERSON:
            world.witness.violated("never lost", f"people did all they could, and it waits: {reason}", payout_id)
        elif isinstance(step, Cancel) and row.due_at is not None:
            continue  # it is carried out with the next look
        elif reason is None or not is_justified(world, payout, reason):
            world.witness.violated("never lost", f"it could be paid, and waits: {reason or step}", payout_id)
        elif row.due_at is not None and row.due_at < world.loop.time() - 600:
            world.witness.violated("never lost", f"due for {world.loop.time() - row.due_at:.0f} s", payout_id)


def nobody_oversleeps(world: World) -> None:
    """At any moment: what can be done, now or later, is not put away until something happens."""
    if world.todo.checkpoint < world.recorder.head():
        return
    for payout_id in world.witness.payouts:
        row = world.todo.rows.get(payout_id)
        if row is None or (row.due_at is None and row.leased_until is None):
            step = decided(world, payout_id)
            if not isinstance(step, Finished) and not (
                isinstance(step, Wait) and step.until is None and row is not None
            ):
                world.witness.violated(
                    "never lost", f"nobody will look: {type(step).__name__} {reason_of(step)}", payout_id
                )


def count(world: World) -> None:
    """For the summary: what became of every payout, and of Stripe's webhooks."""
    world.webhooks.count_missed(world.witness.events)
    for payout_id, payout in world.witness.payouts.items():
        world.chronicle.count("payouts")
        if payout.settled is not None:
            world.chronicle.count(f"ended {'reversed' if payout.reversed_minor else 'paid'}")
        elif payout.cancelled:
            world.chronicle.count("ended cancelled")
        else:
            world.chronicle.count(f"ended waiting: {reason_of(decided(world, payout_id))}")


def decided(world: World, payout_id: str) -> Step:
    """What the ledger would do about a payout at this moment."""
    with world.trouble.suspended():
        [found] = Situations(world.policy, world.chronicle.now).decide(world.log, [payout_id])
    return Finished() if found is None else found[1]


def reason_of(step: Step) -> Reason | None:
    """What a step says it waits for; None: it waits for nothing."""
    match step:
        case Wait(reason=reason) | LookUp(reason=reason):
            return reason
        case CheckAccount():
            return Reason.ACCOUNT_DECLINED
        case _:
            return None


def is_justified(world: World, payout: Watched, reason: Reason) -> bool:
    """Whether the world is such that this payout cannot be paid without somebody's doing."""
    account = world.witness.accounts.get(payout.bonus.referrer_id)
    receives = account is not None and world.books.can_receive(account.stripe_account_id)
    match reason:
        case Reason.NO_PAYOUT_ACCOUNT:
            return account is None
        case Reason.PAYOUT_ACCOUNT_INACTIVE:
            return account is not None and not account.transfers_active
        case Reason.ACCOUNT_DECLINED:
            return not receives
        case Reason.REQUEST_DECLINED:
            return account is not None and not account.stripe_account_id.startswith("acct_ok")
        case Reason.RETRIES_EXHAUSTED:
            return not receives and world.chronicle.now() - payout.requests[0].recorded_at >= RETRY_WINDOW
        case Reason.HELD | Reason.HELD_SAME_ACCOUNT | Reason.HELD_MANY_BONUSES:
            return payout.held
        case Reason.HOLD_PERIOD:
            return world.chronicle.now() < payout.earned_at + world.policy.hold
        case Reason.APPROVAL_PENDING:
            return payout.asked is not None
        case Reason.CONFIRMING_WITH_STRIPE | Reason.RECONCILIATION_REQUIRED | Reason.ABSENCE_CONFIRMED:
            return not world.books.transfers_of(payout.bonus.payout_id)  # nothing to be found: people decide
        case Reason.TRANSFER_MISMATCHED:
            return bool(world.books.strangers_of(payout.bonus.payout_id))
    return False


def bonuses_are_the_oracles(world: World) -> None:
    """Who earned a bonus, and which were founding, is what the simplest interpreter of the rules says."""
    expected = {name: each.tier for name, each in world.oracle.instructors.items() if each.tier}
    actual = {each.bonus.referred_id: each.bonus.tier for each in world.witness.payouts.values()}
    if expected != actual:
        world.witness.violated("one bonus per referral", f"{sorted(actual.items())}, not {sorted(expected.items())}")


def founding_spots_are_used(world: World) -> None:
    """Exactly min(cap, earned) are founding."""
    tiers = [payout.bonus.tier for payout in world.witness.payouts.values()]
    if tiers.count("founding") != min(world.plan.founding_cap, len(tiers)):
        world.witness.violated(
            "founding bonuses are the first ones up to the cap", f"{tiers.count('founding')} of {len(tiers)}"
        )
