"""The one mapping from money events to journal entries: pure, and balanced by construction.

Each event moves amounts from one account to another, as in the table of docs/books.md. Corrections are new entries.

    UnbalancedEntryError   lines that do not sum to zero were put together by hand
"""

from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

from ledger.books.accounts import CHART, Account
from ledger.events import (
    AboutPayout,
    BonusEarned,
    PayoutCancelled,
    PayoutRetryAuthorized,
    Recorded,
    ReversalFailed,
    ReversalRequested,
    TransferFailed,
    TransferRequested,
    TransferReversed,
    TransferSettled,
)
from ledger.payouts.payout import Payout

__all__ = ["Entry", "Line", "Move", "UnbalancedEntryError", "entry", "in_flight_minor", "open_claim_minor"]

EXPENSE, PAYABLE = Account.BONUS_EXPENSE, Account.BONUSES_PAYABLE
IN_FLIGHT, STRIPE, CLAWBACKS = Account.TRANSFERS_IN_FLIGHT, Account.STRIPE_BALANCE, Account.CLAWBACKS_RECEIVABLE

PER_INSTRUCTOR = frozenset(account for account, described in CHART.items() if described.per_instructor)

Move = tuple[Account, Account, int]
"""Debit the first account, credit the second, by an amount in minor units."""


class UnbalancedEntryError(ValueError):
    """Debits and credits of an entry differ."""

    def __init__(self, lines: "tuple[Line, ...]") -> None:
        super().__init__(
            f"the entry does not sum to zero: {[(str(line.account), line.amount_minor) for line in lines]}"
        )
        self.lines = lines


class Line(NamedTuple):
    """`amount_minor`: positive a debit, negative a credit. `instructor_id`: of the accounts kept for each instructor."""

    account: Account
    instructor_id: str | None
    amount_minor: int


AMOUNT_MINOR = attrgetter("amount_minor")


@dataclass(frozen=True, slots=True)
class Entry:
    """What one event posts, all of it in one currency. Raises UnbalancedEntryError."""

    event_type: str
    payout_id: str
    currency: str
    lines: tuple[Line, ...]

    def __post_init__(self) -> None:
        if sum(map(AMOUNT_MINOR, self.lines)) != 0:
            raise UnbalancedEntryError(self.lines)


def entry(before: Payout | None, recorded: Recorded) -> Entry | None:
    """What the event posts, given its payout as it was before; None: no money moved and no obligation changed."""
    event = recorded.event
    if not isinstance(event, AboutPayout):
        return None
    if isinstance(event, BonusEarned):
        # A payout is earned once: the same bonus again would change nothing, see ledger.payouts.payout_fold.
        moves: tuple[Move, ...] = () if before is not None else ((EXPENSE, PAYABLE, event.amount_minor),)
        return _entry(event, event.currency, moves)
    return None if before is None else _entry(event, before.bonus.currency, _moves(before, event))


def _moves(before: Payout, event: AboutPayout) -> tuple[Move, ...]:
    match event:
        case TransferRequested(amount_minor=amount):
            return ((IN_FLIGHT, STRIPE, amount),)
        case TransferSettled(amount_minor=amount):
            # Whatever was set aside for it; the rest, all of it if the attempt had been given up, is gone from the balance.
            in_flight = in_flight_minor(before)
            return ((PAYABLE, IN_FLIGHT, in_flight), (PAYABLE, STRIPE, amount - in_flight))
        case TransferFailed() | PayoutRetryAuthorized(after="unknown"):
            return ((STRIPE, IN_FLIGHT, in_flight_minor(before)),)
        case PayoutCancelled(amount_minor=amount):
            return ((PAYABLE, EXPENSE, amount), (STRIPE, IN_FLIGHT, in_flight_minor(before)))
        case ReversalRequested(amount_minor=amount):
            return ((CLAWBACKS, PAYABLE, amount),)
        case TransferReversed(amount_minor=amount):
            # What nobody here had asked for was reversed at Stripe by others.
            claimed = min(amount, open_claim_minor(before))
            return ((STRIPE, CLAWBACKS, claimed), (STRIPE, PAYABLE, amount - claimed))
        case ReversalFailed():
            return ((PAYABLE, CLAWBACKS, open_claim_minor(before)),)
        case _:
            return ()


def in_flight_minor(payout: Payout) -> int:
    """What is set aside for the attempt whose outcome is open; nothing once two persons have given it up."""
    attempt = payout.unresolved
    if attempt is None or payout.phase not in ("requested", "unknown"):
        return 0
    is_given_up = payout.retry_authorized_position > attempt.requested_position
    return 0 if is_given_up else attempt.request.amount_minor


def open_claim_minor(payout: Payout) -> int:
    """What is left of the claim for a payment that is being taken back. A request asks for all that is left of a transfer."""
    if payout.reversal is None or payout.settlement is None:
        return 0
    left = payout.settlement.amount_minor - payout.reversed_minor
    return max(0, min(payout.reversal.request.amount_minor, left))


def _entry(event: AboutPayout, currency: str, moves: tuple[Move, ...]) -> Entry | None:
    """One line for each account that changes, in the order in which they are named."""
    sums: dict[Account, int] = {}
    for debit, credit, amount_minor in moves:
        sums[debit] = sums.get(debit, 0) + amount_minor
        sums[credit] = sums.get(credit, 0) - amount_minor
    referrer_id = event.referrer_id
    lines = [
        Line(account, referrer_id if account in PER_INSTRUCTOR else None, amount_minor)
        for account, amount_minor in sums.items()
        if amount_minor
    ]
    return Entry(type(event).__name__, event.payout_id, currency, tuple(lines)) if lines else None
