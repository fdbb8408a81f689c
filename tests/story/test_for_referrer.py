"""What a referrer reads of their referral's events: what happened, in order, and nothing of ours."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from ledger.events import (
    BonusEarned,
    Event,
    FirstLessonCompleted,
    InstructorWentLive,
    PayoutAccountUpdated,
    Recorded,
    ReferralAttributed,
    TransferFailed,
)
from ledger.story.for_referrer import told_to_referrer
from tests.projections import lively

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SIGNED_UP = ReferralAttributed(referral_id="ref_1", referred_id="ben", referrer_id="anna", code="ANNA")
LIVE, LESSON = InstructorWentLive(instructor_id="ben"), FirstLessonCompleted(instructor_id="ben", lesson_id="les_1")
BONUS = BonusEarned(
    payout_id="pay_1",
    referral_id="ref_1",
    referrer_id="anna",
    referred_id="ben",
    tier="founding",
    founding_spot=1,
    founding_cap=100,
    amount_minor=7500,
    currency="usd",
)
EARNED = ["Signed up with your code ANNA.", "Went live.", "Completed a first lesson.", "You earned a founding bonus."]


def recorded(*events: Event | tuple[Event, datetime]) -> list[Recorded]:
    """At positions 1, 2, 3, …, a minute apart unless a time is given."""
    timed = [
        each if isinstance(each, tuple) else (each, NOON + timedelta(minutes=place))
        for place, each in enumerate(events)
    ]
    return [
        Recorded(event, at, position, uuid4(), at, "sam@staff.example", None, None)
        for position, (event, at) in enumerate(timed, start=1)
    ]


def words(events: Iterable[Event]) -> list[str]:
    return [each.words for each in told_to_referrer(recorded(*events))]


def test_from_the_sign_up_to_the_money() -> None:
    told = told_to_referrer(recorded(SIGNED_UP, LIVE, LESSON, BONUS, *lively.paid(BONUS)))
    assert [each.words for each in told] == [*EARNED, "Paid to your payout account."]
    assert [each.amount_minor for each in told] == [None, None, None, 7500, 7500]
    assert told[0].happened_at == NOON


def test_steps_that_were_reported_late_are_told_when_they_happened() -> None:
    told = told_to_referrer(recorded(SIGNED_UP, LESSON, (LIVE, NOON + timedelta(seconds=30)), BONUS))
    assert [each.words for each in told] == EARNED


def test_what_happened_several_times_in_a_row_is_told_once() -> None:
    declined = [step for attempt in (1, 2, 3) for step in _declined(attempt)]
    told = told_to_referrer(recorded(SIGNED_UP, LIVE, LESSON, BONUS, *declined))
    assert told[-1].words == "The payment was delayed on our side. No money moved."
    assert (told[-1].times, told[-1].last_at) == (3, NOON + timedelta(minutes=9))
    assert len(told) == len(EARNED) + 1


def _declined(attempt: int) -> tuple[Event, TransferFailed]:
    request = lively.requested(BONUS, attempt)
    return request, lively.declined(request)


def test_a_payment_that_is_open_is_told() -> None:
    assert words([SIGNED_UP, BONUS, lively.requested(BONUS)])[-1] == "We sent the payment."


def test_only_what_was_heard_of_the_payout_account_since_the_bonus_is_told() -> None:
    account = PayoutAccountUpdated(instructor_id="anna", stripe_account_id="acct_1", transfers_active=False)
    ready = account.model_copy(update={"transfers_active": True})
    assert words([account, SIGNED_UP, LIVE, LESSON, BONUS, ready]) == [
        *EARNED,
        "Your payout account is ready to receive payments.",
    ]


def test_why_people_of_ours_decided_is_not_told() -> None:
    for fate in (lively.held_and_released, lively.cancelled, lively.taken_back, lively.lost_then_found):
        told = " ".join(words([SIGNED_UP, LIVE, LESSON, BONUS, *fate(BONUS)]))
        for secret in ("case", "fine", "acct_", "tr_", "evt_", "staff", "pay_1", "timeout", "Insufficient", "rule"):
            assert secret not in told
