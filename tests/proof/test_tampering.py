"""Whatever the database's superuser does to a sealed log, its verification finds it, and says where."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import orjson
import psycopg
import pytest

from ledger.proof import rehashing
from ledger.proof.findings import FindingKind
from ledger.proof.notes import Checkpoint, SigningKey
from ledger.proof.seal_store import NEWEST, SealStore, checkpoint_name
from ledger.proof.tiles import TILE_BYTES, tile_name
from ledger.proof.trusted import signed_checkpoint
from ledger.proof.verification import verify
from ledger.proof.verify_export import NotProven, open_checkpoint
from ledger.reconciliation.digests import digest_of
from ledger.reconciliation.result import as_copied
from ledger.reconciliation.run_lines import RunLines
from ledger.store import EventEnvelope
from ledger.store.connection import open_pool
from tests.proof.sealed_log import ANOTHER_KEY, KEY, Found, SealedLog
from tests.proof.tamperer import Tamperer

CHANGED, MISSING, ADDED = FindingKind.EVENT_CHANGED, FindingKind.EVENT_MISSING, FindingKind.EVENT_ADDED
TAIL, RANGE, TILE = FindingKind.TAIL_MISSING, FindingKind.RANGE_CHANGED, FindingKind.TILE_CHANGED
UNSIGNED, DIFFERENT = FindingKind.CHECKPOINT_UNSIGNED, FindingKind.CHECKPOINT_CHANGED
INDEX = FindingKind.INDEX_CHANGED
GONE, FORKED = FindingKind.CHECKPOINT_MISSING, FindingKind.CHECKPOINT_FORKED

SIZES = (10, 15, 20, 320, 576, 600)

SWAP = """
UPDATE ledger.event SET position = 1000000 WHERE position = 7;
UPDATE ledger.event SET position = 7 WHERE position = 509;
UPDATE ledger.event SET position = 509 WHERE position = 1000000
"""
INSERT = """
UPDATE ledger.event SET position = -position WHERE position >= 550;
UPDATE ledger.event SET position = 1 - position WHERE position < 0;
INSERT INTO ledger.event
SELECT 550, gen_random_uuid(), type, schema_version, tags, data, occurred_at, recorded_at, actor
FROM ledger.event WHERE position = 549;
UPDATE ledger.log_head SET position = position + 1
"""
CLOSE_THE_GAP = """
DELETE FROM ledger.event WHERE position = 595;
UPDATE ledger.event SET position = -position WHERE position > 595;
UPDATE ledger.event SET position = -position - 1 WHERE position < 0;
UPDATE ledger.log_head SET position = position - 1
"""
COPY = "INSERT INTO ledger.event SELECT {position}, gen_random_uuid(), type, schema_version, tags, data, occurred_at, \
recorded_at, actor FROM ledger.event WHERE position = 9"
FLIP_A_BYTE = "UPDATE proof.tile SET hashes = set_byte(hashes, 193, 255 - get_byte(hashes, 193)) WHERE "
CHANGE = "UPDATE ledger.event SET data = jsonb_set(data, '{{amount_minor}}', '9999') WHERE position = {position}"

ROWS = [
    (CHANGE.format(position=12), [(CHANGED, 12, 12)]),
    (CHANGE.format(position=600), [(CHANGED, 600, 600)]),
    ("UPDATE ledger.event SET data = data || '{\"by\": \"Ada Aero\"}' WHERE position = 20", [(CHANGED, 20, 20)]),
    ("UPDATE ledger.event SET occurred_at = occurred_at + interval '1 us' WHERE position = 1", [(CHANGED, 1, 1)]),
    ("UPDATE ledger.event SET recorded_at = recorded_at - interval '1 us' WHERE position = 2", [(CHANGED, 2, 2)]),
    ("UPDATE ledger.event SET actor = 'mallory' WHERE position = 3", [(CHANGED, 3, 3)]),
    ("UPDATE ledger.event SET tags = '{other}' WHERE position = 4", [(CHANGED, 4, 4)]),
    ("UPDATE ledger.event SET type = 'Other' WHERE position BETWEEN 250 AND 260", [(CHANGED, 250, 260)]),
    ("UPDATE ledger.event SET schema_version = 2 WHERE position = 4", [(CHANGED, 4, 4)]),
    ("UPDATE ledger.event SET event_id = gen_random_uuid() WHERE position = 4", [(CHANGED, 4, 4)]),
    ("UPDATE ledger.event SET causation_id = '' WHERE position = 4", [(CHANGED, 4, 4)]),
    ("UPDATE ledger.event SET correlation_id = 'x' WHERE position = 4", [(CHANGED, 4, 4)]),
    ("DELETE FROM ledger.event WHERE position = 11", [(MISSING, 11, 11)]),
    ("DELETE FROM ledger.event WHERE position IN (1, 513, 514)", [(MISSING, 1, 1), (MISSING, 513, 514)]),
    ("DELETE FROM ledger.event WHERE position > 590; UPDATE ledger.log_head SET position = 590", [(TAIL, 591, 600)]),
    ("DELETE FROM ledger.event WHERE position > 576", [(TAIL, 577, 600)]),
    ("DELETE FROM ledger.event; UPDATE ledger.log_head SET position = 0", [(TAIL, 1, 600)]),
    ("TRUNCATE ledger.event, ledger.log_head", [(TAIL, 1, 600)]),
    ("UPDATE ledger.log_head SET position = 15", [(TAIL, 16, 600)]),
    (SWAP, [(CHANGED, 7, 7), (CHANGED, 509, 509)]),
    (INSERT, [(CHANGED, 550, 600)]),
    (CLOSE_THE_GAP, [(CHANGED, 595, 599), (TAIL, 600, 600)]),
    (COPY.format(position=601), [(ADDED, 601, 601)]),
    (COPY.format(position=1_000_000_000), [(ADDED, 601, 1_000_000_000)]),
    (COPY.format(position=-3), [(ADDED, -3, -3)]),
]  # fmt: skip


@pytest.mark.parametrize(("statements", "found"), ROWS)
def test_what_was_done_to_rows_is_named_by_its_position(tamperer: Tamperer, statements: str, found: Found) -> None:
    assert tamperer.log.found() == []
    tamperer.sql(statements)
    assert [each for each in tamperer.log.found() if each[0] is not INDEX] == found


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM ledger.event_tag WHERE position = 7",
        "UPDATE ledger.event_tag SET tag = 'payout:8' WHERE position = 7",
        "UPDATE ledger.event_tag SET type = 'Other' WHERE position = 7",
        "INSERT INTO ledger.event_tag VALUES ('payout:8', 7, 'BonusEarned')",
    ],
)
def test_an_event_that_cannot_be_found_any_more_is_named(tamperer: Tamperer, statement: str) -> None:
    tamperer.sql(statement)
    assert set(tamperer.log.found()) == {(INDEX, 7, 7)}


@pytest.mark.parametrize(
    "change",
    [
        "occurred_at = 'infinity'",
        "recorded_at = '0044-03-15 12:00 BC'",
        "data = '{\"x\": 1.5}'",
        "data = '{\"é\": 1}'",
        "data = '1e400'",
        "data = (repeat('[', 300) || repeat(']', 300))::jsonb",
        "data = (repeat('[', 1010) || repeat(']', 1010))::jsonb",
    ],
)
def test_what_no_program_of_ours_can_have_written_is_named_and_not_stumbled_over(
    tamperer: Tamperer, change: str
) -> None:
    tamperer.sql(f"UPDATE ledger.event SET {change} WHERE position = 12")
    assert set(tamperer.log.found()) == {(CHANGED, 12, 12)}


@pytest.mark.parametrize("key", [ANOTHER_KEY, None], ids=["another key", "no signature"])
def test_a_history_rewritten_with_a_tree_of_its_own_is_held_against_the_seals_outside(
    tamperer: Tamperer, key: SigningKey | None
) -> None:
    tamperer.sql("UPDATE ledger.event SET data = jsonb_set(data, '{amount_minor}', '1')")
    tamperer.reseal(key)
    found = tamperer.log.found()
    for size in SIZES:
        assert (DIFFERENT, size, size) in found
        assert (UNSIGNED, size, size) in found
    assert [each for each in found if each[0] in (CHANGED, RANGE)] == [
        (CHANGED, 1, 320),
        (RANGE, 321, 576),
        (CHANGED, 321, 512),
    ]


@pytest.mark.parametrize("key", [ANOTHER_KEY, None], ids=["another key", "no signature"])
def test_one_event_changed_with_a_tree_to_fit_it_is_named_by_the_tiles_outside(
    tamperer: Tamperer, key: SigningKey | None
) -> None:
    tamperer.sql(CHANGE.format(position=300))
    tamperer.reseal(key)
    assert (CHANGED, 300, 300) in tamperer.log.found()
    assert not {found for found in tamperer.log.found() if found[0] in (CHANGED, RANGE, TAIL)} - {(CHANGED, 300, 300)}


def test_where_no_tile_is_outside_yet_the_change_is_named_by_the_seals_around_it(tamperer: Tamperer) -> None:
    tamperer.sql(CHANGE.format(position=580))
    tamperer.reseal(ANOTHER_KEY)
    assert (RANGE, 577, 600) in tamperer.log.found()


def test_a_rewritten_history_shows_even_where_its_seals_are_signed_with_our_key(tamperer: Tamperer) -> None:
    tamperer.sql(CHANGE.format(position=300))
    tamperer.reseal(tamperer.log.key)
    found = tamperer.log.found()
    assert (FORKED, 600, 600) in found
    assert (CHANGED, 300, 300) in found


def test_the_newest_events_deleted_with_all_trace_in_the_database_are_missed_by_the_store(tamperer: Tamperer) -> None:
    tamperer.sql("DELETE FROM ledger.event WHERE position > 320; UPDATE ledger.log_head SET position = 320")
    tamperer.sql("DELETE FROM proof.checkpoint WHERE size > 320")
    tamperer.reseal(tamperer.log.key)
    found = [each for each in tamperer.log.found() if each[0] is not INDEX]
    assert found == [(GONE, 576, 576), (GONE, 600, 600), (GONE, 600, 600), (TAIL, 321, 600)]


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (FLIP_A_BYTE + "level = 0 AND tile_index = 0", [(TILE, 7, 7)]),
        (FLIP_A_BYTE.replace("193", "5") + "level = 1", [(TILE, 1, 600)]),
        ("DELETE FROM proof.tile WHERE level = 0 AND tile_index = 1", [(TILE, 257, 512)]),
        ("DELETE FROM proof.tile WHERE level = 1", [(TILE, 1, 600)]),
        ("UPDATE proof.tile SET hashes = substring(hashes FOR 32) WHERE tile_index = 2", [(TILE, 513, 600)]),
        ("UPDATE proof.checkpoint SET root = sha256('') WHERE size = 15", [(DIFFERENT, 15, 15)]),
        ("UPDATE proof.checkpoint SET note = '15' || note WHERE size = 15", [(DIFFERENT, 15, 15), (UNSIGNED, 15, 15)]),
        ("DELETE FROM proof.checkpoint WHERE size = 15", [(GONE, 15, 15)]),
        ("INSERT INTO proof.checkpoint SELECT 17, root, note FROM proof.checkpoint WHERE size = 15",
            [(GONE, 17, 17), (DIFFERENT, 17, 17)]),
    ],
)  # fmt: skip
def test_what_was_done_to_the_seals_in_the_database_is_told_from_what_was_done_to_events(
    tamperer: Tamperer, statement: str, found: Found
) -> None:
    tamperer.sql(statement)
    assert tamperer.log.found() == found


def test_what_was_done_to_the_store_is_found(tamperer: Tamperer) -> None:
    log, store = tamperer.log, tamperer.store
    (store / checkpoint_name(15)).unlink()
    (store / checkpoint_name(20)).write_bytes(b"never mind")
    (store / "checkpoints" / "latest").write_bytes(b"what is this?")
    (store / tile_name(0, 0)).unlink()
    (store / tile_name(0, 1)).write_bytes(b"\0" * 8192)
    (store / NEWEST).write_bytes((store / checkpoint_name(576)).read_bytes().replace(b"576", b"577"))
    assert log.found() == [
        (TILE, 1, 256),
        (GONE, 15, 15),
        (DIFFERENT, 20, 20),
        (UNSIGNED, 20, 20),
        (TILE, 257, 512),
        (DIFFERENT, 0, 0),
        (UNSIGNED, 0, 0),
    ]  # fmt: skip


@pytest.mark.parametrize("change", [lambda tile: b"", lambda tile: tile[:32], lambda tile: tile + tile[:32]])
def test_a_tile_outside_of_another_length_is_found(tamperer: Tamperer, change: Callable[[bytes], bytes]) -> None:
    tile = tamperer.store / tile_name(0, 1)
    tile.write_bytes(change(tile.read_bytes()))
    assert tamperer.log.found() == [(TILE, 257, 512)]


def test_a_store_whose_newest_name_was_set_back_is_found(tamperer: Tamperer) -> None:
    (tamperer.store / NEWEST).write_bytes((tamperer.store / checkpoint_name(320)).read_bytes())
    assert tamperer.log.found() == [(DIFFERENT, 320, 320)]


def test_a_seal_of_a_time_to_come_is_no_excuse_for_its_absence_outside(tamperer: Tamperer) -> None:
    tamperer.sql("UPDATE proof.checkpoint SET sealed_at = now() + interval '1 year' WHERE size = 600")
    (tamperer.store / checkpoint_name(600)).unlink()
    assert (GONE, 600, 600) in tamperer.log.found()


def test_a_seal_of_another_log_that_our_key_has_signed_is_none_of_ours(tamperer: Tamperer) -> None:
    note = KEY.sign(Checkpoint("another.example", 15, tamperer.log.root_at(15)).text)
    tamperer.sql("UPDATE proof.checkpoint SET note = %s WHERE size = 15", note)
    (tamperer.store / checkpoint_name(15)).write_text(note)
    assert tamperer.log.found() == [(UNSIGNED, 15, 15)]
    with pytest.raises(NotProven, match="another log"):
        open_checkpoint(note, [str(KEY.public)])


def test_looking_for_seals_makes_no_folder(tmp_path: Path) -> None:
    store = SealStore(str(tmp_path / "typo"))
    assert (store.get(NEWEST), list(store.names("checkpoints"))) == (None, [])
    assert not (tmp_path / "typo").exists()


def test_an_emptied_store_is_found(tamperer: Tamperer) -> None:
    for path in tamperer.store.rglob("*"):
        if path.is_file():
            path.unlink()
    assert tamperer.log.found() == [(GONE, size, size) for size in SIZES]


@pytest.mark.parametrize("has_store", [True, False])
def test_a_rewritten_history_of_which_every_seal_was_deleted_proves_nothing(
    tamperer: Tamperer, has_store: bool
) -> None:
    tamperer.sql("UPDATE ledger.event SET data = jsonb_set(data, '{amount_minor}', '1')")
    tamperer.sql("TRUNCATE proof.tile, proof.checkpoint")
    for path in tamperer.store.rglob("*"):
        if path.is_file():
            path.unlink()
    log = tamperer.log
    store = log.store if has_store else None
    verdict = verify(log.url, log.seals, store, [log.key.public], datetime.now(UTC))
    assert [(each.kind, each.first, each.last) for each in verdict.findings] == [(FindingKind.NOTHING_SEALED, 1, 600)]


def test_an_event_that_was_never_sealed_leaves_a_gap_all_the_same(tamperer: Tamperer) -> None:
    tamperer.sql(COPY.format(position=602))
    tamperer.sql("UPDATE ledger.log_head SET position = 602")
    assert (MISSING, 601, 601) in tamperer.log.found()


def test_a_log_that_nobody_touched_holds(history: SealedLog) -> None:
    verdict = history.verify()
    assert list(verdict.findings) == []
    assert (verdict.events, verdict.sealed, verdict.unsealed, verdict.checkpoints) == (600, 600, 0, 6)
    assert verdict.root == history.root_at(600)
    assert history.verify(ANOTHER_KEY.public).sealed == 0


@pytest.mark.parametrize("processes", [1, 2])
def test_a_long_log_is_read_in_pages_by_several_processes(
    tamperer: Tamperer, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    monkeypatch.setattr(rehashing, "PAGE_SIZE", 256)
    monkeypatch.setattr(rehashing, "WORTH_MORE_PROCESSES", 1)
    assert tamperer.log.verify(processes=processes).holds
    tamperer.sql("DELETE FROM ledger.event WHERE position = 257")
    tamperer.sql(CHANGE.format(position=512))
    found = [each for each in tamperer.log.verify(processes=processes).findings if each.kind is not INDEX]
    assert [(each.kind, each.first, each.last) for each in found] == [(MISSING, 257, 257), (CHANGED, 512, 512)]


def test_a_history_rewritten_with_key_and_store_is_held_against_a_checkpoint_that_was_kept(tamperer: Tamperer) -> None:
    kept = checkpoint_over(tamperer.log, 576)
    assert tamperer.log.verify(kept=[kept]).holds
    tamperer.sql(CHANGE.format(position=300))
    tamperer.reseal(tamperer.log.key)
    rewrite_store(tamperer)
    assert tamperer.log.verify().holds
    assert (FORKED, 576, 576) in found_with(tamperer.log, kept)
    assert (RANGE, 321, 576) in found_with(tamperer.log, kept)


def test_a_tail_cut_off_with_key_and_store_is_held_against_a_checkpoint_that_was_kept(tamperer: Tamperer) -> None:
    kept = checkpoint_over(tamperer.log, 600)
    tamperer.sql("DELETE FROM ledger.event WHERE position > 320; UPDATE ledger.log_head SET position = 320")
    tamperer.sql("DELETE FROM ledger.event_tag WHERE position > 320; DELETE FROM proof.checkpoint WHERE size > 320")
    tamperer.reseal(tamperer.log.key)
    rewrite_store(tamperer)
    assert tamperer.log.verify().holds
    assert found_with(tamperer.log, kept) == [(GONE, 600, 600), (TAIL, 321, 600)]


def checkpoint_over(log: SealedLog, size: int) -> Checkpoint:
    seal = log.seals.at_size(size)
    assert seal is not None
    return signed_checkpoint(seal.note, [log.key.public])


def found_with(log: SealedLog, kept: Checkpoint) -> list[tuple[FindingKind, int, int]]:
    return [(finding.kind, finding.first, finding.last) for finding in log.verify(kept=[kept]).findings]


def rewrite_store(tamperer: Tamperer) -> None:
    """What the database holds now, outside too."""
    shutil.rmtree(tamperer.store)
    for level, index, hashes in tamperer.sql("SELECT * FROM proof.tile").fetchall():
        if level == 0 and len(hashes) == TILE_BYTES:
            tamperer.log.store.create(tile_name(level, index), bytes(hashes))
    for size, note in tamperer.sql("SELECT size, note FROM proof.checkpoint ORDER BY size").fetchall():
        tamperer.log.store.create(checkpoint_name(size), note.encode())
        tamperer.log.store.replace(NEWEST, note.encode())


def test_a_line_of_reconciling_that_was_changed_is_named_with_its_run(log: SealedLog) -> None:
    run_id = "rec_1"
    lines = as_copied(run_id, ["1\tlog\tmatched\ttransfer" + "\t\\N" * 4 + "\ttxn_1" + "\t\\N" * 5 + "\n"])
    with open_pool(log.url) as pool:
        RunLines(pool).store(run_id, lines)
    completed = {"run_id": run_id, "lines": 1, "result_sha256": digest_of(lines)}
    log.recorder.append([EventEnvelope("ReconciliationCompleted", orjson.dumps(completed), tags=["reconciliation"])])
    log.record_and_seal(1)
    assert log.verify().holds

    with psycopg.connect(log.url, autocommit=True) as owner:
        owner.execute("ALTER TABLE ledger.reconciliation_line DISABLE TRIGGER refuse_change")
        owner.execute("UPDATE ledger.reconciliation_line SET stripe_line_id = 'txn_2'")
        owner.execute("ALTER TABLE ledger.reconciliation_line ENABLE ALWAYS TRIGGER refuse_change")

    (finding,) = log.verify().findings
    position = log.recorder.head() - 1
    assert (finding.kind, finding.first, finding.last) == (FindingKind.LINES_CHANGED, position, position)
    assert (
        finding.what == f"Position {position}: what is kept of the run rec_1 (lines: 1) is not what was recorded (1)."
    )
