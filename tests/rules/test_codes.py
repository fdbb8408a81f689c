"""`instructor.referral_code_issued`, and the codes that the ledger issues itself."""

import pytest

from ledger import identifiers
from ledger.event_log import EventLog
from ledger.events import Happened
from ledger.ingestion import Ingestion
from ledger.lifecycle import LifecycleFact
from ledger.mint_code import NoFreeCodeError, mint_code
from ledger.store import InMemoryRecorder
from tests.ingestion.names import Names
from tests.rules.specification import given
from tests.rules.vocabulary import (
    attributed,
    code_issued,
    fact,
    founding_bonus,
    goes_live,
    is_issued,
    lesson_completed,
    minute,
    signs_up,
    went_live,
)

SHORT, LONG = identifiers.code_candidates("bob")


def test_a_free_code_is_issued() -> None:
    given().when(is_issued("ada", "ADA", 3)).then("recorded", code_issued("ada", "ADA", 3))


def test_an_instructor_may_have_several_codes() -> None:
    given(code_issued("ada", "ADA")).when(is_issued("ada", "ADA2", 4)).then("recorded", code_issued("ada", "ADA2", 4))


@pytest.mark.parametrize(
    ("fact", "outcome"),
    [
        (is_issued("ada", "ADA"), "duplicate"),
        (is_issued("ada", "ADA", 9), "duplicate"),
        (is_issued("bob", "ADA"), "rejected:code_taken"),
    ],
)
def test_a_code_belongs_to_the_first_who_is_issued_it(fact: LifecycleFact, outcome: str) -> None:
    given(code_issued("ada", "ADA")).when(fact).then(outcome)


def test_codes_that_differ_in_case_differ() -> None:
    given(code_issued("ada", "ADA")).when(is_issued("bob", "ada")).then("recorded", code_issued("bob", "ada"))


def test_going_live_without_a_code_issues_one() -> None:
    given().when(goes_live("bob", 2)).then("recorded", went_live("bob", 2), code_issued("bob", SHORT, 2))


def test_going_live_with_a_code_issues_none() -> None:
    given(code_issued("bob", "BOB")).when(goes_live("bob", 2)).then("recorded", went_live("bob", 2))


def test_being_referred_gives_nobody_a_code() -> None:
    referred = [code_issued("ada", "ADA"), attributed("bob", "ada", "ADA")]
    given(*referred).when(goes_live("bob")).then("recorded", went_live("bob"), code_issued("bob", SHORT))


def test_a_code_and_a_bonus_can_come_with_one_fact() -> None:
    (
        given(attributed("bob", "ada", "ADA"), lesson_completed("bob", "first"))
        .when(goes_live("bob"))
        .then("recorded", went_live("bob"), code_issued("bob", SHORT), founding_bonus("bob", "ada", spot=1))
    )


@pytest.mark.parametrize(
    ("taken", "issued"),
    [
        ([], [code_issued("bob", SHORT)]),
        ([code_issued("eve", SHORT)], [code_issued("bob", LONG)]),
        ([code_issued("eve", LONG)], [code_issued("bob", SHORT)]),
        ([code_issued("eve", SHORT), code_issued("eve", LONG)], []),
    ],
)
def test_a_code_of_our_making_never_takes_somebody_elses(taken: list[Happened], issued: list[Happened]) -> None:
    given(*taken).when(goes_live("bob")).then("recorded", went_live("bob"), *issued)


def test_who_is_live_already_is_issued_nothing() -> None:
    given(went_live("bob")).when(goes_live("bob", 5)).then("duplicate")


def test_a_code_of_our_making_attributes_like_any_other() -> None:
    (
        given(went_live("bob"), code_issued("bob", SHORT))
        .when(signs_up("eve", SHORT))
        .then("recorded", attributed("eve", "bob", SHORT))
    )


def test_the_platform_may_issue_its_own_code_after_ours() -> None:
    history = [went_live("bob"), code_issued("bob", SHORT)]
    given(*history).when(is_issued("bob", "BOB")).then("recorded", code_issued("bob", "BOB"))
    given(*history).when(is_issued("bob", SHORT)).then("duplicate")


def test_codes_of_our_making_are_easy_to_read_out_and_unlike_the_platforms() -> None:
    codes = [identifiers.code_candidates(f"ins_{number:05}") for number in range(2000)]
    assert len({code for pair in codes for code in pair}) == 4000
    for short, long in codes:
        assert (len(short), len(long)) == (8, 16)
        assert not set(short + long) & set("01OIL")
        fact("referral_code_issued", "ada", code=long)  # a platform could send it


@pytest.fixture
def log() -> EventLog:
    return EventLog(InMemoryRecorder())


def test_asking_for_a_code_twice_gives_the_same_one(log: EventLog) -> None:
    assert mint_code(log, "bob", actor="bob", now=minute(1)) == (SHORT, 1)
    assert mint_code(log, "bob", actor="bob", now=minute(2)) == (SHORT, 1)
    assert [recorded.event for recorded in log.read()[0]] == [code_issued("bob", SHORT).event]


def test_asking_for_a_code_gives_the_oldest(log: EventLog) -> None:
    Ingestion(log, Names()).ingest([is_issued("bob", "BOB1"), is_issued("bob", "BOB2")], "tests")
    assert mint_code(log, "bob", actor="bob", now=minute(1))[0] == "BOB1"


def test_asking_for_a_code_when_others_have_them_all_says_so(log: EventLog) -> None:
    Ingestion(log, Names()).ingest([is_issued("eve", SHORT), is_issued("eve", LONG)], "tests")
    with pytest.raises(NoFreeCodeError):
        mint_code(log, "bob", actor="bob", now=minute(1))
