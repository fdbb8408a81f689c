"""What is kept of a run beside the log: nobody changes it unnoticed, and whoever says the same again finds it as it was."""

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

import psycopg
import pytest
from alembic import command
from psycopg.conninfo import make_conninfo
from sqlalchemy import text

import migrations
from ledger.event_log import EventLog
from ledger.events import LineClass
from ledger.proof.reconciled import changed_runs
from ledger.reconciliation.run_lines import OtherLinesError, RunLines
from ledger.store import PostgresRecorder
from ledger.store.connection import open_pool
from migrations import upgrading
from tests.reconciliation.books import Books, paid
from tests.reconciliation.lines import MIDDLE, theirs

ONE_MORE = (
    "INSERT INTO ledger.reconciliation_line (run_id, number, book, line_class, category, stripe_line_id)"
    " SELECT run_id, lines + 1, 'log', 'matched', 'transfer', 'txn_invented' FROM ledger.reconciliation_run"
)
OF_NO_RUN = (
    "INSERT INTO ledger.reconciliation_line (run_id, number, book, line_class, category, stripe_line_id)"
    " VALUES ('rec_invented', 1, 'log', 'matched', 'transfer', 'txn_invented')"
)


def test_the_lines_of_a_run_are_kept_page_by_page_and_can_be_checked_in_psql(books: Books, database_url: str) -> None:
    books.happened(*paid(1), *paid(2))
    odd = theirs(5)._replace(source_id="tab\tand\\slash", at=MIDDLE + timedelta(microseconds=120))
    run = books.reconcile(theirs(1), odd).run.completed

    (matched,) = books.lines().read(run, line_class=LineClass.MATCHED)
    assert (matched.book_line_id, matched.stripe_line_id, matched.matched_by) == ("tr_1", "txn_1", "id")
    first = books.lines().read(run, limit=2)
    rest = books.lines().read(run, after=first[-1].number)
    assert [each.number for each in first + rest] == [1, 2, 3]
    assert rest[0].stripe_source_id == odd.source_id

    with psycopg.connect(database_url, options="-c TimeZone=UTC") as connection:
        lines = "SELECT * FROM ledger.reconciliation_line ORDER BY number"
        with connection.cursor().copy(f"COPY ({lines}) TO STDOUT") as copied:
            content = b"".join(copied)
        (digest,) = connection.execute("SELECT encode(sha256(%s), 'hex')", [content]).fetchone() or ("",)
    assert digest == run.result_sha256


def test_the_application_cannot_change_the_lines_of_a_run(books: Books, database_url: str) -> None:
    books.reconcile(theirs(1))
    with psycopg.connect(database_url, options="-c role=ledger_app") as connection:
        for change in ("UPDATE ledger.reconciliation_line SET number = 2", "DELETE FROM ledger.reconciliation_run"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(change)
            connection.rollback()


@pytest.mark.parametrize("added", [ONE_MORE, OF_NO_RUN])
def test_nobody_adds_a_line_to_what_is_stored(books: Books, database_url: str, added: str) -> None:
    books.reconcile(theirs(1))
    for options in ("-c role=ledger_app", "", "-c session_replication_role=replica"):
        with (
            psycopg.connect(database_url, options=options) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"line \d of the run rec_\w+ is refused"),
        ):
            connection.execute(added.encode())


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger.reconciliation_line SET stripe_minor = 1",
        "DELETE FROM ledger.reconciliation_line",
        "TRUNCATE ledger.reconciliation_line",
        "UPDATE ledger.reconciliation_run SET lines = lines + 1",
        "DELETE FROM ledger.reconciliation_run",
        "TRUNCATE ledger.reconciliation_run",
    ],
)
def test_who_owns_the_tables_cannot_change_a_run_either(books: Books, database_url: str, change: str) -> None:
    books.reconcile(theirs(1))
    for options in ("", "-c session_replication_role=replica"):
        with (
            psycopg.connect(database_url, options=options) as owner,
            pytest.raises(psycopg.errors.InsufficientPrivilege, match="what a run found stays as it was stored"),
        ):
            owner.execute(change.encode())


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        (ONE_MORE, 3),
        ("DELETE FROM ledger.reconciliation_line", 0),
        ("UPDATE ledger.reconciliation_line SET stripe_minor = -7501", 2),
    ],
)
def test_whoever_gets_around_that_is_noticed(books: Books, database_url: str, change: str, kept: int) -> None:
    before = books.reconcile(theirs(3)).run.completed
    run = books.reconcile(theirs(1), theirs(2)).run
    assert books.lines().difference(run.completed) is None

    tamper(database_url, f"{change} WHERE run_id = '{run.completed.run_id}'")

    assert f"kept are {kept} with" in (books.lines().difference(run.completed) or "")
    assert [position for position, _ in changed_runs(database_url)] == [run.position]
    assert "txn_invented" not in {each.stripe_line_id for each in books.lines().read(run.completed)}
    assert books.lines().difference(before) is None


def tamper(database_url: str, change: str) -> None:
    with psycopg.connect(database_url) as owner:
        owner.execute("ALTER TABLE ledger.reconciliation_line DISABLE TRIGGER ALL")
        owner.execute(change.encode())


def test_the_digest_does_not_hang_on_how_a_database_shows_moments(books: Books, database_url: str) -> None:
    run = books.reconcile(theirs(1)).run.completed
    shown_otherwise = make_conninfo(database_url, options="-c TimeZone=Asia/Kathmandu -c DateStyle=German")
    with open_pool(shown_otherwise) as pool:
        assert RunLines(pool).difference(run) is None


class Stopped(Exception):
    """A process ends here."""


def stop(*_: object, **__: object) -> None:
    raise Stopped


def test_a_run_whose_process_was_stopped_before_its_event_is_finished_by_the_next(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(books.log, "append", stop)
        with pytest.raises(Stopped):
            books.reconcile(theirs(1), theirs(2))
    assert books.runs() == []

    outcome = books.reconcile(theirs(1), theirs(2))

    assert outcome.is_new
    assert books.lines().difference(outcome.run.completed) is None


def test_other_lines_under_a_runs_id_are_not_taken_for_its_own(
    books: Books, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(books.log, "append", stop)
        with pytest.raises(Stopped):
            books.reconcile(theirs(1), theirs(2))
    tamper(database_url, "DELETE FROM ledger.reconciliation_line WHERE number = 2")

    with pytest.raises(OtherLinesError, match="there are 1 lines already"):
        books.reconcile(theirs(1), theirs(2))

    assert books.runs() == []


def test_runs_of_before_are_guarded_by_the_upgrade_and_those_that_were_changed_are_found(
    make_empty_database: Callable[[], str],
) -> None:
    url = make_empty_database()
    config = upgrading.configuration()
    with upgrading._connect(url) as connection:
        connection.execute(text(f"CREATE SCHEMA {migrations.VERSION_SCHEMA}"))
        connection.commit()
        config.attributes["connection"] = connection
        command.upgrade(config, "0013")
    with closing(PostgresRecorder(url)) as recorder, open_pool(url) as pool:
        books = Books(EventLog(recorder), RunLines(pool))
        changed = books.reconcile(theirs(1), theirs(2)).run
        honest = books.reconcile(theirs(1)).run.completed
        with psycopg.connect(url, options="-c role=ledger_app") as application:
            application.execute(f"{ONE_MORE} WHERE run_id = '{changed.completed.run_id}'".encode())

        migrations.upgrade(url)

        assert [position for position, _ in changed_runs(url)] == [changed.position]
        assert books.lines().difference(honest) is None
        with psycopg.connect(url) as owner, pytest.raises(psycopg.errors.InsufficientPrivilege):
            owner.execute("DELETE FROM ledger.reconciliation_line")
