"""Start a twin as a process of its own, and wait until it answers."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_ROOT = Path(__file__).resolve().parents[2]


class StartFailed(RuntimeError):
    """The twin ended before it listened; it has said why on standard error."""

    def __init__(self, exit_status: int) -> None:
        super().__init__(f"the Stripe twin ended with status {exit_status} before it was ready")
        self.exit_status = exit_status


@dataclass
class TwinProcess:
    """A running twin. It ends with `stop`, with `kill`, or when the process that started it is gone."""

    url: str
    pid: int
    _process: subprocess.Popen[str]

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()
        self._close()

    def kill(self) -> None:
        """SIGKILL: what it has not committed is lost, as in a crash."""
        self._process.kill()
        self._process.wait()
        self._close()

    def _close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.stop()


def start(
    data_dir: Path,
    *,
    api_key: str,
    webhook_url: str | None = None,
    webhook_secret: str | None = None,
    arguments: Sequence[str] = (),
) -> TwinProcess:
    """Start a twin over the books in `data_dir`; the secrets travel in its environment, where `ps` does not show them.

    Raises `StartFailed`.
    """
    command = [
        sys.executable,
        "-m",
        "sandbox.stripe_twin",
        "--data-dir",
        str(data_dir),
        "--stop-with-parent",
        *arguments,
    ]
    secrets = {"STRIPE_TWIN_API_KEY": api_key, "STRIPE_TWIN_WEBHOOK_SECRET": webhook_secret or ""}
    if webhook_url is not None:
        command += ["--webhook-url", webhook_url]
    search_path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **secrets, "PYTHONPATH": search_path},
    )
    twin = TwinProcess("", process.pid, process)
    ready = process.stdout.readline() if process.stdout is not None else ""
    if not ready:
        twin.stop()
        raise StartFailed(process.returncode)
    twin.url = json.loads(ready)["url"]
    return twin
