"""How long a ledger that nobody disturbs any more may take until it has come to rest: as long as it says itself."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from api import composition
from ledger.payouts.explain import explain
from ledger.payouts.todo import LEASE_SECONDS
from tests.crash.evidence import Evidence
from tests.crash.expected import differing_payouts

__all__ = ["Patience"]

GRACE = timedelta(seconds=LEASE_SECONDS + 60.0)  # a worker that was killed leaves leases behind
AT_MOST = timedelta(minutes=15)


@dataclass
class Patience:
    """A payout that was declined three times is tried again after five minutes, and is not late before that."""

    began_at: datetime = field(default_factory=composition.now)
    promised: datetime = field(default_factory=composition.now)
    """The last of the moments for which the ledger announced that it goes on with a payout that is not as expected."""

    def is_over(self, evidence: Evidence) -> bool:
        now = composition.now()
        census = evidence.census
        for payout in differing_payouts(evidence).values():
            account = census.accounts.get(payout.bonus.referrer_id)
            self.promised = max(self.promised, explain(payout, account, census.platform, now).until or self.promised)
        return now > min(self.promised + GRACE, self.began_at + AT_MOST)
