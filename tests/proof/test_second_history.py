"""Whatever a superuser writes into the database, the sealer signs and publishes no history but the one that it signed before."""

from pathlib import Path

import psycopg
import pytest

from ledger.proof.canonical import canonical_event
from ledger.proof.errors import SealingStoppedError
from ledger.proof.merkle import leaf_hash
from ledger.proof.notes import Checkpoint
from ledger.proof.tiles import TiledTree
from tests.proof.sealed_log import ANOTHER_KEY, KEY, SealedLog


def outside(log: SealedLog) -> dict[str, bytes]:
    """Everything in the store."""
    folder = Path(log.store.address)
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def as_superuser(log: SealedLog, *statements: str) -> None:
    with psycopg.connect(log.url, autocommit=True) as owner:
        for table in ("ledger.event", "proof.tile", "proof.checkpoint"):
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL".encode())
        for statement in statements:
            owner.execute(statement.encode())
        for table in ("ledger.event", "proof.tile", "proof.checkpoint"):
            owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER".encode())


def rewrite(log: SealedLog, size: int) -> None:
    """Events, tiles, and the root beside the newest note, all to fit each other."""
    as_superuser(log, "UPDATE ledger.event SET actor = 'mallory'")
    tree = TiledTree()
    tiles = tree.extend(b"".join(leaf_hash(canonical_event(recorded)) for recorded in log.recorder.read()))
    as_superuser(
        log,
        *(
            f"UPDATE proof.tile SET hashes = decode('{hashes.hex()}', 'hex') WHERE (level, tile_index) = {place}"
            for place, hashes in tiles.items()
        ),
        f"UPDATE proof.checkpoint SET root = decode('{tree.root().hex()}', 'hex') WHERE size = {size}",
    )


@pytest.mark.parametrize("is_published", [True, False])
def test_a_history_rewritten_to_fit_is_not_sealed_a_second_time(log: SealedLog, is_published: bool) -> None:
    """The note is all that a superuser cannot forge, and it says another root."""
    log.record_and_seal(3)
    if not is_published:
        for name in outside(log):
            (Path(log.store.address) / name).unlink()
    rewrite(log, size=3)
    log.record(1)
    before = outside(log)
    with pytest.raises(SealingStoppedError, match="the seal over 3 events in the database is not what its note says"):
        log.sealer.seal_now()
    assert outside(log) == before
    assert [seal.size for seal in log.seals.after(0)] == [3]


@pytest.mark.parametrize(
    ("forged", "why"),
    [
        (ANOTHER_KEY.sign(Checkpoint(KEY.name, 3, b"\1" * 32).text), "not signed with this key, and not in the store"),
        (KEY.sign(Checkpoint(KEY.name, 2, b"\1" * 32).text), "not what its note says"),
        (KEY.sign(Checkpoint("another.example", 3, b"\1" * 32).text), "not what its note says"),
        (KEY.sign(Checkpoint(KEY.name, 3, b"\1" * 32).text).replace("\n3\n", "\n4\n"), "cannot be trusted"),
        ("3 events", "cannot be trusted"),
    ],
    ids=["another key", "another size", "another log", "another text", "no note"],
)
def test_what_is_not_a_seal_of_ours_is_not_published(log: SealedLog, forged: str, why: str) -> None:
    log.record(3)
    with psycopg.connect(log.url, autocommit=True) as owner:
        owner.execute("INSERT INTO proof.checkpoint (size, root, note) VALUES (3, %s, %s)", (b"\1" * 32, forged))
    with pytest.raises(SealingStoppedError, match=why):
        log.sealer.seal_now()
    assert outside(log) == {}


def test_a_tile_that_holds_more_than_was_sealed_stops_the_sealer(log: SealedLog) -> None:
    log.record_and_seal(3)
    with psycopg.connect(log.url, autocommit=True) as owner:
        owner.execute("UPDATE proof.tile SET hashes = hashes || sha256('more')")
    log.record(1)
    with pytest.raises(SealingStoppedError, match="tile 0 of level 0 is refused"):
        log.sealer.seal_now()
