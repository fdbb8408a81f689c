"""Earning a bonus: by whichever condition arrives last, once, and for the amount that the program has then."""

from itertools import permutations

import pytest

from ledger.events import Happened
from ledger.lifecycle import LifecycleFact
from tests.rules.specification import given
from tests.rules.vocabulary import (
    attributed,
    code_issued,
    completes,
    founding_bonus,
    goes_live,
    lesson_completed,
    signs_up,
    standard_bonus,
    terms_set,
    went_live,
)

CODES = [code_issued("ada", "ADA"), code_issued("bob", "BOB")]
SIGNED_UP = attributed("bob", "ada", "ADA", 1)
LIVE = went_live("bob", 2)
TAUGHT = lesson_completed("bob", "first", 3)
STEPS = {SIGNED_UP: signs_up("bob", "ADA", 1), LIVE: goes_live("bob", 2), TAUGHT: completes("bob", "first", 3)}
ALMOST = [*CODES, SIGNED_UP, LIVE]


@pytest.mark.parametrize("order", list(permutations(STEPS)))
def test_whichever_arrives_last_earns_the_bonus(order: tuple[Happened, ...]) -> None:
    """And only the last one does. It is earned at the latest of the three times, whatever their order of arrival."""
    for arrived, event in enumerate(order):
        bonus = [founding_bonus("bob", "ada", 3, spot=1)] if event is order[-1] else []
        given(*CODES, *order[:arrived]).when(STEPS[event]).then("recorded", event, *bonus)


def test_a_bonus_is_earned_when_the_last_of_the_three_happened() -> None:
    late_start = went_live("bob", 30)
    (
        given(*CODES, SIGNED_UP, TAUGHT)
        .when(goes_live("bob", 30))
        .then("recorded", late_start, founding_bonus("bob", "ada", 30, spot=1))
    )


@pytest.mark.parametrize(
    ("fact", "outcome"),
    [
        (signs_up("bob", "ADA", 9), "duplicate"),
        (goes_live("bob", 9), "duplicate"),
        (completes("bob", "first", 9), "duplicate"),
        (completes("bob", "second", 9), "ignored:not_first_lesson"),
    ],
)
def test_a_referral_earns_one_bonus_for_ever(fact: LifecycleFact, outcome: str) -> None:
    given(*ALMOST, TAUGHT, founding_bonus("bob", "ada", 3, spot=1)).when(fact).then(outcome)


def test_a_bonus_in_the_log_is_never_earned_again_whatever_else_the_log_lacks() -> None:
    """The rules alone never come to this; the money has a lock of its own."""
    given(*ALMOST, standard_bonus("bob", "ada", 3)).when(completes("bob", "first", 3)).then("recorded", TAUGHT)


def test_a_lesson_before_the_sign_up_that_is_known_only_afterwards_can_earn() -> None:
    early = lesson_completed("bob", "first", 0)
    given(*ALMOST).when(completes("bob", "first", 0)).then("recorded", early, founding_bonus("bob", "ada", 2, spot=1))


def test_a_rejected_sign_up_earns_nothing() -> None:
    given(*CODES, LIVE, TAUGHT).when(signs_up("bob", "ADA", 4)).then("rejected:already_teaching")


def others(number: int, **terms: int) -> list[Happened]:
    """So many founding bonuses earned by others."""
    return [founding_bonus(f"ins_{spot}", "eve", spot=spot, **terms) for spot in range(1, number + 1)]


@pytest.mark.parametrize(
    ("earned", "bonus"),
    [
        (0, founding_bonus("bob", "ada", 3, spot=1)),
        (98, founding_bonus("bob", "ada", 3, spot=99)),
        (99, founding_bonus("bob", "ada", 3, spot=100)),
        (100, standard_bonus("bob", "ada", 3)),
    ],
)
def test_the_last_spot_is_the_hundredth(earned: int, bonus: Happened) -> None:
    given(*ALMOST, *others(earned)).when(completes("bob", "first", 3)).then("recorded", TAUGHT, bonus)


def test_standard_bonuses_take_no_spot() -> None:
    (
        given(*ALMOST, *others(1), standard_bonus("x", "eve"), standard_bonus("y", "eve"))
        .when(completes("bob", "first", 3))
        .then("recorded", TAUGHT, founding_bonus("bob", "ada", 3, spot=2))
    )


@pytest.mark.parametrize(
    ("history", "bonus"),
    [
        ([terms_set(cap=0)], standard_bonus("bob", "ada", 3, cap=0)),
        ([terms_set(cap=1)], founding_bonus("bob", "ada", 3, spot=1, cap=1)),
        ([terms_set(cap=1), *others(1, cap=1)], standard_bonus("bob", "ada", 3, cap=1)),
        # amounts
        ([terms_set(founding=9900)], founding_bonus("bob", "ada", 3, spot=1, minor=9900)),
        ([terms_set(cap=0, standard=1)], standard_bonus("bob", "ada", 3, cap=0, minor=1)),
        # the newest terms hold, whatever held when others earned, or when bob signed up
        ([terms_set(founding=1), *others(2), terms_set()], founding_bonus("bob", "ada", 3, spot=3)),
        # raised: the next spots follow the last one
        ([terms_set(cap=2), *others(2, cap=2), terms_set(cap=3)], founding_bonus("bob", "ada", 3, spot=3, cap=3)),
        # lowered below what is filled: nobody loses a spot, nobody gets one
        ([*others(5), terms_set(cap=3)], standard_bonus("bob", "ada", 3, cap=3)),
        ([*others(5), terms_set(cap=5)], standard_bonus("bob", "ada", 3, cap=5)),
        # lowered and raised again
        (
            [*others(5), terms_set(cap=3), standard_bonus("x", "eve", cap=3), terms_set(cap=6)],
            founding_bonus("bob", "ada", 3, spot=6, cap=6),
        ),
    ],
)
def test_the_terms_in_force_when_it_is_earned_decide(history: list[Happened], bonus: Happened) -> None:
    given(*ALMOST, *history).when(completes("bob", "first", 3)).then("recorded", TAUGHT, bonus)
