"""How a log is folded by several processes at once: each takes whole journeys, so no row but sums concerns two of them."""

from dataclasses import dataclass
from zlib import crc32

from ledger import identifiers
from ledger.events import (
    AboutPayout,
    BankPayoutReported,
    Event,
    FirstLessonCompleted,
    InstructorWentLive,
    PayoutAccountUpdated,
    ReferralAttributed,
    ReferralCodeIssued,
)

__all__ = ["Share"]


@dataclass(frozen=True, slots=True)
class Share:
    """One of `of` shares, from 0. What concerns no journey (terms, periods) belongs to each: it moves no sums."""

    number: int
    of: int

    def holds(self, event: Event) -> bool:
        journey = _journey(event)
        return journey is None or crc32(journey.encode()) % self.of == self.number


def _journey(event: Event) -> str | None:
    """The referral whose rows an event changes, by the referred instructor; or the bank account."""
    match event:
        case AboutPayout() | ReferralAttributed():
            return event.referral_id
        case ReferralCodeIssued() | PayoutAccountUpdated() | InstructorWentLive() | FirstLessonCompleted():
            return identifiers.referral_id(event.instructor_id)
        case BankPayoutReported():
            return event.stripe_account_id
        case _:
            return None
