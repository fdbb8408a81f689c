"""The oracle against the rules of the program, row by row, and against a season whose outcomes were written by hand."""

import json
import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from sandbox.season.oracle import Oracle
from tests.season.small_season import SMALL_EXPECTED, SMALL_SEASON, small_season

Fact = dict[str, Any]
numbers = count(1)


def fact(kind: str, who: str, minute: int = 0, **data: object) -> Fact:
    return {
        "specversion": "1.0",
        "id": f"fact-{next(numbers)}",
        "source": "/tests",
        "type": f"instructor.{kind}",
        "subject": who,
        "time": f"2026-03-01T09:{minute:02d}:00Z",
        "data": data,
    }


def code(who: str, code: str) -> Fact:
    return fact("referral_code_issued", who, code=code)


def sign_up(who: str, code: str | None, minute: int = 0) -> Fact:
    return fact("signed_up", who, minute, referral_code=code)


def account(who: str, minute: int, account: str = "acct_ok1", *, active: bool = True) -> Fact:
    return fact("payout_account_updated", who, minute, stripe_account_id=account, transfers_active=active)


def live(who: str) -> Fact:
    return fact("went_live", who)


def lesson(who: str, lesson_id: str = "first", minute: int = 0) -> Fact:
    return fact("lesson_completed", who, minute, lesson_id=lesson_id)


def outcome_of_last(*facts: object) -> str:
    """Deliver the facts and name what became of the last one."""
    oracle = Oracle()
    outcome, reason = [oracle.deliver(one) for one in facts][-1]
    return f"{outcome}:{reason}" if reason else outcome


ADA = code("ada", "ADA")
JOINED = sign_up("bob", "ADA")


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        ([ADA], "recorded"),
        ([ADA, code("ada", "ADA")], "duplicate"),
        ([ADA, code("bob", "ADA")], "rejected:code_taken"),
        ([ADA, code("ada", "ADA2")], "recorded"),
        ([live("ada"), ADA], "recorded"),
    ],
)
def test_codes_belong_to_the_first_who_is_issued_them(facts: list[Fact], outcome: str) -> None:
    assert outcome_of_last(*facts) == outcome


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        ([ADA, JOINED], "recorded"),
        ([ADA, JOINED, JOINED], "duplicate"),
        ([ADA, JOINED, sign_up("bob", "ADA", 5)], "duplicate"),
        ([ADA, JOINED, sign_up("bob", None)], "ignored:no_referral_code"),
        ([ADA, sign_up("bob", None), JOINED], "recorded"),
        ([ADA, code("ada", "ADA2"), JOINED, sign_up("bob", "ADA2")], "rejected:already_attributed"),
        ([ADA, JOINED, sign_up("bob", "NOPE")], "rejected:already_attributed"),
        ([ADA, JOINED, code("bob", "BOB"), sign_up("bob", "BOB")], "rejected:already_attributed"),
        ([JOINED], "rejected:unknown_referral_code"),
        ([JOINED, ADA, JOINED], "recorded"),
        ([ADA, sign_up("ada", "ADA")], "rejected:self_referral"),
        ([ADA, lesson("ada"), sign_up("ada", "ADA", 5)], "rejected:self_referral"),
        ([ADA, lesson("bob"), sign_up("bob", "ADA", 5)], "rejected:already_teaching"),
        ([ADA, lesson("bob", minute=5), sign_up("bob", "ADA", 5)], "recorded"),
        ([ADA, lesson("bob", minute=6), sign_up("bob", "ADA", 5)], "recorded"),
        ([ADA, sign_up("bob", "ADA", 5), lesson("bob")], "recorded"),
    ],
)
def test_sign_ups_are_checked_in_the_order_of_the_table(facts: list[Fact], outcome: str) -> None:
    assert outcome_of_last(*facts) == outcome


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        ([account("ada", 1)], "recorded"),
        ([account("ada", 1), account("ada", 1)], "duplicate"),
        ([account("ada", 1), account("ada", 1, active=False)], "ignored:stale"),
        ([account("ada", 1), account("ada", 0)], "ignored:stale"),
        ([account("ada", 1), account("ada", 2)], "ignored:unchanged"),
        ([account("ada", 1), account("ada", 2, active=False)], "recorded"),
        ([account("ada", 1), account("ada", 2, "acct_ok2"), account("ada", 1)], "ignored:stale"),
        ([account("ada", 1), account("ada", 3), account("ada", 2, "acct_ok2")], "recorded"),
        ([account("ada", 1), account("ada", 1) | {"time": "2026-03-01T10:01:00.000+01:00"}], "duplicate"),
    ],
)
def test_the_newest_account_wins(facts: list[Fact], outcome: str) -> None:
    assert outcome_of_last(*facts) == outcome


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        ([live("bob")], "recorded"),
        ([live("bob"), live("bob")], "duplicate"),
        ([lesson("bob")], "recorded"),
        ([lesson("bob"), lesson("bob", minute=7)], "duplicate"),
        ([lesson("bob", minute=5), lesson("bob", "second", 1)], "ignored:not_first_lesson"),
    ],
)
def test_one_start_and_one_first_lesson_count(facts: list[Fact], outcome: str) -> None:
    assert outcome_of_last(*facts) == outcome


@pytest.mark.parametrize(
    "broken",
    [
        None,
        [],
        "text",
        {},
        live("bob") | {"type": "instructor.retired"},
        live("bob") | {"subject": ""},
        live("bob") | {"id": 7},
        live("bob") | {"time": "2026-03-01T09:00:00"},
        live("bob") | {"time": "yesterday"},
        live("bob") | {"specversion": "0.3"},
        ADA | {"data": {}},
        ADA | {"data": []},
        ADA | {"data": {"code": 5}},
        sign_up("bob", None) | {"data": {"referral_code": 5}},
        account("ada", 1) | {"data": {"stripe_account_id": "acct_ok1", "transfers_active": "yes"}},
    ],
)
def test_what_is_no_fact_is_invalid_and_spoils_nothing(broken: object) -> None:
    assert outcome_of_last(broken) == "rejected:invalid"
    assert outcome_of_last(ADA, broken, JOINED) == "recorded"


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ([], "pending_live"),
        ([lesson("bob")], "pending_live"),
        ([live("bob")], "pending_lesson"),
        ([live("bob"), lesson("bob")], "pending_transfer"),
        ([lesson("bob"), live("bob")], "pending_transfer"),
        ([live("bob"), lesson("bob"), account("ada", 1)], "paid"),
        ([account("ada", 1), live("bob"), lesson("bob")], "paid"),
        ([account("bob", 1), live("bob"), lesson("bob")], "pending_transfer"),
        ([live("bob"), lesson("bob"), account("ada", 1, active=False)], "pending_transfer"),
        ([live("bob"), lesson("bob"), account("ada", 1, "acct_closed1")], "failed"),
        ([live("bob"), lesson("bob"), account("ada", 1, "acct_closed1"), account("ada", 2)], "paid"),
    ],
)
def test_a_referral_goes_its_road(facts: list[Fact], status: str) -> None:
    oracle = Oracle()
    for one in [ADA, JOINED, *facts]:
        oracle.deliver(one)
    assert oracle.result()["statuses"] == {status: 1}


def test_an_attribution_that_arrives_last_earns_at_once() -> None:
    oracle = Oracle()
    for one in [ADA, live("bob"), lesson("bob", minute=9), JOINED]:
        oracle.deliver(one)
    assert oracle.result()["bonuses"] == {"founding": 1, "standard": 0}


def test_founding_spots_go_to_the_first_who_earn_not_who_sign_up() -> None:
    oracle = Oracle(founding_cap=1)
    for one in [ADA, JOINED, sign_up("eve", "ADA"), lesson("bob"), lesson("eve"), live("eve"), live("bob")]:
        oracle.deliver(one)
    result = oracle.result()
    assert {name: referral["tier"] for name, referral in result["referrals"].items()} == {
        "bob": "standard",
        "eve": "founding",
    }
    assert result["money_minor"] == {
        "earned_minor": 12500,
        "paid_minor": 0,
        "pending_minor": 12500,
        "failed_minor": 0,
    }


def test_the_small_season_has_the_outcomes_that_were_written_by_hand() -> None:
    oracle = Oracle()
    for event in small_season():
        oracle.deliver(event)
    assert oracle.result() == SMALL_EXPECTED


def test_the_small_season_meets_every_rule_and_every_status() -> None:
    assert SMALL_EXPECTED["outcomes"].keys() == {
        "recorded",
        "duplicate",
        "ignored:no_referral_code",
        "ignored:not_first_lesson",
        "ignored:stale",
        "ignored:unchanged",
        "rejected:already_attributed",
        "rejected:already_teaching",
        "rejected:code_taken",
        "rejected:self_referral",
        "rejected:unknown_referral_code",
    }
    assert SMALL_EXPECTED["statuses"].keys() == {"pending_live", "pending_lesson", "pending_transfer", "paid", "failed"}


def test_the_command_line_prints_the_same_expectation() -> None:
    command = [sys.executable, "-m", "sandbox.season", "expect", str(SMALL_SEASON)]
    printed = subprocess.run(command, check=True, capture_output=True, cwd=Path(__file__).parents[2])
    assert json.loads(printed.stdout) == SMALL_EXPECTED
