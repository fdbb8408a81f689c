"""The server dies and comes back: nothing acknowledged is lost, and everybody goes on by themselves."""

import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from shutil import rmtree
from uuid import UUID

import psycopg
import pytest
from eventsourcing.persistence import OperationalError

import migrations
from ledger.store import AppendOutcomeUnknown, EventAlreadyRecorded, EventEnvelope, PostgresRecorder, StoreUnavailable
from sandbox.postgres import EmbeddedPostgres
from tests.store.happenings import event, hold_the_log, tagged, wait_until, waiting_for_the_log


@pytest.fixture(scope="module")
def database_url() -> Iterator[str]:
    """A server of its own: killed, it comes back under the same URL."""
    folder = Path(tempfile.mkdtemp(prefix="ledger-restart-"))
    folder.chmod(0o711)  # started by root, the server runs as another user and has to get in
    server = EmbeddedPostgres(folder / "postgres", major=int(os.environ.get("LEDGER_TEST_POSTGRES_MAJOR", "18")))
    try:
        with server:
            url = server.ensure_database("ledger")
            migrations.upgrade(url)
            yield url
        server.wait_until_stopped()
    finally:
        rmtree(folder, ignore_errors=True)


def postmaster(database_url: str) -> int | None:
    """Its process id; None while nobody answers."""
    try:
        with psycopg.connect(database_url) as connection:
            row = connection.execute("SELECT pg_read_file('postmaster.pid')").fetchone()
    except psycopg.OperationalError:
        return None
    assert row is not None
    return int(row[0].splitlines()[0])


def kill_the_server(database_url: str) -> None:
    """SIGKILL, so that it has no time for anything; returns when the next one answers."""
    killed = postmaster(database_url)
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: postmaster(database_url) not in {killed, None}, seconds=60)


def test_appends_and_followers_recover_and_nothing_acknowledged_is_lost(
    recorder: PostgresRecorder, database_url: str
) -> None:
    acknowledged: list[UUID] = []
    stop = threading.Event()

    def write(writer: int) -> None:
        while not stop.is_set():
            happened = event(f"writer:{writer}")
            try:
                recorder.append([happened])
            except OperationalError:  # away, or the outcome is unknown: either way it was not acknowledged
                stop.wait(0.05)
                continue
            acknowledged.append(happened.event_id)

    followed: list[int] = []

    def follow() -> None:
        for each in subscription:
            followed.append(each.position)  # noqa: PERF401 - others look at it meanwhile

    def wait_for_more_appends() -> None:
        enough = len(acknowledged) + 50
        wait_until(lambda: len(acknowledged) >= enough, seconds=60)

    before = recorder.head()
    with ThreadPoolExecutor() as threads, recorder.subscribe(after=before) as subscription:
        follower = threads.submit(follow)
        writers = [threads.submit(write, writer) for writer in range(4)]
        try:
            for _ in range(2):
                wait_for_more_appends()
                kill_the_server(database_url)
            wait_for_more_appends()
        finally:
            stop.set()
        for writer in writers:
            writer.result(timeout=60)
        head = recorder.head()
        wait_until(lambda: followed[-1:] == [head], seconds=60)
        subscription.stop()
        follower.result(timeout=20)
    assert followed == list(range(before + 1, head + 1))
    survived = {each.event.event_id for each in iter(recorder.read(after=before))}
    assert survived.issuperset(acknowledged)


def test_an_append_that_dies_on_the_way_has_an_unknown_outcome_and_may_be_repeated(
    recorder: PostgresRecorder, database_url: str
) -> None:
    happened = event("repeated")
    with closing(psycopg.connect(database_url, autocommit=True)) as owner, ThreadPoolExecutor() as threads:
        hold_the_log(owner)
        append = threads.submit(recorder.append, [happened])
        wait_until(lambda: waiting_for_the_log(owner) == 1)
        kill_the_server(database_url)
        error = append.exception(timeout=20)
    assert isinstance(error, AppendOutcomeUnknown)
    assert error.event_ids == (happened.event_id,)
    wait_until(lambda: is_recorded_by_now(recorder, happened), seconds=60)
    with pytest.raises(EventAlreadyRecorded):
        recorder.append([happened])


def is_recorded_by_now(recorder: PostgresRecorder, happened: EventEnvelope) -> bool:
    try:
        recorder.append([happened])
    except StoreUnavailable:
        return False
    return True


def test_the_first_call_after_a_restart_works(recorder: PostgresRecorder, database_url: str) -> None:
    recorder.append([event("before")])
    assert recorder.head() > 0
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        wait_until(lambda: sessions(owner) == 1)
    before = recorder.head()
    assert recorder.append([event("after")]) == before + 1
    assert recorder.read_last(tagged("after")) is not None


def sessions(owner: psycopg.Connection) -> int:
    row = owner.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()").fetchone()
    assert row is not None
    return int(row[0])
