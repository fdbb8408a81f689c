"""How long a reconciliation takes: parse Stripe's report, read the log, match, keep every line, record the run.

The log holds an intent and an outcome for each transfer, the report a line for each, a few of them tampered with. Each
round takes another report, so that each is a run of its own.
"""

import gc
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from benchmarks.contenders import median_figure
from benchmarks.database import scratch_database
from benchmarks.declaration import Benchmark, Progress, Result
from ledger.event_log import Draft, EventLog
from ledger.events import Event, Happened, TransferRequested, TransferSettled
from ledger.history import about
from ledger.reconciliation.inputs import Inputs
from ledger.reconciliation.reconciling import Outcome, Reconciling
from ledger.reconciliation.run_lines import RunLines
from ledger.reconciliation.stripe_csv import parse_stripe_csv
from ledger.store import PostgresRecorder
from ledger.store.connection import open_pool

BEGUN = datetime(2026, 7, 1, tzinfo=UTC)
APART = timedelta(seconds=26)  # a hundred thousand are a month
BATCH = 1000
ALTOGETHER = "altogether"
WANTED_SECONDS = 10.0
MANY_LINES = 100_000
HEADER = (
    "balance_transaction_id,created_utc,created,available_on_utc,available_on,currency,gross,fee,net,reporting_category,"
    "source_id,description,automatic_payout_id,automatic_payout_effective_at_utc,automatic_payout_effective_at,"
    "connected_account_id,connected_account_name,connected_account_country\n"
)


@dataclass(frozen=True)
class Reconcile(Benchmark):
    name = "reconcile"
    about = "Stripe's report against the log, each line matched and kept"
    target = "100,000 lines in less than 10 seconds"
    short = MappingProxyType({"lines": 2_000, "rounds": 2})

    lines: int = 100_000
    """Of the report, and as many transfers on the log."""
    rounds: int = 3
    warm_up: int = 1

    def run(self, progress: Progress) -> Result:
        rounds: list[dict[str, float]] = []
        gc.disable()  # as the command does
        try:
            with (
                scratch_database() as url,
                closing(PostgresRecorder(url)) as recorder,
                open_pool(url) as pool,
            ):
                log = EventLog(recorder)
                progress(f"{self.lines:,} transfers")
                fill(log, self.lines)
                reconciling = Reconciling(log, RunLines(pool), lambda: datetime.now(UTC))
                for number in range(self.warm_up + self.rounds):
                    progress(
                        f"round {number + 1 - self.warm_up} of {self.rounds}" if number >= self.warm_up else "warm-up"
                    )
                    rounds.append({})
                    outcome = reconcile(reconciling, report(self.lines, number), rounds[-1])
                    assert (outcome.is_new, outcome.run.completed.comparisons[0].remainder_minor) == (True, 0)
        finally:
            gc.enable()
        counted = rounds[self.warm_up :]
        steps = {step: [taken[step] for taken in counted] for step in counted[0]}
        wanted = WANTED_SECONDS if self.lines >= MANY_LINES else None
        return Result(
            [
                median_figure(step.replace(" ", "-"), seconds, "s", at_most=wanted if step == ALTOGETHER else None)
                for step, seconds in steps.items()
            ]
        )


def fill(log: EventLog, lines: int) -> None:
    """Every transfer, requested and settled."""
    nobody_else = [about("whatever-nobody-records")]
    for first in range(0, lines, BATCH):
        drafts = [
            Draft(Happened(event, BEGUN + APART * number), "benchmark", "benchmark", None)
            for number in range(first, min(first + BATCH, lines))
            for event in a_transfer(number)
        ]
        log.append(drafts, nobody_else, after=0)


def a_transfer(number: int) -> tuple[Event, Event]:
    about_it = {"payout_id": f"pay_{number}", "referral_id": f"ref_{number}", "referrer_id": f"ins_{number % 5000}"}
    money = {"amount_minor": 7500, "currency": "usd", "destination": f"acct_{number % 5000}", "attempt": 1}
    group = {"idempotency_key": f"payout:pay_{number}:a1", "transfer_group": f"payout_pay_{number}", "metadata": {}}
    requested = TransferRequested.model_validate({**about_it, **money, **group})
    return requested, TransferSettled.model_validate({**about_it, **money, "transfer_id": f"tr_{number}"})


def report(lines: int, round_number: int) -> bytes:
    """One line missing, one changed, one foreign; which, depends on the round."""
    missing, changed = lines // 2 + round_number, lines // 3 + round_number
    rows = [
        line_of(number, "-75.01" if number == changed else "-75.00") for number in range(lines) if number != missing
    ]
    return (HEADER + "".join([*rows, line_of(lines + round_number, "-12.34")])).encode()


def line_of(number: int, amount: str) -> str:
    at = f"{BEGUN + APART * min(number, 99_999):%Y-%m-%d %H:%M:%S}"
    ids = f"txn_{number},{at},{at},{at},{at},usd,{amount},0.00,{amount},transfer,tr_{number}"
    return f"{ids},,,,,acct_{number % 5000},,US\n"


def reconcile(reconciling: Reconciling, content: bytes, taken: dict[str, float]) -> Outcome:
    """One run, end to end; adds the seconds of each step to `taken`."""
    began = at = time.perf_counter()
    busy = time.process_time()
    step = "parsing the report"

    def next_step(name: str) -> None:
        nonlocal at, step
        now = time.perf_counter()
        taken[step] = now - at
        at, step = now, name

    activity = parse_stripe_csv(content, "usd")
    outcome = reconciling.run(Inputs(activity), actor="benchmark", on_progress=next_step)
    next_step("")
    taken[ALTOGETHER] = at - began
    taken["of which our own CPU"] = time.process_time() - busy
    return outcome
