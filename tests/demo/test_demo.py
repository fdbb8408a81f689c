"""Everything at once, as real processes: the road that an event travels, from the season file to the totals."""

import json
import re
import shlex
import signal
import socket
from collections.abc import Iterator

import httpx
import psutil
import pytest

from tests.cli.command import Command, Started, eventually, scratch_folder
from tests.season.small_season import SMALL_EXPECTED, SMALL_SEASON


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Command]:
    """An embedded ledger that the tests of this file use one after the other: PostgreSQL is set up once."""
    with scratch_folder() as folder:
        yield Command(folder)


def assert_nothing_is_left(ledger: Command) -> None:
    eventually(lambda: not ledger.processes())


def addresses_in(output: str) -> list[str]:
    return re.findall(r"http://127\.0\.0\.1:\d+\S*", output)


def asked_as_printed(line: str) -> httpx.Response:
    """Send what a printed curl line would."""
    words = iter(shlex.split(line)[1:])
    headers, body, url = {}, None, ""
    for word in words:
        match word:
            case "-H":
                name, _, value = next(words).partition(": ")
                headers[name] = value
            case "-d":
                body = next(words)
            case "-s":
                pass
            case _:
                url = word
    return httpx.request("POST" if body else "GET", url, headers=headers, content=body, trust_env=False)


def test_a_season_played_through_the_whole_ledger_ends_as_expected(sandbox: Command) -> None:
    result = sandbox.folder / "result.json"
    done = sandbox.run("demo", "--season", str(SMALL_SEASON), "--exit", "--json-result", str(result))
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(result.read_text()) == SMALL_EXPECTED
    assert done.stdout.count("✓") == 9  # seven invariants, one of them in two parts, and the result
    assert "✗" not in done.stdout
    assert "Sandbox" in done.stderr
    assert not sandbox.home.exists()
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", done.stdout + done.stderr)
    assert_nothing_is_left(sandbox)


def test_a_demo_that_ends_otherwise_than_expected_fails_and_can_be_looked_at_afterwards(sandbox: Command) -> None:
    other = sandbox.folder / "other.json"
    other.write_text(json.dumps({**SMALL_EXPECTED, "bonuses": {"founding": 1}}))
    done = sandbox.run("demo", "--season", str(SMALL_SEASON), "--expect", str(other), "--exit")
    assert done.returncode == 1
    assert "bonuses founding: expected 1, got 20" in done.stdout
    report = sandbox.run("report", "--json")
    assert "demo" in report.stderr
    assert json.loads(report.stdout)["statuses"] == SMALL_EXPECTED["statuses"]
    assert len(list((sandbox.data_dir / "demos").iterdir())) == 1  # the newest


def test_a_demo_that_stays_up_serves_its_own_examples_and_dies_whole(sandbox: Command) -> None:
    with sandbox.started("demo", "--instructors", "20") as demo:
        demo.says("Ctrl-C stops everything.")
        commands = [line for line in demo.output.splitlines() if line.startswith("curl ")]
        assert len(commands) >= 6
        assert [command for command in commands if not asked_as_printed(command).is_success] == []
        a_part_that_is_killed_comes_back(demo)
        demo.process.kill()
    assert_nothing_is_left(sandbox)


def a_part_that_is_killed_comes_back(demo: Started) -> None:
    def serving() -> list[psutil.Process]:
        return [child for child in psutil.Process(demo.process.pid).children() if "serve" in child.cmdline()]

    (api,) = serving()
    api.kill()
    demo.says("The api ended")
    ready = next(address for address in addresses_in(demo.output) if address.endswith("/health/ready"))
    eventually(lambda: bool(serving()) and answers(ready))


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def test_up_runs_on_the_database_it_is_given_until_ctrl_c(database_url: str) -> None:
    with scratch_folder() as folder:
        ledger = Command(folder, {"DATABASE_URL": database_url})
        with ledger.started("up") as up:
            up.says("Ctrl-C stops everything.")
            assert not any("sandbox.postgres" in line for line in ledger.processes())
            assert not (ledger.data_dir / "postgres").exists()
            second = ledger.run("up")
            assert second.returncode == 2
            assert "another ledger is running" in second.stderr
            assert up.interrupt(signal.SIGINT) == 0
        assert_nothing_is_left(ledger)


def test_a_demo_does_not_play_into_books_that_are_in_use(database_url: str) -> None:
    with scratch_folder() as folder:
        ledger = Command(folder, {"DATABASE_URL": database_url})
        assert ledger.run("ingest", str(SMALL_SEASON)).returncode == 0
        done = ledger.run("demo", "--exit")
        assert done.returncode == 2
        assert "history" in done.stderr


def test_a_port_that_is_taken_is_said_so(sandbox: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        done = sandbox.run("demo", "--exit", "--port", str(port))
        assert done.returncode == 2
        assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert_nothing_is_left(sandbox)
