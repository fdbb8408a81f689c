"""The embedded server with real processes: clients, keepers and servers that start, share, are killed, come back."""

import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg

from sandbox.postgres import EmbeddedPostgres
from sandbox.postgres.account import server_account
from tests.sandbox.postgres_processes import (
    ROOT,
    Client,
    answers,
    ask,
    assert_stops,
    eventually,
    keeper,
    postmaster,
    processes,
)


def test_a_cold_start_gives_a_durable_private_utf8_server(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as server:
        url = server.ensure_database("ledger")
        assert ask(url, "SHOW fsync") == "on"
        assert ask(url, "SHOW data_checksums") == "on"
        assert ask(url, "SHOW server_encoding") == "UTF8"
        assert ask(url, "SHOW listen_addresses") == ""
        assert ask(url, "SELECT datlocale FROM pg_database WHERE datname = 'ledger'") == "C.UTF-8"
        assert ask(url, "SELECT current_user") == "postgres"
        assert stat.S_IMODE((data_dir / "run").stat().st_mode) == 0o700
        assert stat.S_IMODE((data_dir / "cluster").stat().st_mode) == 0o700


def test_data_is_there_after_a_stop_and_a_start(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as server, psycopg.connect(server.ensure_database("kept")) as connection:
        connection.execute("CREATE TABLE fact AS SELECT 42 AS answer")
    assert_stops(data_dir)
    with EmbeddedPostgres(data_dir) as server:
        assert ask(server.ensure_database("kept"), "SELECT answer FROM fact") == 42


def test_settings_are_given_to_the_server(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir, settings={"max_connections": "17"}) as server:
        assert ask(server.url("postgres"), "SHOW max_connections") == "17"


def test_three_processes_that_start_at_once_share_one_server_until_the_last_is_gone(
    data_dir: Path, start_client: Callable[..., Client]
) -> None:
    clients = [start_client(data_dir) for _ in range(3)]
    urls = {client.url() for client in clients}
    assert len(urls) == 1
    shared = postmaster(data_dir)
    clients[0].kill()
    clients[1].process.communicate()  # the end of its input: it leaves in order
    assert answers(urls.pop())
    assert postmaster(data_dir) == shared
    clients[2].kill()
    assert_stops(data_dir)


def test_a_client_can_wait_until_nothing_runs_any_more(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as server:
        assert not server.wait_until_stopped(timeout_seconds=0)
    assert server.wait_until_stopped()
    assert not processes(data_dir, "bin/postgres -D")


def test_a_client_that_arrives_while_the_server_is_being_stopped_gets_one(data_dir: Path) -> None:
    for _ in range(4):
        with EmbeddedPostgres(data_dir) as server:
            assert answers(server.url("postgres"))


def test_a_forked_child_does_not_keep_the_server_up(data_dir: Path) -> None:
    program = (
        "import os, sys, pathlib, sandbox.postgres as postgres\n"
        "with postgres.EmbeddedPostgres(pathlib.Path(sys.argv[1])):\n"
        "    if os.fork() == 0:\n"
        "        sys.stdin.read()\n"
        "        os._exit(0)\n"
        "    os._exit(0)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(data_dir)], cwd=ROOT, stdin=subprocess.PIPE) as parent:
        assert parent.wait() == 0
        assert_stops(data_dir)  # while the child still waits for the end of its input


# --- being killed ----------------------------------------------------------------------------------------------------


def test_nothing_is_left_after_the_client_was_killed(data_dir: Path, start_client: Callable[..., Client]) -> None:
    client = start_client(data_dir)
    client.url()
    client.kill()
    assert_stops(data_dir)


def test_the_next_client_adopts_the_server_of_a_killed_keeper(
    data_dir: Path, start_client: Callable[..., Client]
) -> None:
    first = start_client(data_dir)
    first.url()
    keeper(data_dir).kill()
    first.kill()
    orphan = postmaster(data_dir)
    second = start_client(data_dir)
    assert answers(second.url())
    assert postmaster(data_dir) == orphan
    second.kill()
    assert_stops(data_dir)


def test_a_killed_postmaster_comes_back_under_the_same_url_with_everything_committed(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as server:
        url = server.ensure_database("ledger")
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE survived AS SELECT 7 AS answer")
        killed = postmaster(data_dir)
        killed.kill()
        eventually(lambda: not killed.is_running() and answers(url))
        assert ask(url, "SELECT answer FROM survived") == 7


def test_a_pid_file_whose_number_another_process_has_by_now_is_not_believed(data_dir: Path) -> None:
    names = ("cluster/postmaster.pid", "run/.s.PGSQL.5432.lock")
    with EmbeddedPostgres(data_dir):
        left_behind = {name: (data_dir / name).read_text().splitlines() for name in names}
    assert_stops(data_dir)
    with subprocess.Popen(["/bin/sleep", "60"], **server_account().popen_options()) as stranger:
        for name, lines in left_behind.items():
            (data_dir / name).write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        with EmbeddedPostgres(data_dir) as server:
            assert answers(server.url("postgres"))
        assert_stops(data_dir)
        assert stranger.poll() is None
        stranger.kill()


def test_an_interrupted_initdb_leaves_nothing_in_the_way(fresh_dir: Path, start_client: Callable[..., Client]) -> None:
    client = start_client(fresh_dir)
    eventually(lambda: list((fresh_dir / "cluster.new").glob("base/*")))
    keeper(fresh_dir).kill()
    client.kill()
    for process in processes(fresh_dir, "initdb"):
        process.kill()
    assert not (fresh_dir / "cluster").exists()
    with EmbeddedPostgres(fresh_dir) as server:
        assert answers(server.url("postgres"))
    assert not (fresh_dir / "cluster.new").exists()


def test_a_data_folder_that_is_deleted_takes_its_server_with_it(fresh_dir: Path) -> None:
    with EmbeddedPostgres(fresh_dir, settings={"fsync": "off"}):
        fresh_dir.rename(fresh_dir.with_name("deleted"))  # what deleting does, in one step
        assert_stops(fresh_dir)
