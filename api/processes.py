"""Child processes: started, watched, started again when they die, stopped in order, and never left behind.

    PartFailed     a part ended in a way that starting it again cannot mend, or did not get ready; quotes the end of its log

Every part's standard input is a pipe that only this process holds. Nothing is ever written to it: it ends when a part is
asked to stop, or when this process is gone, however it died. So the two cannot differ, and nothing is left running.
"""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Part", "PartFailed", "Supervisor", "stop_at_end_of_input"]

SETTINGS_STATUS = 2  # the exit code that says "started wrongly": starting again would only repeat it
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
STEADY_AFTER_SECONDS = 30.0  # whoever ran this long had no trouble starting
ENDS_WHILE_STARTING = 3
POLL_SECONDS = 0.05
ORPHAN_GRACE_SECONDS = 2.0
LARGEST_LOG_BYTES = 16 * 1024 * 1024  # looked at when a part starts; one older piece is kept
LOG_TAIL_BYTES = 4000
LOG_TAIL_LINES = 12


@dataclass(frozen=True)
class Part:
    """One child: how it is run, and how long it may take to stop."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    """On top of this process's own."""
    stop_seconds: float = 10.0


class PartFailed(Exception):
    """A part does not run. The message says which, why, and what it said last."""

    def __init__(self, name: str, why: str, log: Path) -> None:
        tail = _tail_of(log)
        said = f"; the end of {log}:\n{tail}" if tail else ""
        super().__init__(f"the {name} {why}{said}")
        self.name = name
        self.log = log


class Supervisor:
    """Runs parts until `stop`, which ends them in the order they were started in: what brings work in comes first.

    Each part writes to a log of its own in `logs`. `on_restart(name, status)` is called on a thread.
    """

    def __init__(self, logs: Path, on_restart: Callable[[str, int], None] | None = None) -> None:
        self._logs = logs
        self._on_restart = on_restart
        self._kept: list[_Kept] = []

    def start(self, part: Part) -> None:
        self._logs.mkdir(parents=True, exist_ok=True)
        kept = _Kept(part, self._logs / f"{part.name}.log", self._on_restart)
        self._kept.append(kept)
        kept.start()

    def stop(self) -> None:
        """Return when no part runs any more. Each gets the time it asked for."""
        for kept in self._kept:
            kept.stop()

    def check(self) -> None:
        """Raises PartFailed if a part cannot be kept running."""
        for kept in self._kept:
            if kept.failure is not None:
                raise kept.failure

    def wait_until(self, ready: Callable[[], bool], name: str, patience_seconds: float) -> None:
        """Return when `ready()`; raises PartFailed if a part gives up, or when the patience is over."""
        deadline = time.monotonic() + patience_seconds
        while not ready():
            self.check()
            log = self._logs / f"{name}.log"
            if any(kept.ends >= ENDS_WHILE_STARTING and kept.name == name for kept in self._kept):
                raise PartFailed(name, f"ended {ENDS_WHILE_STARTING} times before it was ready", log)
            if time.monotonic() > deadline:
                raise PartFailed(name, f"was not ready after {patience_seconds:.0f} s", log)
            time.sleep(POLL_SECONDS)


class _Kept:
    """One part and the thread that keeps it running."""

    def __init__(self, part: Part, log: Path, on_restart: Callable[[str, int], None] | None) -> None:
        self.name = part.name
        self.failure: PartFailed | None = None
        self.ends = 0
        self._part = part
        self._log = log
        self._on_restart = on_restart
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name=f"keeps-{part.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask, wait for as long as the part may take, insist."""
        with self._lock:
            self._stopping.set()
            process = self._process
        if process is not None and process.stdin is not None:
            process.stdin.close()
            try:
                process.wait(self._part.stop_seconds)
            except subprocess.TimeoutExpired:
                process.kill()
        self._thread.join()

    def _keep(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while (process := self._spawn()) is not None:
            started = time.monotonic()
            status = process.wait()
            if process.stdin is not None:
                process.stdin.close()
            if self._stopping.is_set():
                return
            if status == SETTINGS_STATUS:
                self.failure = PartFailed(self._part.name, "cannot run", self._log)
                return
            self.ends += 1
            if self._on_restart is not None:
                self._on_restart(self._part.name, status)
            if time.monotonic() - started > STEADY_AFTER_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            self._stopping.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _spawn(self) -> subprocess.Popen[bytes] | None:
        """A running child, or None if we are to stop: under the lock, so that none is started behind `stop`'s back."""
        if self._log.exists() and self._log.stat().st_size > LARGEST_LOG_BYTES:
            self._log.replace(self._log.with_suffix(".log.1"))
        with self._lock, self._log.open("ab") as log:
            if self._stopping.is_set():
                return None
            self._process = subprocess.Popen(
                list(self._part.command),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**os.environ, **self._part.environment},
                start_new_session=True,  # Ctrl-C is for us: we stop the parts in order
            )
            return self._process


def stop_at_end_of_input() -> None:
    """In a part: stop in order when standard input ends; at once, more or less, if that is because the parent is gone.

    Returns immediately; a thread watches. The Stripe twin has its own.
    """
    parent = os.getppid()

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 1024):
                pass
        os.kill(os.getpid(), signal.SIGTERM)
        while os.getppid() == parent:
            time.sleep(POLL_SECONDS)
        time.sleep(ORPHAN_GRACE_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="watches-input", daemon=True).start()


def _tail_of(log: Path) -> str:
    try:
        with log.open("rb") as lines:
            lines.seek(max(0, log.stat().st_size - LOG_TAIL_BYTES))
            text = lines.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-LOG_TAIL_LINES:])
