"""A generated season: the same for a seed, full of trouble, and fair."""

import subprocess
import sys
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest

from sandbox.season.generator import generate, to_line
from sandbox.season.oracle import Oracle
from tests.season.small_season import SMALL_EXPECTED, small_season

SEEDS = [1, 2, 3, 4]


def result_when_paying_now_and_then(season: list[dict[str, Any]], share: float, seed: int = 0) -> dict[str, Any]:
    """The result when, after any delivery, the payouts are tried with this probability."""
    oracle, lots = Oracle(), Random(seed)
    for event in season:
        oracle.deliver(event)
        if lots.random() < share:
            oracle.settle()
    return oracle.result()


def test_the_same_seed_makes_the_same_season() -> None:
    season = [to_line(event) for event in generate(50, seed=7)]
    assert season == [to_line(event) for event in generate(50, seed=7)]
    assert season != [to_line(event) for event in generate(50, seed=8)]


def test_a_season_is_the_same_in_another_process() -> None:
    command = [sys.executable, "-m", "sandbox.season", "generate", "--instructors", "20", "--seed", "7"]
    made = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert made.stdout == "".join(to_line(event) for event in generate(20, seed=7))


def test_a_season_begins_when_it_is_told_to() -> None:
    start = datetime(2031, 5, 1, tzinfo=UTC)
    assert next(generate(5, start=start))["time"] == "2031-05-01T00:00:00.000000Z"


def test_a_season_is_over_however_many_instructors_it_has() -> None:
    assert max(event["time"] for event in generate(600)) < "2026-05"
    assert max(event["time"] for event in generate(4000)) < "2026-05"
    assert next(generate(250_000))["time"] > "2000-01-01"


def test_a_season_is_made_as_it_is_read() -> None:
    assert len(list(islice(generate(10_000_000), 500))) == 500


@pytest.mark.parametrize("seed", SEEDS)
def test_a_season_is_delivered_at_least_once_and_not_in_order(seed: int) -> None:
    season = list(generate(200, seed))
    by_id = {event["id"]: event for event in season}
    times = [event["time"] for event in season]
    assert len(by_id) < len(season)
    assert all(event == by_id[event["id"]] for event in season)
    assert times != sorted(times)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_season_meets_every_rule_and_every_status(seed: int) -> None:
    oracle = Oracle()
    for event in generate(600, seed):
        oracle.deliver(event)
    result = oracle.result()
    assert result["outcomes"].keys() == SMALL_EXPECTED["outcomes"].keys()
    assert result["statuses"].keys() == SMALL_EXPECTED["statuses"].keys()
    assert result["bonuses"]["founding"] == 100
    assert result["bonuses"]["standard"] > 0


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("share", [0.01, 0.2, 1.0])
def test_the_result_of_a_season_does_not_depend_on_when_payouts_are_tried(seed: int, share: float) -> None:
    season = list(generate(150, seed))
    assert result_when_paying_now_and_then(season, share, seed) == result_when_paying_now_and_then(season, 0)


@pytest.mark.parametrize("share", [0.05, 0.5, 1.0])
def test_the_small_season_is_as_fair(share: float) -> None:
    assert result_when_paying_now_and_then(small_season(), share) == SMALL_EXPECTED


def test_an_unfair_season_would_be_noticed() -> None:
    """The model can tell: an account that is payable only for a while makes a result of chance."""
    season = small_season()
    last = next(event for event in reversed(season) if event["type"] == "instructor.payout_account_updated")
    data = last["data"] | {"transfers_active": False}
    season.append(last | {"id": "closes-down", "time": "2027-01-01T00:00:00Z", "data": data})
    moved = [event for event in season if event["subject"] == last["subject"] and "account" in event["type"]]
    friends_first = [event for event in season if event not in moved] + moved
    assert result_when_paying_now_and_then(friends_first, 1.0) != result_when_paying_now_and_then(friends_first, 0)
