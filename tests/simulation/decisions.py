"""The witness's rules for what people decide: two persons where it takes two, and nothing given up that may have been paid."""

from collections.abc import Callable

from ledger.events import (
    ApprovalGranted,
    ApprovalRefused,
    ApprovalRequested,
    PayoutCancelled,
    PayoutHeld,
    PayoutReleased,
    PayoutRetryAuthorized,
    Recorded,
    ReversalRequested,
    TransferReversed,
)
from tests.simulation.stripe_books import StripeBooks
from tests.simulation.watched import Watched

SEARCHES_NEEDED = 3
"""Absence needs several scans (STRIPE.md)."""


class Decisions:
    def __init__(self, books: StripeBooks, violated: Callable[[str, str, str], None]) -> None:
        self._books = books
        self._violated = violated

    def see(self, payout: Watched, recorded: Recorded) -> None:
        match recorded.event:
            case PayoutHeld():
                if payout.held:
                    self._violated("what is held waits", "it is held again", payout.bonus.payout_id)
                payout.held = True
            case PayoutReleased():
                payout.held = False
            case ApprovalRequested():
                payout.asked = recorded
            case ApprovalRefused():
                payout.asked = None
            case ApprovalGranted(action=action):
                if payout.asked is None or payout.asked.actor == recorded.actor:
                    self._violated("two persons", f"{recorded.actor} approves it alone", payout.bonus.payout_id)
                payout.asked, payout.granted = None, action
            case TransferReversed(total_reversed_minor=total_minor):
                payout.reversed_minor = total_minor
            case _:
                self._see_consequence(payout, recorded)

    def _see_consequence(self, payout: Watched, recorded: Recorded) -> None:
        payout_id = payout.bonus.payout_id
        match recorded.event:
            case PayoutRetryAuthorized(after=after):
                payout.may_retry = True
                if after == "unknown":
                    self._takes_two(payout, "retry")
                if self._books.transfers_of(payout_id):
                    self._violated("never twice", "a retry is allowed, and Stripe holds the transfer", payout_id)
            case PayoutCancelled(amount_minor=amount_minor):
                payout.cancelled = True
                payout.given_up_minor += amount_minor
                self._takes_two(payout, "cancel")
                in_flight = payout.unresolved is not None and payout.searches < SEARCHES_NEEDED
                held_minor = sum(transfer.net_minor for transfer in self._books.transfers_of(payout_id))
                if in_flight or held_minor + payout.given_up_minor > payout.bonus.amount_minor:
                    self._violated("what is cancelled is not paid", "it is in flight, or paid", payout_id)
            case ReversalRequested():
                self._takes_two(payout, "reverse")

    def _takes_two(self, payout: Watched, action: str) -> None:
        if payout.granted != action:
            self._violated("two persons", f"{action}, and nobody has approved it", payout.bonus.payout_id)
