"""The words of the rules: facts in the present tense (what a platform reports), events in the past (what the log says)."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from ledger import identifiers
from ledger.events import (
    BonusEarned,
    Event,
    FirstLessonCompleted,
    Happened,
    InstructorWentLive,
    PayoutAccountUpdated,
    ProgramTermsSet,
    ReferralAttributed,
    ReferralCodeIssued,
    Tier,
)
from ledger.lifecycle import InvalidFact, LifecycleFact, parse_fact

START = datetime(2026, 3, 1, 9, tzinfo=UTC)
_numbers = count(1)


def minute(at: float) -> datetime:
    return START + timedelta(minutes=at)


def cloud_event(kind: str, who: str, at: float | str = 0, **data: object) -> dict[str, Any]:
    """A delivery as decoded JSON. `at` is in minutes, or the text of a timestamp."""
    return {
        "specversion": "1.0",
        "id": f"fact-{next(_numbers)}",
        "source": "/tests",
        "type": f"instructor.{kind}",
        "subject": who,
        "time": at if isinstance(at, str) else minute(at).isoformat(),
        "data": data,
    }


def fact(kind: str, who: str, at: float | str = 0, **data: object) -> LifecycleFact:
    parsed = parse_fact(cloud_event(kind, who, at, **data))
    assert not isinstance(parsed, InvalidFact), parsed.problem
    return parsed


def is_issued(who: str, code: str, at: float = 0) -> LifecycleFact:
    return fact("referral_code_issued", who, at, code=code)


def signs_up(who: str, code: str | None, at: float | str = 0, **data: object) -> LifecycleFact:
    return fact("signed_up", who, at, referral_code=code, **data)


def updates_account(who: str, account: str, at: float | str = 0, *, active: bool = True) -> LifecycleFact:
    return fact("payout_account_updated", who, at, stripe_account_id=account, transfers_active=active)


def goes_live(who: str, at: float = 0) -> LifecycleFact:
    return fact("went_live", who, at)


def completes(who: str, lesson: str, at: float = 0) -> LifecycleFact:
    return fact("lesson_completed", who, at, lesson_id=lesson)


def code_issued(who: str, code: str, at: float = 0) -> Happened:
    return _happened(ReferralCodeIssued(instructor_id=who, code=code), at)


def attributed(who: str, referrer: str, code: str, at: float = 0) -> Happened:
    event = ReferralAttributed(
        referral_id=identifiers.referral_id(who), referred_id=who, referrer_id=referrer, code=code
    )
    return _happened(event, at)


def account_updated(who: str, account: str, at: float = 0, *, active: bool = True) -> Happened:
    return _happened(PayoutAccountUpdated(instructor_id=who, stripe_account_id=account, transfers_active=active), at)


def went_live(who: str, at: float = 0) -> Happened:
    return _happened(InstructorWentLive(instructor_id=who), at)


def lesson_completed(who: str, lesson: str, at: float = 0) -> Happened:
    return _happened(FirstLessonCompleted(instructor_id=who, lesson_id=lesson), at)


def terms(cap: int = 100, founding: int = 7500, standard: int = 5000, currency: str = "usd") -> ProgramTermsSet:
    return ProgramTermsSet(
        founding_cap=cap, founding_bonus_minor=founding, standard_bonus_minor=standard, currency=currency
    )


def terms_set(cap: int = 100, founding: int = 7500, standard: int = 5000) -> Happened:
    return _happened(terms(cap, founding, standard), 0)


def founding_bonus(who: str, referrer: str, at: float = 0, *, spot: int, cap: int = 100, minor: int = 7500) -> Happened:
    return _bonus(who, referrer, at, "founding", spot, cap, minor)


def standard_bonus(who: str, referrer: str, at: float = 0, *, cap: int = 100, minor: int = 5000) -> Happened:
    return _bonus(who, referrer, at, "standard", None, cap, minor)


def _bonus(who: str, referrer: str, at: float, tier: Tier, spot: int | None, cap: int, minor: int) -> Happened:
    event = BonusEarned(
        referral_id=identifiers.referral_id(who),
        payout_id=identifiers.payout_id(who),
        referred_id=who,
        referrer_id=referrer,
        tier=tier,
        founding_spot=spot,
        founding_cap=cap,
        amount_minor=minor,
        currency="usd",
    )
    return _happened(event, at)


def _happened(event: Event, at: float) -> Happened:
    return Happened(event, minute(at))
