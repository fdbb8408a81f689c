"""replay and explain, as the processes that a person starts."""

import json
from collections.abc import Callable, Iterator

import psycopg
import pytest
from typer.testing import CliRunner

from api.cli.app import app
from tests.cli.command import Command, scratch_folder
from tests.season.small_season import SMALL_EXPECTED, SMALL_SEASON


@pytest.fixture(scope="module")
def played(make_database: Callable[[], str]) -> Iterator[Command]:
    """The small season, recorded once for all that only look at it, and projected by the first who asks."""
    with scratch_folder() as folder:
        command = Command(folder, {"DATABASE_URL": make_database()})
        assert command.run("ingest", str(SMALL_SEASON)).returncode == 0
        yield command


def test_a_replay_gives_the_totals_without_any_projector_and_one_instructor_as_of_earlier(played: Command) -> None:
    done = played.run("replay", "--json")
    assert done.returncode == 0
    replayed = json.loads(done.stdout)
    assert replayed["totals"]["bonuses"] == SMALL_EXPECTED["bonuses"]
    assert replayed["totals"]["money_minor"]["earned_minor"] == SMALL_EXPECTED["money_minor"]["earned_minor"]

    earlier = replayed["position"] - 1
    done = played.run("replay", "--as-of", str(earlier), "--instructor", "ins_cleo")
    assert done.returncode == 0
    assert "ins_cleo_friend_1, referred by ins_cleo" in done.stdout
    assert f"As of position {earlier} of the log" in done.stdout


def test_an_explanation_for_people_and_one_for_programs(played: Command) -> None:
    total = played.run("explain", "earned_minor")
    assert total.returncode == 0
    assert "Explained to the last cent." in total.stdout
    story = json.loads(played.run("explain", "ins_cleo_friend_1", "--json").stdout)
    assert (story["kind"], story["lines"][0]["type"]) == ("instructor", "ReferralAttributed")


def test_the_check_names_the_value_that_was_tampered_with(played: Command) -> None:
    right = played.run("replay", "--check")
    assert (right.returncode, "row by row" in right.stdout) == (0, True), right.stderr
    with psycopg.connect(played.settings["DATABASE_URL"]) as connection:
        changed = connection.execute(
            "UPDATE read_model.referral SET code = 'X' WHERE referred_id = 'ins_cleo_friend_1'"
        )
        assert changed.rowcount == 1
    wrong = played.run("replay", "--check")
    assert wrong.returncode == 1
    said = {line.split()[0]: line.split(maxsplit=1)[1] for line in wrong.stdout.splitlines() if line.startswith("  ")}
    assert (said["table"], said["column"], said["live"]) == ("referral", "code", '"X"')
    assert said["row"].startswith("referral_id ref_")
    assert said["replayed"] not in ("", '"X"')


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--as-of", "yesterday"), "--as-of: not a moment"),
        (("--payout", "pay_x", "--referral", "ref_x"), "at most one of"),
        (("--instructor", "two words"), "--instructor: the platform's opaque id"),
        (("--check", "--as-of", "3"), "--check is about everything"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_before_anything_is_read(
    arguments: tuple[str, ...], said: str
) -> None:
    done = CliRunner().invoke(app, ["replay", *arguments])
    assert (done.exit_code, said in done.output) == (2, True), done.output
