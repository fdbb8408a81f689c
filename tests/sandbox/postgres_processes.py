"""Real processes around an embedded server: starting clients, finding keepers and postmasters, waiting for a condition."""

import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import psycopg

ROOT = Path(__file__).parents[2]


def scratch_folder() -> Path:
    """A temporary folder that root's server account may pass through (pytest's own are closed to it)."""
    folder = Path(tempfile.mkdtemp(prefix="embedded-postgres-"))
    folder.chmod(0o711)
    return folder


class Client:
    """A process of its own that holds the server open."""

    def __init__(self, data_dir: Path, python: str, **popen_options: Any) -> None:
        command = [python, "-m", "sandbox.postgres", "--data-dir", str(data_dir)]
        self.process: subprocess.Popen[bytes] = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **popen_options
        )

    def url(self) -> str:
        """Wait until it has the server."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode().strip()
        assert line.startswith("postgresql://"), self.process.communicate()[1].decode()
        return line

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def eventually(condition: Callable[[], object], *, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def processes(data_dir: Path, word: str) -> list[psutil.Process]:
    """The running processes whose command line names `data_dir` and contains `word`."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        line = process.info["cmdline"] or []
        named = any(argument.startswith(str(data_dir)) for argument in line)
        if named and word in " ".join(line) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def keeper(data_dir: Path) -> psutil.Process:
    [process] = processes(data_dir, "sandbox.postgres.keeper")
    return process


def postmaster(data_dir: Path) -> psutil.Process:
    [process] = processes(data_dir, "bin/postgres -D")
    return process


def assert_stops(data_dir: Path) -> None:
    eventually(
        lambda: not processes(data_dir, "sandbox.postgres.keeper") and not processes(data_dir, "bin/postgres -D")
    )


def ask(url: str, query: str) -> Any:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
        return row[0] if row else None


def answers(url: str) -> bool:
    try:
        return bool(ask(url, "SELECT 1") == 1)
    except psycopg.OperationalError:
        return False
