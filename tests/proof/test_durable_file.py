"""A file of the seal store is whole whenever it is there, wherever the power goes."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.proof import durable_file
from ledger.proof.seal_store import NEWEST, SealStore, checkpoint_name
from tests.proof.sealed_log import SealedLog

NAME = "checkpoints/000000000042"


class PowerCutError(BaseException):
    """Nothing after it happens; not even what `finally` would do matters any more."""


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What was synced and named, in order."""
    seen: list[tuple[str, str]] = []
    sync, link, rename = os.fsync, os.link, Path.replace

    def noted_sync(descriptor: int) -> None:
        seen.append(("sync", Path(f"/proc/self/fd/{descriptor}").readlink().name))
        sync(descriptor)

    def noted_link(source: Path, target: Path) -> None:
        seen.append(("name", target.name))
        link(source, target)

    def noted_rename(source: Path, target: Path) -> Path:
        seen.append(("name", target.name))
        return rename(source, target)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(os, "link", noted_link)
    monkeypatch.setattr(Path, "replace", noted_rename)
    return seen


@pytest.mark.parametrize("write", [durable_file.create, durable_file.replace])
def test_content_is_synced_before_it_has_its_name_and_every_folder_above_after_it(
    tmp_path: Path, steps: list[tuple[str, str]], write: Callable[[Path, str, bytes], object]
) -> None:
    folder = tmp_path / "seals"
    write(folder, NAME, b"content")
    (first, unfinished), *rest = steps
    assert (first, unfinished.startswith(durable_file.UNFINISHED)) == ("sync", True)
    assert rest == [
        ("name", "000000000042"),
        ("sync", "000000000042"),
        ("sync", "checkpoints"),
        ("sync", "seals"),
        ("sync", tmp_path.name),
    ]


@pytest.mark.parametrize("step", range(6))
def test_a_crash_at_any_step_leaves_the_whole_content_or_none_and_the_next_attempt_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    left = step
    sync, link = os.fsync, os.link

    def until_the_cut(work: Callable[..., object]) -> Callable[..., None]:
        def attempt(*arguments: object) -> None:
            nonlocal left
            if left == 0:
                raise PowerCutError
            left -= 1
            work(*arguments)

        return attempt

    store = SealStore(str(tmp_path / "seals"))
    with monkeypatch.context() as power:
        power.setattr(os, "fsync", until_the_cut(sync))
        power.setattr(os, "link", until_the_cut(link))
        with pytest.raises(PowerCutError):
            store.create(NAME, b"content")
    assert store.get(NAME) in {None, b"content"}
    store.create(NAME, b"content")
    assert store.get(NAME) == b"content"
    assert list(store.names("checkpoints")) == [NAME]


def test_what_is_there_is_not_written_over(tmp_path: Path) -> None:
    assert durable_file.create(tmp_path, NAME, b"first")
    assert not durable_file.create(tmp_path, NAME, b"second")
    assert (tmp_path / NAME).read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoints"]


def test_sealing_goes_on_after_a_crash_in_the_middle_of_publishing(
    log: SealedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.record(300)

    def cut(*_: object) -> None:
        raise PowerCutError

    with monkeypatch.context() as power:
        power.setattr(os, "link", cut)
        with pytest.raises(PowerCutError):
            log.seal()
    (Path(log.store.address) / f"{durable_file.UNFINISHED}0").write_bytes(b"half of a no")  # as a power cut leaves it
    log.record_and_seal(1)
    assert log.verify().holds
    assert log.store.get(NEWEST) == log.store.get(checkpoint_name(301))
