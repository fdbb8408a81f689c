"""`instructor.signed_up`: the checks, in the order of the table."""

import pytest

from ledger.events import Happened
from ledger.lifecycle import LifecycleFact
from tests.rules.specification import given
from tests.rules.vocabulary import attributed, code_issued, lesson_completed, signs_up, went_live

ADA = code_issued("ada", "ADA")
ADA_2 = code_issued("ada", "ADA2")
BOB = code_issued("bob", "BOB")
REFERRED = attributed("bob", "ada", "ADA")
TAUGHT = lesson_completed("bob", "first", 5)


def test_a_sign_up_with_a_code_is_attributed_to_its_owner() -> None:
    given(ADA).when(signs_up("bob", "ADA", 7)).then("recorded", attributed("bob", "ada", "ADA", 7))


def test_each_of_several_codes_attributes_to_the_same_owner() -> None:
    given(ADA, ADA_2).when(signs_up("bob", "ADA2")).then("recorded", attributed("bob", "ada", "ADA2"))


@pytest.mark.parametrize(
    ("history", "fact", "outcome"),
    [
        # no code, before everything else
        ([], signs_up("bob", None), "ignored:no_referral_code"),
        ([ADA, REFERRED], signs_up("bob", None), "ignored:no_referral_code"),
        ([TAUGHT], signs_up("bob", None, 9), "ignored:no_referral_code"),
        # already attributed, before anything about the code
        ([ADA, REFERRED], signs_up("bob", "ADA"), "duplicate"),
        ([ADA, REFERRED], signs_up("bob", "ADA", 99), "duplicate"),
        ([ADA, ADA_2, REFERRED], signs_up("bob", "ADA2"), "rejected:already_attributed"),
        ([ADA, REFERRED], signs_up("bob", "NOBODYS"), "rejected:already_attributed"),
        ([ADA, REFERRED], signs_up("bob", ""), "rejected:already_attributed"),
        ([ADA, BOB, REFERRED], signs_up("bob", "BOB"), "rejected:already_attributed"),
        ([ADA, REFERRED, TAUGHT], signs_up("bob", "ADA", 9), "duplicate"),
        ([ADA, ADA_2, REFERRED, TAUGHT], signs_up("bob", "ADA2", 9), "rejected:already_attributed"),
        # an unknown code, before the time of the first lesson
        ([], signs_up("bob", "ADA"), "rejected:unknown_referral_code"),
        ([ADA], signs_up("bob", "ada"), "rejected:unknown_referral_code"),
        ([ADA], signs_up("bob", ""), "rejected:unknown_referral_code"),
        ([ADA], signs_up("bob", "my friend Zoë's code?"), "rejected:unknown_referral_code"),
        ([TAUGHT], signs_up("bob", "ADA", 9), "rejected:unknown_referral_code"),
        # the own code, whichever, before the time of the first lesson
        ([BOB], signs_up("bob", "BOB"), "rejected:self_referral"),
        ([BOB, code_issued("bob", "BOB2")], signs_up("bob", "BOB2"), "rejected:self_referral"),
        ([BOB, TAUGHT], signs_up("bob", "BOB", 9), "rejected:self_referral"),
        # a first lesson before this sign-up
        ([ADA, TAUGHT], signs_up("bob", "ADA", 5.001), "rejected:already_teaching"),
        ([ADA, TAUGHT, went_live("bob")], signs_up("bob", "ADA", 9), "rejected:already_teaching"),
    ],
)
def test_the_first_check_that_fails_decides(history: list[Happened], fact: LifecycleFact, outcome: str) -> None:
    given(*history).when(fact).then(outcome)


@pytest.mark.parametrize(
    "time",
    ["2026-03-01T09:05:00Z", "2026-03-01T09:05:00.000000Z", "2026-03-01T10:05:00+01:00", "2026-03-01T04:05:00-05:00"],
)
def test_a_lesson_at_the_very_moment_of_the_sign_up_is_not_before_it(time: str) -> None:
    given(ADA, TAUGHT).when(signs_up("bob", "ADA", time)).then("recorded", attributed("bob", "ada", "ADA", 5))


def test_a_moment_later_by_the_instant_is_later_whatever_its_text() -> None:
    """As text, 00:05 is before 09:05; as an instant, it is a microsecond after it."""
    later = signs_up("bob", "ADA", "2026-03-01T00:05:00.000001-09:00")
    given(ADA, TAUGHT).when(later).then("rejected:already_teaching")


def test_a_lesson_known_before_the_sign_up_but_after_it_in_time_does_no_harm() -> None:
    given(ADA, TAUGHT).when(signs_up("bob", "ADA", 4)).then("recorded", attributed("bob", "ada", "ADA", 4))


def test_what_counts_as_the_first_lesson_is_the_first_one_known() -> None:
    """Another lesson at minute 1, unknown to the log, was answered with not_first_lesson."""
    given(ADA, TAUGHT).when(signs_up("bob", "ADA", 3)).then("recorded", attributed("bob", "ada", "ADA", 3))


def test_another_instructors_journey_is_their_own() -> None:
    history = [ADA, attributed("eve", "ada", "ADA"), lesson_completed("eve", "first", 1)]
    given(*history).when(signs_up("bob", "ADA", 9)).then("recorded", attributed("bob", "ada", "ADA", 9))


def test_two_instructors_may_refer_each_other() -> None:
    given(ADA, BOB, REFERRED).when(signs_up("ada", "BOB")).then("recorded", attributed("ada", "bob", "BOB"))
