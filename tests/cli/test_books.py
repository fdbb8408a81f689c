"""The books on the command line: each command as the process that a person starts."""

import csv
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from api.cli.app import app
from tests.cli.command import Command, scratch_folder
from tests.season.small_season import SMALL_SEASON

FIRST_MONTH = "2026-01"


@pytest.fixture(scope="module")
def season(make_database: Callable[[], str]) -> Iterator[Command]:
    """A season of early 2026 whose bonuses are earned, and not paid. The tests change nothing that another one looks at."""
    with scratch_folder() as folder:
        ledger = Command(folder, {"DATABASE_URL": make_database()})
        assert ledger.run("ingest", str(SMALL_SEASON)).returncode == 0
        yield ledger


def test_the_trial_balance_at_any_moment(season: Command) -> None:
    now = json.loads(season.run("trial-balance", "--json").stdout)
    balances = {each["account"]: each["balance_minor"] for each in now["accounts"]}
    assert balances["bonus_expense"] == -balances["bonuses_payable"] == 150_000
    then = json.loads(season.run("trial-balance", "--as-of", "1", "--effective-at", "2026-01-31", "--json").stdout)
    assert {each["balance_minor"] for each in then["accounts"]} == {0}
    assert "1,500.00 USD" in season.run("trial-balance").stdout


def test_journal_and_statement_agree(season: Command) -> None:
    journal = json.loads(season.run("journal", "--account", "bonuses_payable", "--json").stdout)["items"]
    whose = next(line["instructor_id"] for line in journal[0]["lines"] if line["instructor_id"])
    owed = sum(line["credit_minor"] for entry in journal for line in entry["lines"] if line["instructor_id"] == whose)
    statement = json.loads(season.run("statement", "bonuses_payable", "--instructor", whose, "--json").stdout)
    assert statement["closing_minor"] == statement["items"][-1]["balance_minor"] == -owed
    assert "closing balance" in season.run("statement", "bonuses_payable").stdout


def test_a_list_that_was_cut_says_so_to_programs_too(season: Command) -> None:
    for command in (["journal"], ["statement", "bonuses_payable"]):
        cut = json.loads(season.run(*command, "--limit", "1", "--json").stdout)
        assert (len(cut["items"]), cut["more"]) == (1, True)
        assert json.loads(season.run(*command, "--limit", "1000", "--json").stdout)["more"] is False


def test_a_month_is_closed_once_and_its_books_are_the_same_ever_after(ledger: Command, folder: Path) -> None:
    assert ledger.run("ingest", str(SMALL_SEASON)).returncode == 0
    month = json.loads(ledger.run("journal", "--json").stdout)["items"][0]["period"]
    closed = ledger.run("close", month, "--actor", "ada@example.com", "--json")
    assert closed.returncode == 0, closed.stderr
    assert ledger.run("close", month, "--actor", "bob@example.com", "--json").stdout == closed.stdout
    digest = json.loads(closed.stdout)["digest"]
    assert digest[:12] in ledger.run("periods").stdout

    books = folder / "books.csv"
    assert ledger.run("period", month, "--output", str(books)).returncode == 0
    assert hashlib.sha256(books.read_bytes()).hexdigest() == digest

    with psycopg.connect(ledger.settings["DATABASE_URL"]) as connection:
        connection.execute("UPDATE read_model.journal_line SET payout_id = 'pay_another' WHERE line = 1")
    forged = ledger.run("period", month, "--output", str(folder / "forged.csv"))
    assert (forged.returncode, (folder / "forged.csv").exists()) == (1, False)
    assert (folder / "forged.csv.differs").read_bytes() != books.read_bytes()
    assert digest in forged.stderr


def test_payees_of_a_year(season: Command) -> None:
    assert json.loads(season.run("payees", "2026", "--json").stdout)["items"] == []
    header = next(csv.reader(season.run("payees", "2026", "--csv").stdout.splitlines()))
    assert header[:2] == ["instructor_id", "display_name"]
    assert "2,000.00 USD" in season.run("payees", "2026").stdout


def test_what_is_empty_says_so_in_words(season: Command) -> None:
    assert "Nobody was paid in 2026." in season.run("payees", "2026").stdout
    assert season.run("periods").stdout == "No month is closed yet.\n"
    assert season.run("replay", "--as-of", "0").stdout.count("none") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("trial-balance", "--effective-at", "3488"), "--effective-at: not a moment: '3488'; give a time like"),
        (("statement", "cash"), "an account is one of"),
        (("statement", "bonus_expense", "--instructor", "anna"), "not kept for each instructor"),
        (("statement", "bonuses_payable", "--instructor", ""), "--instructor: the platform's opaque id"),
        (("journal", "--instructor", "two words"), "--instructor: the platform's opaque id"),
        (("journal", "--payout", "4711"), "--payout: the id of a payout is expected"),
        (("journal", "--period", "2026-13"), "a month like 2026-03"),
        (("close", "March"), "a month like 2026-03"),
        (("payees", "2026", "--json", "--csv"), "not both"),
    ],
)
def test_what_cannot_be_asked_is_one_line_that_says_why(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        app(arguments)
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (("trial-balance", "--as-of", "99999"), 2, "the log ends at position"),
        (("close", "2026-01"), 1, "nothing_to_close"),
    ],
)
def test_what_the_log_does_not_have_is_one_line_too(
    ledger: Command, arguments: tuple[str, ...], exit_code: int, said: str
) -> None:
    done = ledger.run(*arguments)
    assert (done.returncode, said in done.stderr) == (exit_code, True)
