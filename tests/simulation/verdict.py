"""What must be true when everything works again and all has become quiet: the log against Stripe's own books."""

from collections import defaultdict
from typing import TYPE_CHECKING

from ledger.events import PLATFORM_FUNDS_TAG, STRIPE_CREDENTIALS_TAG, StripeCredentialsRejected, payout_tag
from ledger.history import about
from ledger.payouts import payout as payouts
from ledger.payouts.explain import explain
from ledger.payouts.next_step import Platform
from ledger.payouts.schedule import RETRY_WINDOW
from ledger.payouts.steps import Wait
from ledger.reasons import Reason
from ledger.referrals import payout_account
from tests.simulation.witness import Watched

if TYPE_CHECKING:
    from tests.simulation.simulation import World


def judge(world: "World") -> None:
    """Every invariant of the end."""
    for check in CHECKS:
        check(world)


def books_agree(world: "World") -> None:
    """Each transfer that Stripe holds is settled on the log, and the other way round."""
    held = defaultdict(list)
    for transfer in world.books.transfers():
        if transfer.net_minor > 0:
            held[transfer.payout_id].append(transfer)
    for payout_id in sorted(set(held) - set(world.witness.payouts)):
        world.witness.violated("Stripe holds what the log knows", "a transfer for no payout", payout_id)
    for payout_id, payout in world.witness.payouts.items():
        if len(held[payout_id]) > 1:
            world.witness.violated("never twice", f"{len(held[payout_id])} transfers", payout_id)
        there = {(transfer.transfer_id, transfer.amount_minor, transfer.destination) for transfer in held[payout_id]}
        settled = payout.settled
        known = {(settled.transfer_id, settled.amount_minor, settled.destination)} if settled is not None else set()
        if there != known:
            world.witness.violated(
                "Stripe holds what the log knows", f"{sorted(there)} there, {sorted(known)} here", payout_id
            )


def nothing_is_forgotten(world: "World") -> None:
    """Who is not paid waits for a reason that is true, and will be looked at again."""
    for payout_id, payout in world.witness.payouts.items():
        if payout.settled is not None:
            if payout_id in world.todo.rows:
                world.witness.violated("what is done is off the list", "still on it", payout_id)
            continue
        reason = waits_for(world, payout_id).reason
        row = world.todo.rows.get(payout_id)
        if row is None:
            world.witness.violated("never lost", f"{reason.value}, and not on the to-do list", payout_id)
        elif not is_justified(world, payout, reason):
            world.witness.violated("never lost", f"it could be paid, and waits: {reason.value}", payout_id)
        elif row.due_at is not None and row.due_at < world.loop.time() - 600:
            world.witness.violated("never lost", f"due for {world.loop.time() - row.due_at:.0f} s", payout_id)


def count(world: "World") -> None:
    """For the summary: what became of every payout."""
    for payout_id, payout in world.witness.payouts.items():
        world.chronicle.count("payouts")
        paid = payout.settled is not None
        world.chronicle.count("payouts paid" if paid else f"waiting: {waits_for(world, payout_id).reason.value}")


def waits_for(world: "World", payout_id: str) -> Wait:
    """The reason as the ledger gives it."""
    payout = payouts.fold(world.log.read([about(payout_tag(payout_id))])[0])
    if payout is None:
        raise LookupError(payout_id)
    account = payout_account.fold(world.log.read([payout_account.account_boundary(payout.bonus.referrer_id)])[0])
    funds = world.log.read_last(about(PLATFORM_FUNDS_TAG))
    credentials = world.log.read_last(about(STRIPE_CREDENTIALS_TAG))
    rejected = credentials is not None and isinstance(credentials.event, StripeCredentialsRejected)
    platform = Platform(
        funds_position=funds.position if funds else 0,
        credentials_rejected_at=credentials.recorded_at if credentials is not None and rejected else None,
    )
    return explain(payout, account, platform, world.chronicle.now())


def nobody_oversleeps(world: "World") -> None:
    """At any moment: what could be done now is not put away until something happens."""
    if world.todo.checkpoint < world.recorder.head():
        return
    for payout_id, payout in world.witness.payouts.items():
        row = world.todo.rows.get(payout_id)
        if payout.settled is None and (row is None or (row.due_at is None and row.leased_until is None)):
            wait = waits_for(world, payout_id)
            if wait.until is not None and wait.until <= world.chronicle.now():
                world.witness.violated("never lost", f"{wait.reason.value}, and nobody will look", payout_id)


def is_justified(world: "World", payout: Watched, reason: Reason) -> bool:
    """Whether the world is such that this payout cannot be paid without somebody's doing."""
    account = world.witness.accounts.get(payout.bonus.referrer_id)
    match reason:
        case Reason.NO_PAYOUT_ACCOUNT:
            return account is None
        case Reason.PAYOUT_ACCOUNT_INACTIVE:
            return account is not None and not account.transfers_active
        case Reason.ACCOUNT_DECLINED:
            return account is not None and not world.books.can_receive(account.stripe_account_id)
        case Reason.REQUEST_DECLINED:
            return account is not None and not account.stripe_account_id.startswith("acct_ok")
        case Reason.RETRIES_EXHAUSTED:
            return world.chronicle.now() - payout.requests[0].recorded_at >= RETRY_WINDOW
        case Reason.CONFIRMING_WITH_STRIPE | Reason.RECONCILIATION_REQUIRED:
            return not world.books.transfers_of(payout.bonus.payout_id)  # nothing to be found: a person decides
    return False


def bonuses_are_the_oracles(world: "World") -> None:
    """Who earned a bonus, and which were founding, is what the simplest interpreter of the rules says."""
    expected = {name: each.tier for name, each in world.oracle.instructors.items() if each.tier}
    actual = {each.bonus.referred_id: each.bonus.tier for each in world.witness.payouts.values()}
    if expected != actual:
        world.witness.violated("one bonus per referral", f"{sorted(actual.items())}, not {sorted(expected.items())}")


def founding_spots_are_used(world: "World") -> None:
    """Exactly min(cap, earned) are founding."""
    tiers = [payout.bonus.tier for payout in world.witness.payouts.values()]
    if tiers.count("founding") != min(world.plan.founding_cap, len(tiers)):
        world.witness.violated(
            "founding bonuses are the first ones up to the cap", f"{tiers.count('founding')} of {len(tiers)}"
        )


CHECKS = (books_agree, nothing_is_forgotten, bonuses_are_the_oracles, founding_spots_are_used)
