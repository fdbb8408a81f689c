"""A rebuild that nobody notices: in shares, stopped and gone on with, beside live read models that go on."""

from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import LiteralString

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from ledger import identifiers
from ledger.store import EventEnvelope, PostgresRecorder
from migrations import upgrading
from projections import comparing, next_copy
from projections import rebuild as rebuilding
from projections.projector import ProjectionStoppedError, Projector
from projections.rebuild import (
    Difference,
    MigratedMeanwhileError,
    ReadersInTheWayError,
    compare_with_replay,
    rebuild,
)
from projections.share import Share
from tests.projections.conftest import SmallLedger
from tests.projections.lively import live
from tests.store.happenings import wait_until, waiting_for_the_log


class StopHere(Exception):
    """As Ctrl-C would."""


@pytest.fixture
def lively(ledger: SmallLedger, monkeypatch: pytest.MonkeyPatch) -> SmallLedger:
    """Enough for many batches, since each is small."""
    monkeypatch.setattr("projections.projector.BATCH_SIZE", 20)
    monkeypatch.setattr("projections.projector.LARGEST_BATCH_SIZE", 20)
    live(ledger.log, ledger.ingestion, seed=11, instructors=40)
    ledger.projector.catch_up()
    return ledger


def stop_at_once(_position: int) -> None:
    raise StopHere


def positions_of(ledger: SmallLedger, **how: bool) -> list[int]:
    """At which a rebuild told of progress."""
    told: list[int] = []
    assert rebuild(ledger.owner_pool, ledger.log, told.append, processes=1, **how).differences == []
    return told


def test_processes_with_a_share_each_come_to_the_same_rows(lively: SmallLedger) -> None:
    told: list[int] = []

    result = rebuild(lively.owner_pool, lively.log, told.append, processes=2)

    assert result.differences == []
    assert told == sorted(told)
    assert told[-1] == result.position == lively.log.recorder.head()
    assert compare_with_replay(lively.owner_pool, lively.log) == []


def journey_of(tags: Sequence[str]) -> str | None:
    """The referral that an event is about, or whose referred instructor it is about; else the Stripe account."""
    named = {kind: name for kind, _, name in (tag.partition(":") for tag in tags)}
    if "referral" in named:
        return named["referral"]
    return identifiers.referral_id(named["instructor"]) if "instructor" in named else named.get("account")


@pytest.mark.parametrize("of", [2, 5])
def test_a_journey_is_in_one_share_and_what_concerns_none_in_all(lively: SmallLedger, of: int) -> None:
    shares_of: defaultdict[str | None, list[int]] = defaultdict(list)
    sizes = []
    for number in range(of):
        with closing(PostgresRecorder(lively.url, only=Share(number, of).condition)) as recorder:
            held = [sequenced.event.tags for sequenced in recorder.read()]
        sizes.append(len(held))
        for journey in {journey_of(tags) for tags in held}:
            shares_of[journey].append(number)

    assert shares_of.pop(None) == list(range(of))
    assert all(len(shares) == 1 for shares in shares_of.values())
    assert set(shares_of) == {journey_of(each.event.tags) for each in lively.log.recorder.read()} - {None}
    assert min(sizes) > 10


def test_what_a_process_cannot_digest_stops_the_rebuild_and_leaves_the_live_ones(lively: SmallLedger) -> None:
    head = lively.log.recorder.head()
    lively.log.recorder.append([EventEnvelope(type="FromTheFuture", data=b"{}", tags=["payout:x"])])
    with psycopg.connect(lively.url) as connection:
        connection.execute("UPDATE read_model.program SET position = position + 1")

    with pytest.raises(ProjectionStoppedError) as stopped:
        rebuild(lively.owner_pool, lively.log, processes=2)

    assert stopped.value.position == head
    assert lively.read_models.position() == head + 1


def test_one_who_lost_the_lock_goes_on_with_nothing(lively: SmallLedger) -> None:
    """Somebody else may have begun in the same tables."""
    told: list[int] = []
    with psycopg.connect(lively.url) as connection:
        connection.execute("UPDATE read_model.program SET earned_minor = earned_minor + 1")

    def lose_the_lock(position: int) -> None:
        told.append(position)
        with psycopg.connect(lively.url, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
                " WHERE locktype = 'advisory' AND granted AND datname = current_database()"
            )

    with pytest.raises(psycopg.OperationalError):
        rebuild(lively.owner_pool, lively.log, lose_the_lock, processes=1)

    assert told == [20]
    assert compare_with_replay(lively.owner_pool, lively.log) != []


def test_a_rebuild_that_was_stopped_is_gone_on_with(lively: SmallLedger) -> None:
    with pytest.raises(StopHere):
        rebuild(lively.owner_pool, lively.log, stop_at_once, processes=1)

    assert positions_of(lively)[0] == 40


def test_one_that_was_stopped_while_tables_were_completed_is_gone_on_with(lively: SmallLedger) -> None:
    """A line that is there twice stops it: the journal cannot get its key."""
    head = lively.log.recorder.head()

    def post_twice(position: int) -> None:
        if position == head:
            change_next(
                lively, "INSERT INTO read_model_next.journal_line SELECT * FROM read_model_next.journal_line LIMIT 1"
            )

    with pytest.raises(psycopg.errors.UniqueViolation):
        rebuild(lively.owner_pool, lively.log, post_twice, processes=1)

    change_next(
        lively,
        "DELETE FROM read_model_next.journal_line AS line USING read_model_next.journal_line AS other"
        " WHERE (line.position, line.line) = (other.position, other.line) AND line.ctid > other.ctid",
    )
    before = shape(lively)
    assert positions_of(lively)[0] == head
    assert shape(lively) == before


def change_next(ledger: SmallLedger, statement: LiteralString) -> None:
    with psycopg.connect(ledger.url) as connection:
        assert connection.execute(statement).rowcount == 1


def test_a_check_goes_on_with_it_too_and_leaves_it_to_the_next(lively: SmallLedger) -> None:
    with pytest.raises(StopHere):
        rebuild(lively.owner_pool, lively.log, stop_at_once, processes=1)

    told: list[int] = []
    assert compare_with_replay(lively.owner_pool, lively.log, told.append) == []
    assert told[0] == 40
    assert positions_of(lively) == [lively.log.recorder.head()]


def test_unless_it_is_begun_anew(lively: SmallLedger) -> None:
    with pytest.raises(StopHere):
        rebuild(lively.owner_pool, lively.log, stop_at_once, processes=1)

    assert positions_of(lively, anew=True)[0] == 20


def test_or_other_code_had_begun_it(lively: SmallLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(next_copy, "_code", lambda: "yesterday's")
        with pytest.raises(StopHere):
            rebuild(lively.owner_pool, lively.log, stop_at_once, processes=1)

    assert positions_of(lively)[0] == 20


def test_the_live_ones_go_on_while_they_are_compared(lively: SmallLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    earned: list[str] = []
    compare = comparing._compare

    def compare_slowly(snapshot: psycopg.Connection, table: str, key: list[str]) -> list[comparing.Difference]:
        earned.append(lively.earn_bonus(f"referrer-of-{table}", f"friend-of-{table}"))
        assert lively.projector.catch_up() == lively.log.recorder.head()
        return compare(snapshot, table, key)

    monkeypatch.setattr(comparing, "_compare", compare_slowly)
    result = rebuild(lively.owner_pool, lively.log, processes=1)

    assert result.differences == []
    assert len(earned) == 8
    assert result.position == lively.log.recorder.head() == lively.read_models.position()
    assert compare_with_replay(lively.owner_pool, lively.log) == []


def test_a_reader_that_does_not_end_stops_only_the_swap(lively: SmallLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuilding, "SWAP_TRIES", 2)
    with psycopg.connect(lively.url) as reader:
        reader.execute("SELECT FROM read_model.program")
        with pytest.raises(ReadersInTheWayError):
            rebuild(lively.owner_pool, lively.log, processes=1)
        assert lively.read_models.position() == lively.log.recorder.head()

    assert positions_of(lively) == [lively.log.recorder.head()]


def test_what_was_finished_before_a_migration_of_indexes_is_not_swapped_in(
    lively: SmallLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "SWAP_TRIES", 1)
    with psycopg.connect(lively.url) as reader:
        reader.execute("SELECT FROM read_model.program")
        with pytest.raises(ReadersInTheWayError):
            rebuild(lively.owner_pool, lively.log, processes=1)
    with psycopg.connect(lively.url) as migration:
        migration.execute("CREATE INDEX added ON read_model.payout (amount_minor)")
    before = shape(lively)

    assert positions_of(lively)[0] == 20
    assert shape(lively) == before


@pytest.mark.parametrize(
    "migration",
    [
        "CREATE INDEX added ON read_model.payout (amount_minor)",
        "ALTER TABLE read_model.bank_account ADD COLUMN added integer",
    ],
)
def test_what_a_migration_changes_before_the_swap_is_not_lost(
    lively: SmallLedger, monkeypatch: pytest.MonkeyPatch, migration: LiteralString
) -> None:
    """It has the lock of all migrations before the tables are compared, and ends while the swap waits for it."""
    compare = comparing.differences
    migrating = psycopg.connect(lively.url)

    def migrate(pool: ConnectionPool, next_ones: Projector) -> list[Difference]:
        found = compare(pool, next_ones)
        migrating.execute("SELECT pg_advisory_xact_lock(%s)", [upgrading._LOCK])
        migrating.execute(migration)
        return found

    monkeypatch.setattr(rebuilding, "differences", migrate)
    with migrating, ThreadPoolExecutor(1) as threads, psycopg.connect(lively.url, autocommit=True) as looking:
        rebuilt = threads.submit(rebuild, lively.owner_pool, lively.log, processes=1)
        try:
            wait_until(lambda: rebuilt.done() or waiting_for_the_log(looking) == 1)
        finally:
            migrating.commit()
        with pytest.raises(MigratedMeanwhileError):
            rebuilt.result(timeout=30)
    migrated = shape(lively)

    monkeypatch.undo()
    rebuild(lively.owner_pool, lively.log, processes=1)
    assert shape(lively) == migrated


def test_the_rebuilt_tables_have_the_names_keys_indexes_and_grants_of_the_old_ones(lively: SmallLedger) -> None:
    before = shape(lively)
    rebuild(lively.owner_pool, lively.log)

    assert shape(lively) == before
    assert lively.projector.catch_up() == lively.log.recorder.head()


SHAPE = {
    "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'read_model' ORDER BY 1",
    "constraints": """
        SELECT conname, contype, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'read_model'::regnamespace ORDER BY conname, contype, conrelid::regclass::text
    """,
    "columns": """
        SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
        WHERE table_schema = 'read_model' ORDER BY table_name, ordinal_position
    """,
    "grants": """
        SELECT table_name, grantee, privilege_type FROM information_schema.role_table_grants
        WHERE table_schema = 'read_model' AND grantee LIKE 'ledger%' ORDER BY 1, 2, 3
    """,
}


def shape(ledger: SmallLedger) -> dict[str, list[tuple[object, ...]]]:
    with psycopg.connect(ledger.url) as connection:
        return {name: connection.execute(query).fetchall() for name, query in SHAPE.items()}
