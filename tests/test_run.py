"""The `run` script where it cannot do its work: it says what is wrong, and leaves nothing that looks finished."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone as fresh as it gets: no environment yet."""
    folder = tmp_path / "clone"
    folder.mkdir()
    for name in ("run", "pyproject.toml", "requirements"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    return folder


@pytest.fixture
def dead_index() -> Iterator[str]:
    """An address at which nobody listens: the port is taken, and stays silent."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/simple"


def run(clone: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [clone / "run", "report"], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def commands(folder: Path, **scripts: str) -> Path:
    """A folder for the PATH, with commands that are shell scripts."""
    folder.mkdir()
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return folder


def test_an_old_python_is_refused_by_name(clone: Path, tmp_path: Path) -> None:
    old = 'case $1 in --version) echo "Python 3.9.2" ;; *) exit 1 ;; esac'
    path = commands(
        tmp_path / "bin", **dict.fromkeys(["python3", *(f"python3.{minor}" for minor in range(11, 15))], old)
    )

    result = run(clone, PATH=f"{path}:/usr/bin:/bin")

    assert result.returncode == 1
    assert "needs Python 3.11 or newer" in result.stderr
    assert "(Python 3.9.2)" in result.stderr
    assert not (clone / ".venv").exists()


def test_a_python_that_only_prints_an_error_is_passed_over(clone: Path, tmp_path: Path, dead_index: str) -> None:
    """As version managers leave them; the next one is tried, and gets as far as the index."""
    path = commands(
        tmp_path / "bin",
        python3='echo "python3: command not found" >&2; exit 127',
        **{"python3.14": f'exec "{sys.executable}" "$@"'},
    )
    result = run(
        clone, PATH=f"{path}:/usr/bin:/bin", PIP_INDEX_URL=dead_index, PIP_RETRIES="0", PIP_CONFIG_FILE=os.devnull
    )

    assert result.returncode == 1
    assert "the packages could not be installed" in result.stderr


def test_an_index_out_of_reach_is_explained_and_no_environment_passes_for_ready(clone: Path, dead_index: str) -> None:
    """Whoever does the fetching, pip or a uv on the PATH, asks the index that pip was told about."""
    settings = {"PIP_INDEX_URL": dead_index, "PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull, "UV_HTTP_RETRIES": "0"}

    result = run(clone, PATH=os.environ["PATH"], **settings)

    assert result.returncode == 1
    assert "point pip at a mirror" in result.stderr
    assert not list(clone.glob(".venv/ready-*"))
