"""What the whole log comes to, counted in one pass by the simplest code that can: the invariants are checked on this.

Folds the log by itself and shares nothing with the read models, so that the two agreeing means something. Memory grows with
the number of referrals, not with the length of the log.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from api.books_census import BooksCensus
from ledger.events import (
    AboutPayout,
    BonusEarned,
    PayoutAccountUpdated,
    PlatformFundsAvailable,
    ProgramTermsSet,
    Recorded,
    ReferralAttributed,
    StripeCredentialsAccepted,
    StripeCredentialsRejected,
    TransferSettled,
)
from ledger.payouts import payout_fold as payouts
from ledger.payouts.next_step import Platform
from ledger.payouts.payout import Payout
from ledger.referrals import payout_account
from ledger.referrals.payout_account import Account

__all__ = ["PROBLEMS_KEPT", "Census"]

PROBLEMS_KEPT = 20


@dataclass
class Census:
    """`head` is the newest position. Ids to what became of them; what happens once has a count of one."""

    head: int = 0
    recorded_at: datetime | None = None
    disorder: list[str] = field(default_factory=list)
    attributions: Counter[str] = field(default_factory=Counter)
    bonuses: list[BonusEarned] = field(default_factory=list)
    founding_caps: set[int] = field(default_factory=set)
    settlements: dict[str, list[TransferSettled]] = field(default_factory=lambda: defaultdict(list))
    payouts: dict[str, Payout] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    platform: Platform = field(default_factory=Platform)
    books: BooksCensus = field(default_factory=BooksCensus)

    @classmethod
    def of(cls, log: Iterable[Recorded], balances_at: int = 0) -> "Census":
        """Of all events, in the order of the log. `balances_at`: as of which position the balances of the books are kept."""
        census = cls(books=BooksCensus(balances_at))
        for recorded in log:
            census.add(recorded)
        return census

    def add(self, recorded: Recorded) -> None:
        self._take_place(recorded)
        match recorded.event:
            case ReferralAttributed(referred_id=referred_id):
                self.attributions[referred_id] += 1
            case ProgramTermsSet(founding_cap=founding_cap):
                self.founding_caps.add(founding_cap)
            case PayoutAccountUpdated(instructor_id=instructor_id):
                account = payout_account.evolve(self.accounts.get(instructor_id), recorded)
                if account is not None:
                    self.accounts[instructor_id] = account
            case BonusEarned() as bonus:
                self.bonuses.append(bonus)
                self._evolve(bonus.payout_id, recorded)
            case TransferSettled() as settled:
                self.settlements[settled.payout_id].append(settled)
                self._evolve(settled.payout_id, recorded)
            case PlatformFundsAvailable():
                self.platform = self.platform.model_copy(update={"funds_position": recorded.position})
            case StripeCredentialsRejected():
                self.platform = self.platform.model_copy(update={"credentials_rejected_at": recorded.recorded_at})
            case StripeCredentialsAccepted():
                self.platform = self.platform.model_copy(update={"credentials_rejected_at": None})
            case AboutPayout() as event:
                self._evolve(event.payout_id, recorded)

    def _evolve(self, payout_id: str, recorded: Recorded) -> None:
        before = self.payouts.get(payout_id)
        self.books.add(before, recorded)
        payout = payouts.evolve(before, recorded)
        if payout is not None:
            self.payouts[payout_id] = payout

    def _take_place(self, recorded: Recorded) -> None:
        if recorded.position != self.head + 1:
            self._note(f"position {recorded.position} follows {self.head}")
        if self.recorded_at is not None and recorded.recorded_at < self.recorded_at:
            self._note(f"position {recorded.position} was recorded before {self.head}")
        self.head, self.recorded_at = recorded.position, recorded.recorded_at

    def _note(self, problem: str) -> None:
        if len(self.disorder) < PROBLEMS_KEPT:
            self.disorder.append(problem)
