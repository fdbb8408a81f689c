"""The ledger's parts as processes of their own, as in production, and the Stripe twin: what benchmarks of more than one part start.

with stripe_twin(folder, ...) as stripe, parts(database_url, folder, stripe.url) as started:
    started("work")
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import NamedTuple

import httpx
import orjson

from sandbox.stripe_twin import process

__all__ = [
    "JWT_SECRET",
    "Call",
    "Sample",
    "Start",
    "Stripe",
    "parts",
    "sample",
    "scratch_folder",
    "serve",
    "serve_bare",
    "stripe_twin",
    "wait_for",
]

ROOT = Path(__file__).parents[1]
API_KEY = "sk_test_benchmark"
JWT_SECRET = "a secret of the benchmark's own, long enough"
READY_SECONDS = 120.0
MEDIAN_LATENCY_MS = 250.0
ENOUGH_MINOR = 10**12

Start = Callable[..., subprocess.Popen[bytes]]


class Call(NamedTuple):
    """One call that the twin heard, in Unix seconds."""

    arrived_at: float
    answered_at: float
    method: str
    path: str
    idempotency_key: str | None
    answer: int | str


@dataclass(frozen=True)
class Stripe:
    """A running twin."""

    url: str
    pid: int
    call_log: Path

    def transfer_calls(self) -> list[Call]:
        """In the order of their arrival."""
        calls = [Call(**orjson.loads(line)) for line in self.call_log.read_bytes().splitlines()]
        return sorted(call for call in calls if (call.method, call.path) == ("POST", "/v1/transfers"))


class Sample(NamedTuple):
    """What a process uses: resident bytes now, and CPU seconds since it began."""

    resident_bytes: int
    cpu_seconds: float


@contextmanager
def scratch_folder() -> Iterator[Path]:
    folder = Path(mkdtemp(prefix="ledger-benchmark-"))
    try:
        yield folder
    finally:
        rmtree(folder, ignore_errors=True)


@contextmanager
def stripe_twin(folder: Path, *, calls_a_second: float | None = None) -> Iterator[Stripe]:
    """As slow as Stripe is, and as strict as it is told to be."""
    call_log = folder / "calls.ndjson"
    arguments = ["--latency-median-ms", str(MEDIAN_LATENCY_MS), "--balance-minor", str(ENOUGH_MINOR)]
    arguments += ["--call-log", str(call_log), "--seed", "1"]
    if calls_a_second is not None:
        arguments += ["--rate-limit", str(calls_a_second)]
    with process.start(folder, api_key=API_KEY, arguments=arguments) as twin:
        yield Stripe(twin.url, twin.pid, call_log)


@contextmanager
def parts(database_url: str, folder: Path, stripe_url: str = "http://127.0.0.1:1") -> Iterator[Start]:
    """Start parts by their commands, `module` by its name; all of them end with the context."""
    environment = {
        **os.environ,
        "DATABASE_URL": database_url,
        "STRIPE_API_KEY": API_KEY,
        "STRIPE_API_BASE": stripe_url,
        "LEDGER_JWT_SECRET": JWT_SECRET,
        "LEDGER_DATA_DIR": str(folder),
        "LEDGER_LOG_FORMAT": "json",
        "LEDGER_LOG_LEVEL": "warning",
    }
    with ExitStack() as opened:

        def start(*command: str, module: str = "api.cli") -> subprocess.Popen[bytes]:
            log = opened.enter_context((folder / "parts.log").open("ab"))
            arguments = [sys.executable, "-m", module, *command]
            started = subprocess.Popen(arguments, cwd=ROOT, env=environment, stdout=log, stderr=log)
            opened.callback(_end, started)
            return started

        yield start


def serve(start: Start) -> tuple[str, int]:
    """An API, once it answers: its address, and its process."""
    port = _free_port()
    return _ready(start("serve", "--port", str(port)), port)


def serve_bare(start: Start, database_url: str) -> tuple[str, int]:
    """The same of `bare_app`."""
    port = _free_port()
    return _ready(start(str(port), database_url, module="benchmarks.bare_app"), port)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _ready(server: subprocess.Popen[bytes], port: int) -> tuple[str, int]:
    url = f"http://127.0.0.1:{port}"
    wait_for(lambda: _answers(url), url)
    return url, server.pid


def wait_for(is_so: Callable[[], bool], what: str, seconds: float = READY_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(0.05)


def sample(pid: int) -> Sample:
    """By /proc, so on Linux only."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    return Sample(int(fields[21]) * os.sysconf("SC_PAGE_SIZE"), ticks / os.sysconf("SC_CLK_TCK"))


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/live", trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _end(part: subprocess.Popen[bytes]) -> None:
    if part.poll() is None:
        part.send_signal(signal.SIGTERM)
    part.wait()
