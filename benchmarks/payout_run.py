"""Payouts from a backlog, through real workers, to a real Stripe twin: what the benchmarks of the payout process measure.

with backlog(database_url, payouts) ...: the log owes so many payouts
with twin(folder, ...) ...              a Stripe that takes its time and has its limit
with workers(...) ...                   `ledger work`, each a process of its own
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from ledger.event_log import Draft, EventLog
from ledger.events import BonusEarned, Event, Happened, PayoutAccountUpdated
from ledger.history import about
from ledger.store import PostgresRecorder
from sandbox.stripe_twin import process

ROOT = Path(__file__).parents[1]
API_KEY = "sk_test_benchmark"
BATCH = 1000
PAYOUTS_OF_A_REFERRER = 5
SAMPLE_SECONDS = 1.0


class Call(NamedTuple):
    """One call that the twin heard. Moments in Unix seconds."""

    arrived_at: float
    answered_at: float
    method: str
    path: str
    idempotency_key: str | None
    answer: int | str


@dataclass
class Sample:
    """What a process used, by /proc: resident bytes, and CPU seconds since it began."""

    at: float
    resident_bytes: int
    cpu_seconds: float


def owe(database_url: str, payouts: int) -> None:
    """So many bonuses are earned, by referrers whose accounts are known and take transfers."""
    now = datetime.now(UTC)
    with closing(PostgresRecorder(database_url)) as recorder:
        log = EventLog(recorder)
        for first in range(0, payouts, BATCH):
            events = [event for number in range(first, min(first + BATCH, payouts)) for event in _owed(number)]
            drafts = [Draft(Happened(event, now), "benchmark", "benchmark", None) for event in events]
            log.append(drafts, [about("whatever-nobody-records")], after=0)


def _owed(number: int) -> Iterator[Event]:
    referrer = f"ins_referrer_{number // PAYOUTS_OF_A_REFERRER}"
    if number % PAYOUTS_OF_A_REFERRER == 0:
        yield PayoutAccountUpdated(
            instructor_id=referrer, stripe_account_id=f"acct_ok{number // PAYOUTS_OF_A_REFERRER}", transfers_active=True
        )
    yield BonusEarned(
        referral_id=f"ref_{number}",
        payout_id=f"pay_{number}",
        referred_id=f"ins_{number}",
        referrer_id=referrer,
        tier="standard",
        founding_spot=None,
        founding_cap=0,
        amount_minor=5000,
        currency="usd",
    )


@contextmanager
def twin(folder: Path, rate_limit: float | None, median_ms: float = 250.0) -> Iterator[tuple[str, Path, int]]:
    """Its address, the log of its calls, and its process."""
    calls = folder / "calls.ndjson"
    arguments = ["--latency-median-ms", str(median_ms), "--balance-minor", str(10**12), "--call-log", str(calls)]
    if rate_limit is not None:
        arguments += ["--rate-limit", str(rate_limit)]
    with process.start(folder, api_key=API_KEY, arguments=arguments) as started:
        yield started.url, calls, started.pid


def read_calls(path: Path) -> list[Call]:
    return [Call(**json.loads(line)) for line in path.read_text().splitlines()]


@contextmanager
def workers(database_url: str, stripe_url: str, folder: Path, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    environment = {
        **os.environ,
        "DATABASE_URL": database_url,
        "STRIPE_API_KEY": API_KEY,
        "STRIPE_API_BASE": stripe_url,
        "LEDGER_DATA_DIR": str(folder),
        "LEDGER_LOG_FORMAT": "json",
    }
    command = [*os.environ.get("WORK_COMMAND", f"{sys.executable} -m api.cli").split(), "work"]
    with ExitStack() as opened:
        started = []
        for number in range(count):
            log = opened.enter_context((folder / f"worker-{number}.log").open("wb"))
            worker = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
            opened.callback(_end, worker)
            started.append(worker)
        yield started


def _end(worker: subprocess.Popen[bytes]) -> None:
    if worker.poll() is None:
        worker.send_signal(signal.SIGTERM)
        worker.wait()


def sample(pid: int) -> Sample:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return Sample(time.time(), int(fields[21]) * os.sysconf("SC_PAGE_SIZE"), cpu)
