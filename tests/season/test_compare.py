"""Differences between a result and its expectation are found and named."""

from copy import deepcopy
from typing import Any

import pytest

from sandbox.season.compare import differences
from tests.season.small_season import SMALL_EXPECTED


def compare(actual: dict[str, Any]) -> list[str]:
    return differences(
        SMALL_EXPECTED,
        totals=actual,
        outcomes=actual["outcomes"],
        referrals=actual["referrals"],
        delivery_outcomes=actual["delivery_outcomes"],
    )


@pytest.fixture
def actual() -> dict[str, Any]:
    return deepcopy(SMALL_EXPECTED)


def test_equal_results_have_no_differences(actual: dict[str, Any]) -> None:
    assert compare(actual) == []


def test_a_count_of_zero_is_as_good_as_none(actual: dict[str, Any]) -> None:
    actual["statuses"]["reversed"] = 0
    assert compare(actual) == []


def test_a_wrong_total_is_named(actual: dict[str, Any]) -> None:
    actual["money_minor"]["paid_minor"] += 7500
    assert compare(actual) == ["money_minor paid_minor: expected 105000, got 112500"]


def test_totals_that_are_missing_are_named(actual: dict[str, Any]) -> None:
    del actual["bonuses"], actual["currency"]
    assert compare(actual) == ["bonuses founding: expected 20, got 0", "currency: expected usd, got None"]


def test_a_wrong_referral_is_named(actual: dict[str, Any]) -> None:
    actual["referrals"]["ins_ivy"]["status"] = "failed"
    actual["referrals"]["ins_tia"] = actual["referrals"].pop("ins_zoe")
    assert compare(actual) == [
        "referral of ins_ivy, status: expected paid, got failed",
        "referral of ins_tia: not expected",
        "referral of ins_zoe: missing",
    ]


def test_a_wrong_outcome_of_a_delivery_is_named(actual: dict[str, Any]) -> None:
    actual["delivery_outcomes"][1]["outcome"] = "recorded"
    actual["delivery_outcomes"].pop()
    assert compare(actual) == [
        "delivery 2: expected ada-code-ada duplicate None, got ada-code-ada recorded None",
        "deliveries: expected 143, got 142 outcomes",
    ]


def test_a_delivery_too_few_is_named(actual: dict[str, Any]) -> None:
    actual["outcomes"]["duplicate"] -= 1
    assert compare(actual) == ["outcomes duplicate: expected 13, got 12", "deliveries: expected 143, got 142"]
