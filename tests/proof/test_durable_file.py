"""A file of the seal store is whole whenever it is there, wherever the power goes."""

import os
from collections.abc import Callable
from errno import EACCES, EINVAL
from pathlib import Path

import pytest

from ledger import durable_file
from ledger.proof.seal_store import NEWEST, SealStore

NAME = "checkpoints/000000000042"


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
def test_content_is_synced_before_it_has_its_name_and_every_folder_that_leads_there_after_it(
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
    ]


def test_every_level_above_a_new_folder_is_synced(tmp_path: Path, steps: list[tuple[str, str]]) -> None:
    """Also those that are there: whoever made them may have been killed before they synced them."""
    (tmp_path / "data").mkdir()
    durable_file.make_folder(tmp_path / "data" / "here" / "seals")
    assert [name for _, name in steps][:3] == ["here", "data", tmp_path.name]
    assert steps[-1] == ("sync", "")


def test_folders_above_that_may_not_be_opened_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store of a service is often in a folder of somebody else's, which it may walk through and not read."""
    opened = os.open

    def refuse(path: Path, flags: int) -> int:
        if Path(path) == tmp_path:
            raise PermissionError(EACCES, "Permission denied", str(path))
        return opened(path, flags)

    monkeypatch.setattr(os, "open", refuse)
    store = SealStore(str(tmp_path / "seals"))
    store.create(NAME, b"content")
    store.create(NAME, b"content")
    store.replace(NEWEST, b"newest")
    assert (store.get(NAME), store.get(NEWEST)) == (b"content", b"newest")


def test_a_folder_of_a_kind_that_cannot_be_synced_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = os.fsync

    def refuse(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").is_dir():
            raise OSError(EINVAL, "Invalid argument")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)
    assert durable_file.create(tmp_path, NAME, b"content")


def test_what_crashes_left_behind_is_swept_and_what_is_being_written_is_not(tmp_path: Path) -> None:
    old, young, other = (tmp_path / f"{prefix}0" for prefix in (f"{durable_file.UNFINISHED}old", ".unfinished-", "x"))
    for path in (old, young, other):
        path.write_bytes(b"half of a no")
    for path in (old, other):
        os.utime(path, (0, 0))
    durable_file.sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([young, other])
    durable_file.sweep(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("found", "is_torn"),
    [
        (b"", True),
        (b"whole", True),
        (b"whole\0\0\0\0\0\0\0\0", True),
        (b"\0\0", True),
        (b"whole content", False),
        (b"whole content\0", False),
        (b"whole other", False),
        (b"\0whole conten", False),
    ],
)
def test_what_is_torn_is_a_beginning_and_nothing_else(found: bytes, is_torn: bool) -> None:
    assert durable_file.is_torn(found, b"whole content") is is_torn


def test_what_is_there_is_not_written_over(tmp_path: Path) -> None:
    assert durable_file.create(tmp_path, NAME, b"first")
    assert not durable_file.create(tmp_path, NAME, b"second")
    assert (tmp_path / NAME).read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoints"]
