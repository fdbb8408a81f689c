"""The sealer: what it writes where, in which order, and what becomes of it when it dies in between."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from eventsourcing.persistence import ProgrammingError
from psycopg.sql import SQL, Identifier

from ledger.proof import sealer as sealer_module
from ledger.proof.canonical import canonical_event
from ledger.proof.errors import (
    SealingElsewhereError,
    SealingStoppedError,
    SealStoreConflictError,
    SealStoreUnavailableError,
)
from ledger.proof.merkle import leaf_hash
from ledger.proof.notes import Checkpoint, open_note
from ledger.proof.seal_role import SEAL_ROLE
from ledger.proof.seal_store import NEWEST, SealStore, checkpoint_name
from ledger.proof.sealer import Sealer
from ledger.proof.seals import seal_in_database, sealing_alone
from ledger.proof.tiles import tile_name
from ledger.store import EventEnvelope, PostgresRecorder, Wakeups
from ledger.store.connection import ConnectionSettings, connect
from tests.proof.rfc_verifier import is_consistent, is_included
from tests.proof.sealed_log import ANOTHER_KEY, KEY, SealedLog
from tests.store.happenings import wait_until


def outside(log: SealedLog) -> dict[str, bytes]:
    """Everything in the store."""
    folder = Path(log.store.address)
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_empty_log_has_nothing_to_seal(log: SealedLog) -> None:
    assert log.sealer.seal_now() is None
    assert outside(log) == {}
    assert log.verify().holds


def test_a_seal_is_a_signed_checkpoint_inside_and_outside(log: SealedLog) -> None:
    log.record(3)
    seal = log.seal()
    checkpoint = Checkpoint.parse(open_note(seal.note, [KEY.public]))
    assert checkpoint == Checkpoint(KEY.name, 3, seal.root)
    assert outside(log) == {NEWEST: seal.note.encode(), checkpoint_name(3): seal.note.encode()}
    assert log.seals.newest() == seal


def test_nothing_new_is_not_sealed_again(log: SealedLog) -> None:
    log.record(3)
    assert log.seal() == log.seal()
    assert len(list(log.seals.after(0))) == 1


def test_full_tiles_go_outside_as_soon_as_they_are_sealed(log: SealedLog) -> None:
    log.record_and_seal(255)
    assert tile_name(0, 0) not in outside(log)
    log.record_and_seal(1, 600)
    assert [name for name in sorted(outside(log)) if name.startswith("tile/")] == [tile_name(0, n) for n in range(3)]
    for number in range(3):
        assert outside(log)[tile_name(0, number)] == log.seals.tile(0, number)


def test_a_long_log_is_sealed_in_pieces(log: SealedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealer_module, "BATCH_SIZE", 100)
    log.record(250)
    log.seal()
    assert [seal.size for seal in log.seals.after(0)] == [100, 200, 250]
    assert log.verify().holds


def test_proofs_lead_from_every_event_and_every_seal_to_the_newest(log: SealedLog) -> None:
    log.record_and_seal(1, 6, 250, 1, 300)
    newest = log.seals.newest()
    assert newest is not None
    leaves = [leaf_hash(canonical_event(recorded)) for recorded in log.recorder.read()]
    for position in (1, 7, 8, 256, 257, 258, 512, 513, 558):
        path = log.seals.inclusion_path(position, newest.size)
        assert is_included(leaves[position - 1], position - 1, newest.size, path, newest.root)
    for seal in log.seals.after(0):
        path = log.seals.consistency_path(seal.size, newest.size)
        assert is_consistent(seal.size, newest.size, seal.root, newest.root, path)


def test_the_seal_over_a_position_is_the_same_whenever_it_is_asked(log: SealedLog) -> None:
    log.record(5)
    note = log.sealer.seal_at_least(4)
    assert Checkpoint.parse(open_note(note, [KEY.public])).size == 5
    log.record_and_seal(5)
    assert log.sealer.seal_at_least(4) == note
    with pytest.raises(ValueError, match="position 11 is not recorded"):
        log.sealer.seal_at_least(11)


def test_whoever_has_no_key_waits_for_the_one_who_seals(log: SealedLog) -> None:
    log.record(3)
    assert log.seals.wait_for(1, patience_seconds=60) is None  # nobody ever sealed anything
    log.record_and_seal(3)
    position = log.record(3)
    assert log.seals.wait_for(position, patience_seconds=0) is None
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(log.seals.wait_for, position, 60)
        sealed = log.seal()
        assert waiting.result() == sealed


STEPS = ["create tile", "create checkpoint", "replace newest", "commit"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_at_any_step_is_taken_up_by_the_next_sealer(
    log: SealedLog, monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    class Crash(BaseException):
        pass

    def crashing(work: Callable[..., object], matches: Callable[..., bool]) -> Callable[..., object]:
        def run(*arguments: object) -> object:
            if not matches(*arguments):
                return work(*arguments)
            if when == "after":
                work(*arguments)
            raise Crash

        return run

    log.record_and_seal(300)
    log.record(300)
    with monkeypatch.context() as broken:
        match step:
            case "commit":
                commit = crashing(seal_in_database, lambda *_: True)
                broken.setattr(sealer_module, "seal_in_database", commit)
            case "replace newest":
                broken.setattr(log.store, "replace", crashing(log.store.replace, lambda *_: True))
            case _:
                name = step.removeprefix("create ")
                broken.setattr(
                    log.store, "create", crashing(log.store.create, lambda path, _: str(path).startswith(name))
                )
        with pytest.raises(Crash):
            log.sealer.seal_now()
    is_durable = (step, when) != ("commit", "before")
    assert len(list(log.seals.after(0))) == (2 if is_durable else 1)
    assert {name for name in outside(log) if name == checkpoint_name(600)} <= (
        {checkpoint_name(600)} if is_durable else set()
    )
    log.record(1)
    log.seal()
    sizes = [seal.size for seal in log.seals.after(0)]
    assert sizes == ([300, 600, 601] if is_durable else [300, 601])
    assert log.verify().holds


def test_while_one_seals_others_stand_by(log: SealedLog) -> None:
    log.record(3)
    with log.pool.connection() as connection, sealing_alone(connection) as is_ours:
        assert is_ours
        with pytest.raises(SealingElsewhereError):
            log.sealer.seal_now()
        with pytest.raises(SealingElsewhereError):
            log.sealer.seal_at_least(3, patience_seconds=0)
    log.seal()


def test_many_sealers_and_many_writers_make_one_history(log: SealedLog) -> None:
    """Who stands by tries again; in the end everything is sealed once, in order."""
    stop = threading.Event()

    def seal_on() -> None:
        with Wakeups(log.url) as wakeups:
            Sealer(log.pool, log.recorder, KEY, log.store).run(stop, wakeups, 0)

    with ThreadPoolExecutor(7) as threads:
        sealing = [threads.submit(seal_on) for _ in range(3)]
        writing = [threads.submit(lambda: [log.record(3) for _ in range(20)]) for _ in range(4)]
        for writer in writing:
            writer.result()
        wait_until(lambda: (seal := log.seals.newest()) is not None and seal.size == 240)
        stop.set()
        for sealer in sealing:
            sealer.result()
    assert log.verify().holds
    assert log.verify().sealed == 240


def test_a_verification_raises_no_alarm_while_the_ledger_works(log: SealedLog) -> None:
    stop = threading.Event()
    log.record_and_seal(5)

    def write_on() -> None:
        while not stop.is_set():
            log.record_and_seal(5)

    with ThreadPoolExecutor(1) as threads:
        writing = threads.submit(write_on)
        try:
            verdicts = [log.verify(at=datetime.now(UTC)) for _ in range(12)]
        finally:
            stop.set()
        writing.result()
    assert [str(finding) for verdict in verdicts for finding in verdict.findings] == []
    assert verdicts[-1].sealed > verdicts[0].sealed


def test_whoever_is_stopped_leaves_nothing_unsealed(log: SealedLog) -> None:
    log.record(3)
    stop = threading.Event()
    stop.set()
    with Wakeups(log.url) as wakeups:
        log.sealer.run(stop, wakeups, 1000)
    assert log.verify().sealed == 3


def test_writers_wait_for_no_sealer(log: SealedLog) -> None:
    """Not even for one that hangs in the middle of its transaction."""
    log.record_and_seal(3)
    with psycopg.connect(log.url) as hanging:
        hanging.execute("LOCK TABLE proof.tile, proof.checkpoint IN ACCESS EXCLUSIVE MODE")
        assert log.record(3) == 6
    log.seal()


def test_a_store_that_is_away_is_caught_up_with(log: SealedLog, tmp_path: Path) -> None:
    log.record_and_seal(3)
    log.record(3)
    folder = Path(log.store.address)
    folder.rename(tmp_path / "elsewhere")
    folder.write_text("not a folder")
    with pytest.raises(SealStoreUnavailableError, match="does not do its part"):
        log.sealer.seal_now()
    folder.unlink()
    (tmp_path / "elsewhere").rename(folder)
    log.seal()
    assert log.verify().holds


def test_a_new_store_gets_every_seal(log: SealedLog, tmp_path: Path) -> None:
    log.record_and_seal(300, 5)
    log.store.address, before = str(tmp_path / "new"), outside(log)
    moved = SealStore(str(tmp_path / "new"))
    Sealer(log.pool, log.recorder, KEY, moved).seal_now()
    assert outside(log) == before


def test_a_new_key_goes_on_where_the_old_one_ended(log: SealedLog) -> None:
    log.record_and_seal(3)
    log.record(3)
    Sealer(log.pool, log.recorder, ANOTHER_KEY, log.store).seal_now()
    assert log.verify(KEY.public, ANOTHER_KEY.public).holds
    assert not log.verify(KEY.public).holds


def test_a_log_that_lost_sealed_events_is_not_sealed_over(log: SealedLog) -> None:
    """A database restored to an earlier moment, and written to again."""
    log.record_and_seal(3)
    log.record_and_seal(3)
    with psycopg.connect(log.url, autocommit=True) as owner:
        for statement in (
            "ALTER TABLE ledger.event DISABLE TRIGGER ALL",
            "ALTER TABLE ledger.log_head DISABLE TRIGGER ALL",
            "ALTER TABLE proof.checkpoint DISABLE TRIGGER ALL",
            "DELETE FROM ledger.event WHERE position > 3",
            "UPDATE ledger.log_head SET position = 3",
        ):
            owner.execute(statement.encode())
        with pytest.raises(SealingStoppedError, match="6 events were sealed, and the log has only 3"):
            log.sealer.seal_now()
        owner.execute("DELETE FROM proof.checkpoint WHERE size > 3")
    with pytest.raises(SealingStoppedError, match="covers 6 events, and the database knows of no such seal"):
        log.sealer.seal_now()


def test_seals_of_another_ledger_are_not_written_over(log: SealedLog, make_database: Callable[[], str]) -> None:
    log.record_and_seal(3)
    before = outside(log)
    with closing(SealedLog(make_database(), log.store.address)) as another:
        another.record(3)
        with pytest.raises(SealingStoppedError):
            another.seal()
    assert outside(log) == before


def test_tiles_that_were_changed_are_not_built_upon(log: SealedLog) -> None:
    log.record_and_seal(3)
    with psycopg.connect(log.url, autocommit=True) as owner:
        owner.execute("ALTER TABLE proof.tile DISABLE TRIGGER ALL")
        owner.execute("UPDATE proof.tile SET hashes = set_byte(hashes, 0, 255 - get_byte(hashes, 0))")
    log.record(1)
    with pytest.raises(SealingStoppedError, match="do not come to the root"):
        log.sealer.seal_now()


def test_what_has_no_canonical_form_stops_the_sealer_before_it(log: SealedLog) -> None:
    log.record(2)
    log.recorder.append([EventEnvelope(type="Strange", data=b'{"rate": 1.5}', tags=[])])
    with pytest.raises(SealingStoppedError, match=r"position 3 has no canonical form: 1\.5 is not an integer"):
        log.sealer.seal_now()


CHANGES = [
    "UPDATE proof.checkpoint SET size = 9",
    "DELETE FROM proof.checkpoint",
    "TRUNCATE proof.checkpoint",
    "DELETE FROM proof.tile",
    "TRUNCATE proof.tile",
    "UPDATE proof.tile SET hashes = substring(hashes FOR 32)",
    "UPDATE proof.tile SET hashes = set_byte(hashes, 0, 255 - get_byte(hashes, 0))",
    "UPDATE proof.tile SET tile_index = 9",
]


@pytest.fixture(scope="module")
def sealed_url(make_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with closing(SealedLog(make_database(), str(tmp_path_factory.mktemp("seals")))) as log:
        log.record_and_seal(3)
        yield log.url


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("role", [None, "ledger_app", "ledger_read", SEAL_ROLE])
def test_nobody_takes_a_seal_back(sealed_url: str, role: str | None, change: str) -> None:
    with (
        connect(sealed_url, ConnectionSettings(role=role)) as session,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        session.execute(change.encode())


@pytest.mark.parametrize("role", ["ledger_app", "ledger_read"])
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO proof.checkpoint (size, root, note) VALUES (9, sha256(''), '')",
        "INSERT INTO proof.tile VALUES (0, 9, sha256(''))",
        "UPDATE proof.tile SET hashes = hashes || sha256('more')",
        "SET ROLE ledger_seal",
    ],
)
def test_nobody_writes_a_seal_with_the_rights_of_the_application(sealed_url: str, role: str, statement: str) -> None:
    """Nobody but a superuser is the user of this session, who may take on any role: so it is asked as that role itself."""
    with connect(sealed_url, ConnectionSettings(role=None)) as session:
        session.execute(SQL("SET SESSION AUTHORIZATION {}").format(Identifier(role)))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(statement.encode())


def test_the_sealer_records_no_event(sealed_url: str) -> None:
    with closing(PostgresRecorder(sealed_url, ConnectionSettings(role=SEAL_ROLE))) as recorder:
        assert recorder.head() == 3
        with pytest.raises(ProgrammingError, match="permission denied"):
            recorder.append([EventEnvelope(type="Forged", data=b"{}", tags=[])])


def test_rights_that_were_taken_away_stop_the_sealer(log: SealedLog) -> None:
    log.record(3)
    with psycopg.connect(log.url, autocommit=True) as owner:
        owner.execute("REVOKE INSERT ON proof.checkpoint FROM ledger_seal")
    with pytest.raises(SealingStoppedError, match="permission denied for table checkpoint"):
        log.sealer.seal_now()


def test_the_store_keeps_what_it_has(tmp_path: Path) -> None:
    store = SealStore(str(tmp_path / "deep" / "store"))
    assert store.get("a/b") is None
    store.create("a/b", b"one")
    store.create("a/b", b"one")
    with pytest.raises(SealStoreConflictError):
        store.create("a/b", b"two")
    assert store.get("a/b") == b"one"
    store.replace("a/b", b"three")
    assert (store.get("a/b"), list(store.names("a"))) == (b"three", ["a/b"])
