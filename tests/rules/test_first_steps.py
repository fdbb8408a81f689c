"""`instructor.went_live` and `instructor.lesson_completed`: each counts once. (test_codes.py has the codes that come with it.)"""

import pytest

from ledger.lifecycle import LifecycleFact
from tests.rules.specification import given
from tests.rules.vocabulary import code_issued, completes, goes_live, lesson_completed, went_live

CODE = code_issued("bob", "BOB")


def test_going_live_counts_once() -> None:
    given(CODE).when(goes_live("bob", 3)).then("recorded", went_live("bob", 3))
    given(CODE, went_live("bob", 3)).when(goes_live("bob", 3)).then("duplicate")
    given(CODE, went_live("bob", 3)).when(goes_live("bob", 1)).then("duplicate")


def test_the_first_lesson_known_counts() -> None:
    given().when(completes("bob", "first", 3)).then("recorded", lesson_completed("bob", "first", 3))


@pytest.mark.parametrize(
    ("fact", "outcome"),
    [
        (completes("bob", "first", 3), "duplicate"),
        (completes("bob", "first", 1), "duplicate"),
        (completes("bob", "first", 9), "duplicate"),
        (completes("bob", "second", 9), "ignored:not_first_lesson"),
        (completes("bob", "second", 3), "ignored:not_first_lesson"),
        (completes("bob", "second", 1), "ignored:not_first_lesson"),
        (completes("bob", "FIRST", 3), "ignored:not_first_lesson"),
    ],
)
def test_no_later_known_lesson_counts_however_early_it_was(fact: LifecycleFact, outcome: str) -> None:
    given(lesson_completed("bob", "first", 3)).when(fact).then(outcome)


def test_the_same_lesson_of_another_instructor_is_theirs() -> None:
    given(lesson_completed("bob", "first")).when(completes("eve", "first")).then(
        "recorded", lesson_completed("eve", "first")
    )


def test_an_instructor_whom_nobody_referred_earns_nobody_anything() -> None:
    given(CODE, went_live("bob")).when(completes("bob", "first")).then("recorded", lesson_completed("bob", "first"))
