"""A disk that loses power: at any step of whoever writes to it, and with everything that was not synced, or part of that."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any

import pytest


class PowerCutError(BaseException):
    """Nothing after it happens; not even what `finally` would do matters any more."""


class Kept(Enum):
    """What is on the disk after a power cut, of what was not synced. A file system may write names and content in any order."""

    NOTHING = "nothing"
    NAMES = "the names, without the content"


class Disk:
    """A folder, and what of it would survive. Nothing is really synced: that would only take time."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._monkeypatch = monkeypatch
        self._content: dict[int, bytes] = {}
        """By inode: what was synced of each file …"""
        self._names: dict[int, dict[str, int]] = {}
        """… and of each folder, with the inodes of what is in it."""
        self._steps_left = 0.0
        monkeypatch.setattr(os, "fsync", lambda _: None)

    @contextmanager
    def power_lasts(self, steps: float) -> Iterator[None]:
        """So many steps: then every further one raises PowerCutError. What was done before is on the disk."""
        self._steps_left = steps
        self._content, self._names = {}, {}
        for path in (self._folder, *self._folder.rglob("*")):
            self._sync(path)
        with self._monkeypatch.context() as patched:
            for name in ("mkdir", "link", "replace", "unlink", "fsync"):
                patched.setattr(os, name, self._stepping(getattr(os, name), name))
            yield

    def restart(self, kept: Kept) -> None:
        """As the disk is found when the power is back."""
        found = {path: path.stat().st_ino for path in sorted(self._folder.rglob("*"))}
        folders = {number for path, number in found.items() if path.is_dir()}
        unsynced = {number: path.read_bytes() for path, number in found.items() if number not in folders}
        if kept is Kept.NOTHING:
            found = dict(self._synced(self._folder, folders))
        for path in self._folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        for path, number in found.items():
            if number in folders:
                path.mkdir()
            else:
                path.write_bytes(self._content.get(number, unsynced.get(number, b"")[:10]))

    def _synced(self, folder: Path, folders: set[int], number: int | None = None) -> Iterator[tuple[Path, int]]:
        """Every name that was synced, and what it is of; a folder comes before what is in it."""
        for name, inner in self._names.get(number or folder.stat().st_ino, {}).items():
            yield folder / name, inner
            if inner in folders:
                yield from self._synced(folder / name, folders, inner)

    def _sync(self, path: Path) -> None:
        if path.is_dir():
            self._names[path.stat().st_ino] = {each.name: each.stat().st_ino for each in path.iterdir()}
        else:
            self._content[path.stat().st_ino] = path.read_bytes()

    def _stepping(self, work: Callable[..., Any], name: str) -> Callable[..., Any]:
        def step(target: int | str | os.PathLike[str], *arguments: Any, **named: Any) -> Any:
            path = Path(f"/proc/self/fd/{target}").readlink() if isinstance(target, int) else Path(target)
            if not path.is_relative_to(self._folder):
                return work(target, *arguments, **named)
            if self._steps_left <= 0:
                raise PowerCutError
            self._steps_left -= 1
            if name == "fsync":
                self._sync(path)
            elif name == "unlink" and path.exists() and path.stat().st_nlink == 1:
                self._content.pop(path.stat().st_ino, None)  # its number may soon be another file's
            return work(target, *arguments, **named)

        return step
