"""`instructor.payout_account_updated`: the newest time wins. Consistency boundary: the instructor's account updates."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from eventsourcing.dcb.api import DCBQueryItem

from ledger.events import Occurred, PayoutAccountUpdated, Recorded, instructor_tag
from ledger.history import History, about
from ledger.lifecycle import PayoutAccount
from ledger.referrals.decision import DUPLICATE, Decision, ignored, recorded


class Account(NamedTuple):
    """Where an instructor is paid. `position` is that of the update in the log (0 while it is not recorded)."""

    stripe_account_id: str
    transfers_active: bool
    updated_at: datetime
    position: int = 0


def boundary(fact: PayoutAccount) -> tuple[DCBQueryItem, ...]:
    return (account_boundary(fact.subject),)


def account_boundary(instructor_id: str) -> DCBQueryItem:
    return about(instructor_tag(instructor_id), PayoutAccountUpdated)


def decide(fact: PayoutAccount, history: History) -> Decision:
    known = fold(history.tagged(instructor_tag(fact.subject)))
    if known is not None:
        same = (known.stripe_account_id, known.transfers_active) == (
            fact.data.stripe_account_id,
            fact.data.transfers_active,
        )
        if fact.time == known.updated_at and same:
            return DUPLICATE
        if fact.time <= known.updated_at:
            return ignored("stale")
        if same:
            return ignored("unchanged")
    return recorded(
        fact,
        PayoutAccountUpdated(
            instructor_id=fact.subject,
            stripe_account_id=fact.data.stripe_account_id,
            transfers_active=fact.data.transfers_active,
        ),
    )


def evolve(account: Account | None, happened: Occurred) -> Account | None:
    if not isinstance(happened.event, PayoutAccountUpdated):
        return account
    return Account(
        stripe_account_id=happened.event.stripe_account_id,
        transfers_active=happened.event.transfers_active,
        updated_at=happened.occurred_at,
        position=happened.position if isinstance(happened, Recorded) else 0,
    )


def fold(events: Iterable[Occurred]) -> Account | None:
    """The account after these updates; they are recorded in the order of their times."""
    account: Account | None = None
    for happened in events:
        account = evolve(account, happened)
    return account
