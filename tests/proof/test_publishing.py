"""What is found in the store when sealing begins: torn, missing, set back, newer than the database, or somebody else's."""

import os
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from ledger.durable_file import UNFINISHED
from ledger.proof.errors import SealingStoppedError, SealStoreConflictError
from ledger.proof.notes import SigningKey
from ledger.proof.seal_store import NEWEST, SealStore, checkpoint_name
from ledger.proof.sealer import Sealer
from ledger.proof.tiles import tile_name
from tests.proof.sealed_log import KEY, SealedLog


def at(log: SealedLog, name: str) -> Path:
    return Path(log.store.address) / name


def outside(log: SealedLog) -> dict[str, bytes]:
    folder = Path(log.store.address)
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def seal_after_restart(log: SealedLog) -> None:
    """As another process does, which knows nothing of the first."""
    Sealer(log.pool, log.recorder, KEY, SealStore(log.store.address)).seal_now()


def restore(log: SealedLog, size: int) -> None:
    """The database to the moment when it had so many events."""
    with psycopg.connect(log.url, autocommit=True) as owner:
        guards = owner.execute(
            "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE tgenabled = 'A' AND NOT tgisinternal"
        ).fetchall()
        for table, guard in guards:
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER {guard}".encode())
        owner.execute("DELETE FROM ledger.event WHERE position > %s", [size])
        owner.execute("DELETE FROM ledger.event_tag WHERE position > %s", [size])
        owner.execute("UPDATE ledger.log_head SET position = %s", [size])
        owner.execute("DELETE FROM proof.checkpoint WHERE size > %s", [size])
        owner.execute("DELETE FROM proof.tile WHERE %s = 0", [size])
        owner.execute("UPDATE proof.tile SET hashes = substring(hashes FOR 32 * %s)", [size])
        for table, guard in guards:
            owner.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {guard}".encode())


CUTS: dict[str, Callable[[bytes], bytes | None]] = {
    "missing": lambda _: None,
    "empty": lambda _: b"",
    "zeros": lambda note: bytes(len(note)),
    "in the name": lambda note: note[:5],
    "in the size": lambda note: note[: note.index(b"\n") + 2],
    "in the root": lambda note: note[:-120],
    "in a character": lambda note: note[: note.index("\u2014".encode()) + 1],
    "before the end": lambda note: note[:-1],
    "zeros at the end": lambda note: note[:40] + bytes(len(note) - 40),
}


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
@pytest.mark.parametrize("is_restarted", [True, False])
def test_a_newest_checkpoint_that_is_torn_is_restored(
    log: SealedLog, cut: Callable[[bytes], bytes | None], is_restarted: bool
) -> None:
    log.record_and_seal(300, 5)
    before = outside(log)
    left = cut(before[NEWEST])
    at(log, NEWEST).unlink()
    if left is not None:
        at(log, NEWEST).write_bytes(left)
    if is_restarted:
        seal_after_restart(log)
    else:
        log.seal()
    assert outside(log) == before
    log.record_and_seal(1)
    assert log.found() == []


def test_a_torn_newest_checkpoint_before_the_numbered_one_is_restored(log: SealedLog) -> None:
    """The numbered checkpoint is whole, and the power went while its second name was written."""
    log.record_and_seal(3)
    older = at(log, NEWEST).read_bytes()
    log.record_and_seal(3)
    for left in (older[:-3], older):
        at(log, NEWEST).write_bytes(left)
        seal_after_restart(log)
        assert at(log, NEWEST).read_bytes() == at(log, checkpoint_name(6)).read_bytes()


@pytest.mark.parametrize(
    "found",
    [
        b"rubbish",
        b"\xff\xfe",
        b"tests.example/ledger\n4\n",
        b"tests.example/ledger\n3\nAAAA",
        b"tests\0.example",
        b"\0tests",
    ],
)
def test_a_newest_checkpoint_that_never_was_ours_stops_the_sealer(log: SealedLog, found: bytes) -> None:
    log.record_and_seal(3)
    at(log, NEWEST).write_bytes(found)
    before = outside(log)
    with pytest.raises(SealingStoppedError, match="cannot be read"):
        log.sealer.seal_now()
    with pytest.raises(SealingStoppedError, match="cannot be read"):
        seal_after_restart(log)
    assert outside(log) == before


def test_a_torn_newest_checkpoint_beside_a_foreign_one_stops_the_sealer(log: SealedLog) -> None:
    """What is torn is restored from what is proven, and from nothing else."""
    log.record_and_seal(3, 3)
    at(log, NEWEST).write_bytes(b"")
    at(log, checkpoint_name(6)).rename(at(log, checkpoint_name(5)))
    with pytest.raises(SealingStoppedError, match="over 5 events, and the database knows of no such seal"):
        log.sealer.seal_now()
    at(log, checkpoint_name(5)).rename(at(log, checkpoint_name(6)))
    at(log, checkpoint_name(6)).write_bytes(at(log, checkpoint_name(3)).read_bytes())
    with pytest.raises(SealingStoppedError, match="holds another checkpoints/000000000006"):
        log.sealer.seal_now()
    assert at(log, NEWEST).read_bytes() == b""


@pytest.mark.parametrize("left", [0, 10, -1])
def test_a_torn_checkpoint_and_a_torn_tile_are_made_whole(log: SealedLog, left: int) -> None:
    log.record_and_seal(300)
    before = outside(log)
    for name in (checkpoint_name(300), tile_name(0, 0)):
        at(log, name).write_bytes(before[name][:left])
        assert log.found() != []
        seal_after_restart(log)
        assert outside(log) == before
    assert log.found() == []


@pytest.mark.parametrize("name", [checkpoint_name(300), tile_name(0, 0)])
def test_another_checkpoint_and_another_tile_stop_the_sealer(log: SealedLog, name: str) -> None:
    log.record_and_seal(300)
    content = at(log, name).read_bytes()
    for other in (b"x" + content[1:], content[:5] + b"x", content + b"x"):
        at(log, name).write_bytes(other)
        with pytest.raises(SealStoreConflictError):
            log.store.create(name, content)
        with pytest.raises(SealingStoppedError, match=f"holds another {name}"):
            seal_after_restart(log)
        assert at(log, name).read_bytes() == other


@pytest.mark.parametrize("newest", ["missing", "torn", "set back"])
@pytest.mark.parametrize("is_written_on", [True, False])
def test_an_older_copy_of_the_database_is_not_sealed_over_newer_seals(
    log: SealedLog, newest: str, is_written_on: bool
) -> None:
    """Restored from a backup, with a store that has lost its newest name or was restored with it."""
    log.record_and_seal(3)
    older = at(log, NEWEST).read_bytes()
    log.record_and_seal(3)
    restore(log, 3)
    match newest:
        case "missing":
            at(log, NEWEST).unlink()
        case "torn":
            at(log, NEWEST).write_bytes(b"")
        case "set back":
            at(log, NEWEST).write_bytes(older)
    if is_written_on:
        log.record(8)
    before = outside(log)
    why = "holds a checkpoint over 6 events, and the newest seal in the database covers 3: this database was restored"
    with pytest.raises(SealingStoppedError, match=why):
        seal_after_restart(log)
    with pytest.raises(SealingStoppedError, match="After a restore"):
        log.sealer.seal_now()
    assert outside(log) == before
    assert [seal.size for seal in log.seals.after(0)] == [3]


def test_a_database_without_any_seal_is_not_sealed_over_those_outside(log: SealedLog) -> None:
    log.record_and_seal(3)
    at(log, NEWEST).unlink()
    restore(log, 0)
    log.record(5)
    with pytest.raises(SealingStoppedError, match="the newest seal in the database covers 0"):
        log.sealer.seal_now()


def test_a_database_that_was_restored_on_purpose_goes_on_in_a_new_store_with_a_new_key(
    log: SealedLog, tmp_path: Path
) -> None:
    """As `After a restore` in docs/proof.md says."""
    log.record_and_seal(3, 3)
    restore(log, 3)
    log.record(4)
    kept = outside(log)
    log.store = SealStore(str(tmp_path / "new"))
    log.store.create(checkpoint_name(3), kept[checkpoint_name(3)])
    another_key = SigningKey("tests.example/ledger-since-the-restore", b"\x03" * 32)
    for _ in range(2):
        Sealer(log.pool, log.recorder, another_key, log.store).seal_now()
        log.record(1)
    verdict = log.verify(KEY.public, another_key.public)
    assert [str(finding) for finding in verdict.findings] == []
    assert verdict.sealed == 8


def test_whoever_begins_to_seal_sweeps_the_store(log: SealedLog) -> None:
    log.record_and_seal(3)
    left = at(log, f"{UNFINISHED}0")
    left.write_bytes(b"half of a no")
    os.utime(left, (0, 0))
    seal_after_restart(log)
    assert not left.exists()
