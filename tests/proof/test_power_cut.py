"""Wherever the power goes while seals are written, the next sealer goes on, and nothing is found to be wrong."""

import shutil
from collections.abc import Iterator
from math import inf
from pathlib import Path

import pytest

from ledger.proof.seal_store import SealStore
from ledger.proof.sealer import Sealer
from tests.proof.power_cut import Disk, Kept, PowerCutError
from tests.proof.sealed_log import KEY, SealedLog

MOST_STEPS = 200


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(tmp_path, monkeypatch)


def seal(log: SealedLog, address: Path) -> None:
    """As a process that knows nothing of those before it."""
    log.store = SealStore(str(address))
    Sealer(log.pool, log.recorder, KEY, log.store).seal_now()


def cuts(disk: Disk, log: SealedLog, addresses: Iterator[Path], kept: Kept) -> int:
    """Cut the power while somebody seals, a step later each time, until it lasts to the end. Returns how often it was cut."""
    for steps, address in zip(range(MOST_STEPS), addresses, strict=False):
        try:
            with disk.power_lasts(steps):
                seal(log, address)
        except PowerCutError:
            disk.restart(kept)
            seal(log, address)
            assert [str(finding) for finding in log.verify().findings] == []
        else:
            disk.restart(kept)  # whoever was told that it is sealed can rely on it
            assert [str(finding) for finding in log.verify().findings] == []
            return steps
    raise AssertionError("sealing has no end")


@pytest.mark.parametrize("kept", [Kept.NOTHING, Kept.NAMES])
def test_the_power_is_cut_while_a_store_is_made_and_filled(
    log: SealedLog, disk: Disk, tmp_path: Path, kept: Kept
) -> None:
    """Every level of folders, a tile, two checkpoints."""
    log.record_and_seal(257, 3)

    def anew() -> Iterator[Path]:
        while True:
            shutil.rmtree(tmp_path / "new", ignore_errors=True)
            yield tmp_path / "new" / "deep" / "seals"

    assert cuts(disk, log, anew(), kept) > 40


@pytest.mark.parametrize("kept", [Kept.NOTHING, Kept.NAMES])
def test_the_power_is_cut_while_a_seal_is_added(log: SealedLog, disk: Disk, kept: Kept) -> None:
    log.record_and_seal(257)

    def the_same_place() -> Iterator[Path]:
        address = Path(log.store.address)
        while True:
            log.record(1)
            yield address

    assert cuts(disk, log, the_same_place(), kept) > 15


def test_a_disk_loses_what_was_not_synced(disk: Disk, tmp_path: Path) -> None:
    """Else the tests above would say nothing."""
    (tmp_path / "old").write_bytes(b"content")
    with disk.power_lasts(inf):
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / "file").write_bytes(b"content that nobody synced")
    disk.restart(Kept.NAMES)
    assert (tmp_path / "new" / "file").read_bytes() == b"content th"
    assert (tmp_path / "old").read_bytes() == b"content"
    disk.restart(Kept.NOTHING)
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
