"""What the books come to, folded from the log itself: every entry, and beside it what the events say is owed to whom."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from ledger.books.accounts import Account
from ledger.books.posting import entry
from ledger.events import (
    AboutPayout,
    BonusEarned,
    PayoutCancelled,
    Recorded,
    ReversalFailed,
    ReversalRequested,
    TransferReversed,
    TransferSettled,
)
from ledger.payouts.payout import Payout

__all__ = ["BooksCensus", "Sides"]

Key = tuple[str, str]
"""An account, or an instructor; and a currency."""


@dataclass
class Sides:
    debit_minor: int = 0
    credit_minor: int = 0


@dataclass
class BooksCensus:
    """`sides`: what was posted up to position `balances_at`, by account and currency.

    `payable` is what the journal owes each instructor; `owed` what they earned less what was paid or cancelled, plus what
    came back, plus `claims`, by payout: what is being taken back and has not come back yet.
    """

    balances_at: int = 0
    entries: int = 0
    sides: defaultdict[Key, Sides] = field(default_factory=lambda: defaultdict(Sides))
    payable: Counter[Key] = field(default_factory=Counter)
    owed: Counter[Key] = field(default_factory=Counter)
    claims: dict[str, tuple[Key, int]] = field(default_factory=dict)

    def add(self, before: Payout | None, recorded: Recorded) -> None:
        """An event about a payout, and the payout as it was before."""
        self._owe(recorded)
        posted = entry(before, recorded)
        if posted is None:
            return
        self.entries += 1
        for line in posted.lines:
            if line.account is Account.BONUSES_PAYABLE:
                self.payable[str(line.instructor_id), posted.currency] -= line.amount_minor
            if recorded.position <= self.balances_at:
                sides = self.sides[line.account.value, posted.currency]
                sides.debit_minor += max(line.amount_minor, 0)
                sides.credit_minor += max(-line.amount_minor, 0)

    def _owe(self, recorded: Recorded) -> None:
        event = recorded.event
        if not isinstance(event, AboutPayout):
            return
        match event:
            case BonusEarned(amount_minor=amount, currency=currency):
                self.owed[event.referrer_id, currency] += amount
            case (
                TransferSettled(amount_minor=amount, currency=currency)
                | PayoutCancelled(amount_minor=amount, currency=currency)
            ):
                self.owed[event.referrer_id, currency] -= amount
            case TransferReversed(amount_minor=amount, currency=currency):
                self.owed[event.referrer_id, currency] += amount
                if event.payout_id in self.claims:
                    key, claimed = self.claims[event.payout_id]
                    self.claims[event.payout_id] = key, max(0, claimed - amount)
            case ReversalRequested(amount_minor=amount, currency=currency):
                self.claims[event.payout_id] = (event.referrer_id, currency), amount
            case ReversalFailed():
                self.claims.pop(event.payout_id, None)

    def differences(self) -> list[str]:
        """Instructors to whom the journal owes something else than the events do."""
        owed = self.owed.copy()
        for key, claimed in self.claims.values():
            owed[key] += claimed
        return [
            f"{instructor_id}: the journal owes {self.payable[instructor_id, currency]}, the events {owed[instructor_id, currency]}"
            f" {currency} (minor units)"
            for instructor_id, currency in sorted({*owed, *self.payable})
            if self.payable[instructor_id, currency] != owed[instructor_id, currency]
        ]
