"""What the command line says of itself, and how it refuses."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from api.cli.app import app
from projections.sums import TOTALS
from tests.cli.command import ROOT, Command

COMMANDS = (
    "demo", "up", "ingest", "report", "token", "terms", "payout",
    "serve", "work", "project", "migrate", "check-ledger", "rebuild", "export", "forget",
    "replay", "explain", "verify", "seal-key", "reconcile", "reconciliation",
    "trial-balance", "journal", "statement", "close", "period", "periods", "payees",
)  # fmt: skip


def test_help_names_every_command_and_touches_nothing(bare_ledger: Command) -> None:
    done = bare_ledger.run("--help")
    assert done.returncode == 0
    assert [name for name in COMMANDS if f" {name} " not in done.stdout] == []
    assert not bare_ledger.data_dir.exists()


def test_help_is_quick_because_it_imports_no_part_of_the_ledger() -> None:
    asked = "import sys, api.cli.app; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True, cwd=ROOT)
    assert {"psycopg", "stripe", "fastapi", "sqlalchemy", "pydantic"}.isdisjoint(done.stdout.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    done = CliRunner().invoke(app, [command, "--help"])
    assert done.exit_code == 0
    assert f" {command} " in done.stdout


def test_explain_names_every_total_that_it_takes_apart() -> None:
    help_text = CliRunner().invoke(app, ["explain", "--help"]).stdout
    assert [name for name in TOTALS if name not in help_text] == []


@pytest.mark.parametrize(
    "arguments",
    [("nonsense",), ("ingest",), ("demo", "--season", "missing.ndjson"), ("serve", "--port", "x")],
    ids=" ".join,
)
def test_wrong_usage_exits_with_2(arguments: tuple[str, ...]) -> None:
    assert CliRunner().invoke(app, arguments).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ingest", "missing.ndjson"), "missing.ndjson: No such file"),
        (("token", "--role", "emperor", "--subject", "me"), "no such role: emperor"),
        (("token", "--role", "finance", "--subject", "me", "--ttl", "soon"), "like 12h"),
        (("terms", "--set", "currency=eur"), "NAME=NUMBER"),
        (("terms", "--set", "founding_cap=3", "--actor", "a\nb"), "--actor is 1 to 255 printable"),
        (("export", "events", "--output", "missing/events.csv"), "--output: there is no folder missing"),
        (("work",), "STRIPE_API_KEY is not set"),
    ],
)
def test_what_cannot_be_done_is_one_line_that_says_why(
    bare_ledger: Command, arguments: tuple[str, ...], said: str
) -> None:
    done = bare_ledger.run(*arguments)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr


def test_a_wrong_setting_is_named_without_its_value(bare_ledger: Command) -> None:
    settings = {"LEDGER_JWT_SECRET": "much-too-short"}
    done = Command(bare_ledger.folder, settings).run("token", "--role", "finance", "--subject", "me")
    assert done.returncode == 2
    assert done.stderr.startswith("ledger: LEDGER_JWT_SECRET: ")
    assert "much-too-short" not in done.stderr


@pytest.mark.parametrize("url", ["mysql://me:s3cret@db/ledger", "s3cret", "postgresql://me:s3cret%zz@db/ledger"])
@pytest.mark.parametrize("name", ["DATABASE_URL", "READ_DATABASE_URL"])
def test_a_database_url_that_cannot_be_read_is_named_without_its_password(
    bare_ledger: Command, name: str, url: str
) -> None:
    done = Command(bare_ledger.folder, {name: url}).run("report")
    assert done.returncode == 2
    assert done.stderr.startswith(f"ledger: {name}: a PostgreSQL URL is expected")
    assert "s3cret" not in done.stderr


def test_outside_the_sandbox_there_is_no_secret_by_default(bare_ledger: Command) -> None:
    settings = {"STRIPE_API_KEY": "sk_test_somebodys"}
    done = Command(bare_ledger.folder, settings).run("token", "--role", "finance", "--subject", "me")
    assert done.returncode == 2
    assert "LEDGER_JWT_SECRET" in done.stderr


def test_a_database_that_cannot_be_reached_is_one_line(bare_ledger: Command) -> None:
    settings = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing?connect_timeout=2"}
    done = Command(bare_ledger.folder, settings).run("report")
    assert done.returncode == 1
    assert done.stderr.startswith("ledger: the database ")
    assert len(done.stderr.splitlines()) == 1


def test_a_demo_pays_nobody_with_a_live_key(bare_ledger: Command) -> None:
    settings = {"STRIPE_API_KEY": "sk_live_somebodys", "LEDGER_JWT_SECRET": "s" * 32}
    done = Command(bare_ledger.folder, settings).run("demo", "--exit")
    assert done.returncode == 2
    assert "live key" in done.stderr
