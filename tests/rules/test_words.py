"""Statuses and reasons: what a referral is waiting for, in words."""

import re

import pytest

from ledger.events import Happened
from ledger.reasons import EXPLANATIONS, Reason
from ledger.referrals import journey
from ledger.status import status_of
from tests.rules.vocabulary import attributed, lesson_completed, went_live

SIGNED_UP, LIVE, TAUGHT = attributed("bob", "ada", "ADA"), went_live("bob"), lesson_completed("bob", "first")


@pytest.mark.parametrize(
    ("events", "status"),
    [
        ([SIGNED_UP], "pending_live"),
        ([SIGNED_UP, TAUGHT], "pending_live"),
        ([SIGNED_UP, LIVE], "pending_lesson"),
    ],
)
def test_a_referral_waits_for_going_live_and_then_for_the_lesson(events: list[Happened], status: str) -> None:
    assert status_of(journey.fold(events).live_at, None) == status


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_explained_and_an_instructor_reads_no_codes(reason: Reason) -> None:
    explanation = EXPLANATIONS[reason]
    assert all(explanation)
    assert not re.search(r"_|[a-z][A-Z]|API|Stripe", explanation.for_instructor + explanation.next_step)
