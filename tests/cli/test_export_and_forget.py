"""`ledger export` and `ledger forget`, as the processes that a person starts."""

import json
import os
import pty
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest

from api.cli import forget
from api.cli.errors import UsageProblem
from tests.api.running import a_bonus
from tests.cli.command import Command, scratch_folder


@pytest.fixture(scope="module")
def owing(make_database: Callable[[], str]) -> Iterator[Command]:
    """A ledger with one payout, owed to anna for ben."""
    with scratch_folder() as folder:
        command = Command(folder, {"DATABASE_URL": make_database()})
        facts = b"\n".join(orjson.dumps(each) for each in a_bonus())
        assert command.run("ingest", "-", given=facts).returncode == 0
        yield command


def test_files_are_written_whole_and_never_over_another(owing: Command, tmp_path: Path) -> None:
    books = tmp_path / "books.beancount"
    done = owing.run("export", "journal", "--format", "beancount", "--output", str(books))
    assert (done.returncode, done.stdout) == (0, "")
    assert "journal, positions 1 to " in done.stderr
    written = books.read_bytes()
    assert b"Liabilities:BonusesPayable:Id-anna  -75.00 USD" in written
    again = owing.run("export", "payouts", "--output", str(books))
    assert (again.returncode, again.stderr) == (2, f"ledger: {books} exists already; --force overwrites it\n")
    assert books.read_bytes() == written
    forced = owing.run("export", "payouts", "--output", str(books), "--force")
    assert (forced.returncode, books.read_text().startswith("payout_id,")) == (0, True)
    assert [path.name for path in tmp_path.iterdir()] == [books.name]


def test_days_are_those_of_recording_and_that_is_said(owing: Command) -> None:
    since_ever = owing.run("export", "events", "--format", "ndjson", "--from", "2000-01-01")
    assert ", by the day of recording (UTC): " in since_ever.stderr
    assert "by the day of recording" not in owing.run("export", "events", "--format", "ndjson", "--from", "1").stderr
    earlier = owing.run("export", "events", "--format", "ndjson", "--to", "2020-12-31")
    assert (earlier.stdout, "no event was recorded between, by the day of recording" in earlier.stderr) == ("", True)


def test_without_a_file_it_goes_to_standard_output_alone(owing: Command) -> None:
    done = owing.run("export", "events", "--format", "ndjson", "--from", "2", "--to", "3")
    assert [json.loads(line)["position"] for line in done.stdout.splitlines()] == [2, 3]
    assert "Events: 2 of 2" in done.stderr


def test_what_cannot_be_exported_is_one_line_that_says_why(owing: Command) -> None:
    done = owing.run("export", "events", "--to", "4711")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("ledger: --to: the log ends at position ")


def test_parquet_is_kept_from_a_terminal(owing: Command) -> None:
    keyboard, screen = pty.openpty()
    arguments = ("export", "events", "--format", "parquet")
    try:
        done = subprocess.run(
            owing._line(*arguments),
            check=False,
            stdout=screen,
            stderr=subprocess.PIPE,
            timeout=60,
            **owing._surroundings(),
        )
    finally:
        os.close(screen)
        os.close(keyboard)
    assert done.returncode == 2
    assert "not for a terminal" in done.stderr.decode()


def test_a_person_is_forgotten_once(owing: Command) -> None:
    done = owing.run("forget", "ben", "--reason", "requested_by_person", "--actor", "ada", "--json")
    first = json.loads(done.stdout)
    assert (done.returncode, first["outcome"]) == (0, "recorded")
    assert owing.run("forget", "ben", "--reason", "other").stdout == (
        f"ben was forgotten before, at position {first['position']} of the log\n"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ben@example.com", "other", None), "the platform's opaque id of an instructor is expected"),
        (("ben", "Ben asked", None), "--reason is one of requested_by_person, retention, other"),
        (("ben", "other", "a b"), "--actor is 1 to 255 printable ASCII characters"),
    ],
)
def test_who_and_why_are_codes(arguments: tuple[str, str, str | None], said: str) -> None:
    with pytest.raises(UsageProblem, match=said):
        forget.run(*arguments, as_json=False)
