"""A log that owes payouts, written straight into the store: what happens before a benchmark of the payout process begins."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

from ledger.event_log import Draft, EventLog
from ledger.events import BonusEarned, Event, Happened, PayoutAccountUpdated
from ledger.history import about
from ledger.store import PostgresRecorder

__all__ = ["owe"]

BATCH = 1000
PAYOUTS_OF_A_REFERRER = 5


def owe(database_url: str, payouts: int) -> None:
    """So many bonuses are earned, by referrers whose accounts are known and take transfers."""
    now = datetime.now(UTC)
    with closing(PostgresRecorder(database_url)) as recorder:
        log = EventLog(recorder)
        for first in range(0, payouts, BATCH):
            events = [event for number in range(first, min(first + BATCH, payouts)) for event in _earned(number)]
            drafts = [Draft(Happened(event, now), "benchmark", "benchmark", None) for event in events]
            log.append(drafts, [about("whatever-nobody-records")], after=0)


def _earned(number: int) -> Iterator[Event]:
    referrer = number // PAYOUTS_OF_A_REFERRER
    if number % PAYOUTS_OF_A_REFERRER == 0:
        yield PayoutAccountUpdated(
            instructor_id=f"ins_referrer_{referrer}", stripe_account_id=f"acct_ok{referrer}", transfers_active=True
        )
    yield BonusEarned(
        referral_id=f"ref_{number}",
        payout_id=f"pay_{number}",
        referred_id=f"ins_{number}",
        referrer_id=f"ins_referrer_{referrer}",
        tier="standard",
        founding_spot=None,
        founding_cap=0,
        amount_minor=5000,
        currency="usd",
    )
