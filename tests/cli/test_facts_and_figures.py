"""ingest, report, token, terms, rebuild, check-ledger: each as the process that a person starts."""

import json
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from projections.rebuild import QUERIES
from tests.cli.command import Command
from tests.season.small_season import SMALL_EXPECTED, SMALL_SEASON


def counted(output: str) -> dict[str, int]:
    """The rows of a table of names and numbers."""
    rows = [line.strip("│ \n").split("│") for line in output.splitlines() if line.startswith("│")]
    return {name.strip(): int(count) for name, count in rows}


def went_live(instructor_id: str) -> str:
    fact = {"specversion": "1.0", "id": "1", "source": "/test", "type": "instructor.went_live"}
    return json.dumps({**fact, "subject": instructor_id, "time": "2026-03-01T09:00:00Z"})


def ingest_small_season(ledger: Command) -> None:
    assert ledger.run("ingest", str(SMALL_SEASON)).returncode == 0


def test_ingesting_a_file_counts_outcomes_as_the_season_expects(ledger: Command) -> None:
    done = ledger.run("ingest", str(SMALL_SEASON))
    assert done.returncode == 0
    assert counted(done.stdout) == SMALL_EXPECTED["outcomes"]
    again = ledger.run("ingest", "-", given=SMALL_SEASON.read_bytes())
    assert again.returncode == 0
    assert "recorded" not in counted(again.stdout)


def test_invalid_lines_are_listed_and_their_neighbours_recorded(ledger: Command, folder: Path) -> None:
    facts = folder / "facts.ndjson"
    lines = [went_live("ins_1"), "{ no json", "", '{"id": "x"}', went_live("ins_2"), "9" * 2_000_000]
    facts.write_text("\n".join(lines))
    done = ledger.run("ingest", str(facts))
    assert done.returncode == 1
    assert counted(done.stdout) == {"recorded": 2, "rejected:invalid": 3}
    said = [line for line in done.stderr.splitlines() if line.startswith("line ")]
    assert [line.split(":")[0] for line in said] == ["line 2", "line 4", "line 6"]


def test_a_line_that_is_yet_to_happen_is_invalid_and_its_neighbours_are_recorded(ledger: Command) -> None:
    of_2199 = json.dumps(json.loads(went_live("ins_2")) | {"time": "2199-12-31T23:59:59Z"})
    lines = "\n".join([went_live("ins_1"), of_2199, went_live("ins_3")])
    done = ledger.run("ingest", "-", given=lines.encode())
    assert done.returncode == 1
    assert counted(done.stdout) == {"recorded": 2, "rejected:invalid": 1}
    assert "line 2: time: 2199-12-31T23:59:59Z is more than a day ahead of our clock" in " ".join(done.stderr.split())


def test_the_report_needs_no_projector_and_has_the_shape_of_the_contract(ledger: Command) -> None:
    ingest_small_season(ledger)
    done = ledger.run("report", "--json")
    assert done.returncode == 0
    report = json.loads(done.stdout)
    assert report.keys() == {"statuses", "bonuses", "money_minor", "currency", "position"}
    assert report["bonuses"] == SMALL_EXPECTED["bonuses"]
    assert report["money_minor"]["earned_minor"] == SMALL_EXPECTED["money_minor"]["earned_minor"]
    assert "1,500.00 USD" in ledger.run("report").stdout


def test_an_ingested_ledger_passes_its_checks_and_is_rebuilt_equal(ledger: Command) -> None:
    ingest_small_season(ledger)
    assert ledger.run("report").returncode == 0
    checked = ledger.run("check-ledger")
    assert checked.returncode == 0, checked.stdout
    assert checked.stdout.count("✓") == 6
    assert "cannot be seen" in checked.stdout
    assert "nothing was ever sealed" in checked.stdout
    assert ledger.run("rebuild", "--roll-back").returncode == 1
    rebuilt = ledger.run("rebuild")
    assert rebuilt.returncode == 0
    assert "row by row" in rebuilt.stdout
    assert ledger.run("rebuild", "--roll-back").returncode == 0


def test_a_read_model_that_was_tampered_with_is_found_and_mended(ledger: Command) -> None:
    ingest_small_season(ledger)
    ledger.run("report")
    with psycopg.connect(ledger.settings["DATABASE_URL"]) as connection:
        connection.execute("UPDATE read_model.referral SET status = 'paid' WHERE referred_id = 'ins_cleo_friend_1'")
    assert ledger.run("check-ledger").returncode == 1
    rebuilt = ledger.run("rebuild")
    assert rebuilt.returncode == 1
    assert "ins_cleo_friend_1" in rebuilt.stdout
    assert ledger.run("rebuild").returncode == 0


@pytest.mark.parametrize("command", ["rebuild", "rebuild --roll-back", "check-ledger"])
def test_who_comes_second_to_the_read_models_is_told_so(ledger: Command, command: str) -> None:
    with psycopg.connect(ledger.settings["DATABASE_URL"], autocommit=True) as somebody_else:
        somebody_else.execute(QUERIES["try_lock"])
        refused = ledger.run(*command.split())
    assert refused.returncode == 2
    assert refused.stderr.splitlines()[-1].startswith("ledger: the read models are being rebuilt or checked")


def test_terms_are_shown_and_changed(ledger: Command) -> None:
    change = ("terms", "--set", "standard_bonus_minor=6000", "--set", "founding_cap=3", "--actor", "ada")
    changed = ledger.run(*change)
    assert changed.returncode == 0
    assert "75.00 USD" in changed.stdout
    assert "60.00 USD" in changed.stdout
    assert "These are the terms already" in ledger.run(*change).stderr


@pytest.mark.parametrize("command", ["report", "serve", "work", "project"])
def test_without_a_schema_a_command_says_to_migrate(
    ledger: Command, make_empty_database: Callable[[], str], command: str
) -> None:
    settings = {"DATABASE_URL": make_empty_database(), "STRIPE_API_BASE": "http://127.0.0.1:1"}
    done = Command(ledger.folder, settings).run(command)
    assert done.returncode == 2
    assert "ledger migrate" in done.stderr


def test_a_ledger_pays_in_one_mode_of_stripes(make_database: Callable[[], str], tmp_path: Path) -> None:
    """With a test key, people would be told that they were paid, and nobody would have the money."""
    url, nobody = make_database(), "http://127.0.0.1:1"

    def work_with(**key: str) -> Command:
        return Command(tmp_path, {"DATABASE_URL": url, "STRIPE_API_BASE": nobody, "LEDGER_LOG_FORMAT": "json", **key})

    for _ in range(2):
        with work_with(STRIPE_API_KEY="rk_live_1").started("work") as worker:
            worker.says('"working"')
    for other, named in ({"STRIPE_API_KEY": "sk_test_1"}, "in Stripe's test mode"), ({}, "in the sandbox"):
        refused = work_with(**other).run("work")
        assert refused.returncode == 2
        assert "this ledger pays with real money" in refused.stderr
        assert named in refused.stderr


def test_migrating_twice_is_as_good_as_once(ledger: Command) -> None:
    assert [ledger.run("migrate").returncode for _ in range(2)] == [0, 0]
    assert json.loads(ledger.run("report", "--json").stdout)["position"] == 1


def test_secrets_of_the_sandbox_are_made_once_and_ours_alone(bare_ledger: Command) -> None:
    secrets = bare_ledger.data_dir / "secrets.json"
    assert bare_ledger.run("token", "--role", "finance", "--subject", "me").returncode == 0
    assert secrets.stat().st_mode & 0o777 == 0o600
    before = secrets.read_text()
    assert bare_ledger.run("token", "--role", "finance", "--subject", "me").returncode == 0
    assert secrets.read_text() == before
