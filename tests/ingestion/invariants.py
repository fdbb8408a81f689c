"""The invariants of DESIGN section 11 that a log alone can show, counted in the simplest way that could be right."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

from ledger.events import (
    BonusEarned,
    FirstLessonCompleted,
    InstructorWentLive,
    ProgramTermsSet,
    Recorded,
    ReferralAttributed,
    ReferralCodeIssued,
)


def check_log(log: Sequence[Recorded]) -> None:
    """Fails where the log breaks an invariant."""
    assert [recorded.position for recorded in log] == list(range(1, len(log) + 1))
    check_each_is_once(log)
    check_amounts(log)


def check_each_is_once(log: Iterable[Recorded]) -> None:
    seen: Counter[Hashable] = Counter()
    for recorded in log:
        match recorded.event:
            case ReferralCodeIssued(code=code):
                seen["owner", code] += 1
            case ReferralAttributed(referred_id=referred, referral_id=referral):
                seen.update([("attribution", referred), ("attribution", referral)])
            case InstructorWentLive(instructor_id=instructor):
                seen["live", instructor] += 1
            case FirstLessonCompleted(instructor_id=instructor):
                seen["lesson", instructor] += 1
            case BonusEarned(referral_id=referral, payout_id=payout, founding_spot=spot):
                seen.update([("bonus", referral), ("payout", payout)])
                if spot is not None:
                    seen["spot", spot] += 1
    assert {what: times for what, times in seen.items() if times > 1} == {}


def check_amounts(log: Iterable[Recorded]) -> None:
    """Each bonus has the amount of the terms before it in the log, and the spot that the bonuses before it left."""
    terms = ProgramTermsSet(founding_cap=100, founding_bonus_minor=7500, standard_bonus_minor=5000, currency="usd")
    referrer_of: dict[str, str] = {}
    filled = 0
    for recorded in log:
        match recorded.event:
            case ProgramTermsSet() as changed:
                terms = changed
            case ReferralAttributed() as attribution:
                referrer_of[attribution.referral_id] = attribution.referrer_id
            case BonusEarned() as bonus:
                is_founding = filled < terms.founding_cap
                filled += is_founding
                assert bonus.tier == ("founding" if is_founding else "standard")
                assert bonus.founding_spot == (filled if is_founding else None)
                assert bonus.amount_minor == (terms.founding_bonus_minor if is_founding else terms.standard_bonus_minor)
                assert (bonus.founding_cap, bonus.currency) == (terms.founding_cap, terms.currency)
                assert bonus.referrer_id == referrer_of[bonus.referral_id]
