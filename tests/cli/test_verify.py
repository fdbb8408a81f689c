"""`ledger verify` and `ledger seal-key`, and the sealer beside the projector, as processes of their own."""

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from api.cli.app import app
from api.settings import Settings
from tests.api.test_sealing import login
from tests.cli.command import Command, eventually
from tests.season.small_season import SMALL_SEASON

KEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"


def seal_small_season(ledger: Command) -> None:
    """Ingest it, and let a projector seal it."""
    assert ledger.run("ingest", str(SMALL_SEASON)).returncode == 0
    with (
        ledger.started("project") as projector,
        psycopg.connect(ledger.settings["DATABASE_URL"], autocommit=True) as owner,
    ):
        sealed = "SELECT max(size) = (SELECT position FROM ledger.log_head) FROM proof.checkpoint"
        eventually(lambda: owner.execute(sealed).fetchone() == (True,))
        assert projector.interrupt() == 0


def public_key_of(output: str) -> str:
    return next(line.removeprefix("# public key: ") for line in output.splitlines() if line.startswith("# public key"))


def test_the_projector_seals_and_verify_says_that_it_holds_until_somebody_tampers(ledger: Command) -> None:
    seal_small_season(ledger)
    verdict = json.loads(ledger.run("verify", "--json").stdout)
    assert verdict["holds"] is True
    assert verdict["sealed"] == verdict["events"] > 50
    assert verdict["findings"] == []
    with psycopg.connect(ledger.settings["DATABASE_URL"], autocommit=True) as owner:
        owner.execute("ALTER TABLE ledger.event DISABLE TRIGGER ALL")
        owner.execute("UPDATE ledger.event SET actor = 'mallory' WHERE position = 17")
    done = ledger.run("verify", "--json")
    assert done.returncode == 1
    finding, *guards = json.loads(done.stdout)["findings"]
    assert [each["kind"] for each in guards] == ["guard_missing"]
    assert (finding["kind"], finding["first_position"], finding["last_position"]) == ("event_changed", 17, 17)
    done = ledger.run("verify", "--public-key", "stranger+d0559514+AW56HN0psLeP0Tr0xVmP7/TvKpcWbjym8uT7/M2AUFvx")
    assert done.returncode == 1
    assert "Position 17" in done.stdout


def test_a_checkpoint_that_was_kept_is_held_against_the_log(ledger: Command, tmp_path: Path) -> None:
    seal_small_season(ledger)
    with psycopg.connect(ledger.settings["DATABASE_URL"]) as owner:
        row = owner.execute("SELECT note FROM proof.checkpoint ORDER BY size LIMIT 1").fetchone()
    assert row is not None
    kept = tmp_path / "kept"
    kept.write_text(row[0])
    assert ledger.run("verify", "--checkpoint", str(kept)).returncode == 0
    kept.write_text(row[0].replace("\n\n", "\nmore\n\n", 1))
    for unusable in (kept, tmp_path / "nowhere", tmp_path):
        done = ledger.run("verify", "--checkpoint", str(unusable))
        assert done.returncode == 2
        assert f"--checkpoint {unusable}" in " ".join(done.stderr.split())


def test_a_ledger_that_was_never_sealed_says_so(ledger: Command) -> None:
    assert ledger.run("migrate").returncode == 0
    done = ledger.run("verify")
    assert done.returncode == 0
    assert "nothing yet" in done.stdout
    assert "1 event since the last seal" in done.stdout
    assert "nothing is proven yet" in done.stdout
    assert "every seal holds" not in done.stdout
    assert ledger.run("ingest", str(SMALL_SEASON)).returncode == 0
    done = ledger.run("verify", "--json")
    assert done.returncode == 1
    assert [finding["kind"] for finding in json.loads(done.stdout)["findings"]] == ["nothing_sealed"]


def test_outside_the_sandbox_seals_need_a_key_and_a_place(ledger: Command, folder: Path) -> None:
    real = {**ledger.settings, "STRIPE_API_KEY": "sk_test_somebodys", "LEDGER_JWT_SECRET": "s" * 32}
    done = Command(folder, real).run("verify")
    assert done.returncode == 2
    assert "nothing is sealed here: LEDGER_SEAL_KEY is not set" in done.stderr
    with Command(folder, real).started("project") as projector:
        projector.says("nothing_is_sealed")
        projector.interrupt()
    made = ledger.run("seal-key", "--name", "ledger.example.com").stdout
    secret = made.splitlines()[0].removeprefix("LEDGER_SEAL_KEY=")
    sealing = Command(folder, {**real, "LEDGER_SEAL_KEY": secret, "LEDGER_SEAL_STORE": str(folder / "seals")})
    seal_small_season(sealing)
    assert (folder / "seals" / "checkpoint").read_text().startswith("ledger.example.com\n")
    done = Command(folder, real).run("verify", "--public-key", public_key_of(made), "--store", str(folder / "seals"))
    assert done.returncode == 0
    assert "none changed, none missing, none added" in done.stdout
    done = Command(folder, real).run("verify", "--public-key", public_key_of(made))
    assert done.returncode == 0
    assert "Nothing outside it was looked at" in done.stdout
    assert "none changed" not in done.stdout
    done = Command(folder, real).run("verify", "--public-key", public_key_of(made), "--json")
    assert json.loads(done.stdout)["kept_outside"] is False


def test_a_projector_that_cannot_seal_does_not_start(ledger: Command) -> None:
    """Once, in one line, with what to do; not again and again on its log."""
    assert ledger.run("migrate").returncode == 0
    url = ledger.settings["DATABASE_URL"]
    with login(url, "ledger_app") as services:
        done = Command(ledger.folder, {**ledger.settings, "DATABASE_URL": services}).run("project")
        assert (done.returncode, done.stdout) == (1, "")
        assert "may not write seals in this database" in done.stderr.splitlines()[-1]
        with (
            login(url, "ledger_seal") as sealing,
            Command(ledger.folder, {**ledger.settings, "DATABASE_URL": services, "SEAL_DATABASE_URL": sealing}).started(
                "project"
            ) as projector,
            psycopg.connect(url, autocommit=True) as owner,
        ):
            eventually(lambda: owner.execute("SELECT max(size) FROM proof.checkpoint").fetchone() == (1,))
            assert projector.interrupt() == 0


def test_a_store_that_cannot_be_reached_is_one_line(ledger: Command, folder: Path) -> None:
    (folder / "file").write_text("not a folder")
    done = ledger.run("verify", "--store", str(folder / "file"))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "does not do its part" in done.stderr


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"stripe_api_key": "sk_test_x", "ledger_seal_key": KEY}, "LEDGER_SEAL_KEY needs LEDGER_SEAL_STORE"),
        ({"ledger_seal_key": f"x{KEY}"}, "a private key begins with PRIVATE"),
        ({"ledger_seal_key": KEY[:-2]}, "a private key is PRIVATE"),
        ({"ledger_seal_seconds": "-1"}, "greater than or equal to 0"),
    ],
)
def test_a_wrong_setting_is_named_without_the_key(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(_env_file=None, **settings)
    (problem,) = refused.value.errors(include_input=False)
    assert said in problem["msg"]
    assert KEY[-20:] not in problem["msg"]


@pytest.mark.parametrize("arguments", [("verify", "--public-key", "nonsense"), ("seal-key", "--name", "two words")])
def test_what_is_no_key_is_wrong_usage(arguments: tuple[str, ...]) -> None:
    assert CliRunner().invoke(app, arguments).exit_code == 2
