"""The real commands as processes of their own, and what is left of them."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60.0


@dataclass
class Command:
    """`ledger` with a data folder of its own and no setting of ours, in a working directory without `.env`."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    def run(self, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self._line(*arguments), check=False, capture_output=True, input=given, timeout=120, **self._surroundings()
        )
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    @contextmanager
    def started(self, *arguments: str) -> Iterator["Started"]:
        """Running beside the test; killed at its end if it is still there."""
        output = self.folder / "output.txt"
        with output.open("wb") as sink:
            process = subprocess.Popen(
                self._line(*arguments), stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, **self._surroundings()
            )
        try:
            yield Started(process, output)
        finally:
            process.kill()
            process.wait()

    def processes(self) -> list[str]:
        """The command lines of everything that runs on our data folder."""
        found = []
        for process in psutil.process_iter():
            try:
                line = " ".join(process.cmdline())
                if str(self.data_dir) in line or process.environ().get("LEDGER_DATA_DIR") == str(self.data_dir):
                    found.append(line)
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
        return found

    def _line(self, *arguments: str) -> list[str]:
        return [sys.executable, "-P", "-m", "api.cli", *arguments]

    def _surroundings(self) -> dict[str, Any]:
        environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        environment |= {"PYTHONPATH": str(ROOT), "LEDGER_DATA_DIR": str(self.data_dir), "HOME": str(self.home)}
        environment |= self.settings
        return {"cwd": self.folder, "env": environment}


@dataclass
class Started:
    process: subprocess.Popen[bytes]
    output_file: Path

    @property
    def output(self) -> str:
        return self.output_file.read_text()

    def says(self, text: str) -> None:
        eventually(lambda: text in self.output or self.process.poll() is not None)
        assert text in self.output, self.output

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> int:
        """Ask it to stop; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Where the server's account can reach it, also when we are root."""
    folder = Path(tempfile.mkdtemp(prefix="ledger-cli-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
