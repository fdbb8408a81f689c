"""Statuses and reasons: what a referral is waiting for, in words."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from ledger.events import EVENT_TYPES, Happened
from ledger.reasons import EXPLANATIONS, Reason
from ledger.referrals import journey
from ledger.status import status_of
from projections.bank_leg import WHY_REFUSED, BankReport, bank_leg, in_words
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


CODE = re.compile(r"_|[a-z][A-Z]|API|HTTP|Stripe|[45]\d\d|None|" + "|".join(sorted(EVENT_TYPES)))


def assert_plain_words(said: str) -> None:
    assert not CODE.search(said), said
    assert re.fullmatch(r"[A-Z].*[.!?]", said), said


def test_every_reason_is_explained() -> None:
    assert set(EXPLANATIONS) == set(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_an_instructor_reads_whole_sentences_and_no_codes(reason: Reason) -> None:
    explanation = EXPLANATIONS[reason]
    assert_plain_words(explanation.for_instructor)
    assert_plain_words(explanation.next_step)


@pytest.mark.parametrize("reason", Reason)
def test_an_operator_is_told_more_than_an_instructor(reason: Reason) -> None:
    """Beside the code. Whoever has to act is told with what."""
    explanation = EXPLANATIONS[reason]
    assert explanation.for_operator not in {explanation.for_instructor, explanation.next_step}
    assert re.fullmatch(r"[A-Z].*\.", explanation.for_operator)
    if explanation.who == "operator":
        assert re.search(WHAT_TO_DO, explanation.for_operator, re.IGNORECASE), explanation.for_operator
    if explanation.who != "referrer":
        assert re.match(r"Nothing to do|They |Get in touch", explanation.next_step)


WHAT_TO_DO = "mend|top it up|retry|release|approve|give the|reverse"

PAID_AT = datetime(2026, 3, 1, tzinfo=UTC)
LATER = PAID_AT + timedelta(days=2)


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (None, "on its way"),
        (BankReport("paid", None, PAID_AT - timedelta(days=1)), "on its way"),
        (BankReport("failed", "account_closed", PAID_AT - timedelta(days=1)), "on its way"),
        (BankReport("paid", None, LATER), "by 2026-03-03"),
        (BankReport("failed", "account_closed", LATER), "the bank account is closed"),
        (BankReport("failed", "a_code_of_next_year", LATER), "did not say why"),
        (BankReport("failed", None, LATER), "did not say why"),
        (BankReport("failed", "", LATER), "did not say why"),
    ],
)
def test_the_way_to_the_bank_is_told_in_words(report: BankReport | None, said: str) -> None:
    told = in_words(bank_leg(PAID_AT, report))
    assert_plain_words(told)
    assert said.lower() in told.lower()


@pytest.mark.parametrize("code", WHY_REFUSED)
def test_each_reason_of_a_bank_is_told_in_words_of_ours(code: str) -> None:
    told = in_words(bank_leg(PAID_AT, BankReport("failed", code, LATER)))
    assert_plain_words(told)
    assert told.startswith("Your bank refused the newest payment from your account: ")
    assert "did not say why" not in told
