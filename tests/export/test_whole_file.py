"""A file is there whole or not at all."""

import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.export.whole_file import FileInTheWayError, write_whole
from tests.cli.command import ROOT

WRITES_AND_WAITS = """
import signal, sys
from pathlib import Path
from api.export.whole_file import write_whole

signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests in the background has it ignored

def chunks():
    yield b"half"
    print("half", flush=True)
    sys.stdin.read()
    yield b" and half"

try:
    write_whole(Path("books.csv"), chunks(), overwrite=True)
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_what_was_written_is_there_and_nobody_elses_to_read(tmp_path: Path) -> None:
    path = tmp_path / "books.csv"
    assert write_whole(path, [b"one", b"", b"two"], overwrite=False) == 6
    assert path.read_bytes() == b"onetwo"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_there_stays_unless_it_may_be_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "books.csv"
    path.write_text("old")
    with pytest.raises(FileInTheWayError, match="exists already"):
        write_whole(path, [b"new"], overwrite=False)
    assert path.read_text() == "old"
    write_whole(path, [b"new"], overwrite=True)
    assert path.read_text() == "new"


def test_what_came_meanwhile_stays_too(tmp_path: Path) -> None:
    path = tmp_path / "books.csv"

    def chunks() -> Iterator[bytes]:
        yield b"new"
        path.write_text("somebody else's")

    with pytest.raises(FileInTheWayError):
        write_whole(path, chunks(), overwrite=False)
    assert path.read_text() == "somebody else's"
    assert list(tmp_path.iterdir()) == [path]


def test_only_a_file_is_ever_replaced(tmp_path: Path) -> None:
    for path in (tmp_path, Path("/dev/null")):
        with pytest.raises(FileInTheWayError, match="is not a file"):
            write_whole(path, [b"new"], overwrite=True)


def test_a_link_leads_to_what_is_written(tmp_path: Path) -> None:
    target, link = tmp_path / "books.csv", tmp_path / "newest.csv"
    target.write_text("old")
    link.symlink_to(target)
    write_whole(link, [b"new"], overwrite=True)
    assert (target.read_text(), link.is_symlink()) == ("new", True)


@pytest.mark.parametrize("error", [OSError("the database is gone"), KeyboardInterrupt()])
def test_what_goes_wrong_on_the_way_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "books.csv"
    path.write_text("old")

    def chunks() -> Iterator[bytes]:
        yield b"half"
        raise error

    with pytest.raises(type(error)):
        write_whole(path, chunks(), overwrite=True)
    assert [each.read_text() for each in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_killed_in_the_middle_nothing_looks_finished(tmp_path: Path, number: signal.Signals) -> None:
    writing = subprocess.Popen(
        [sys.executable, "-c", WRITES_AND_WAITS],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with writing:
        assert writing.stdout is not None
        assert writing.stdout.readline() == b"half\n"
        writing.send_signal(number)
        assert writing.wait(60) == (-9 if number is signal.SIGKILL else 130)
    left = [path.suffix for path in tmp_path.iterdir()]
    assert left == ([".part"] if number is signal.SIGKILL else [])


def test_the_name_is_given_only_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "books.csv"
    seen: list[bool] = []

    def chunks() -> Iterator[bytes]:
        for part in (b"a", b"b"):
            seen.append(path.exists())
            yield part

    write_whole(path, chunks(), overwrite=False)
    assert (seen, path.read_bytes()) == ([False, False], b"ab")
