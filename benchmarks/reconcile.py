"""How long a reconciliation takes: parse Stripe's report, read the log, match, keep every line, record the run.

    python -m benchmarks.reconcile [--lines N] [--rounds N] [--database-url URL] [--at-most SECONDS]

The log holds an intent and an outcome for each of N transfers, the report a line for each, a few of them tampered with. Each
round takes another report, so that each is a run of its own.
"""

import argparse
import gc
import statistics
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.table import Table

from benchmarks.append import fresh_database, server
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
HEADER = (
    "balance_transaction_id,created_utc,created,available_on_utc,available_on,currency,gross,fee,net,reporting_category,"
    "source_id,description,automatic_payout_id,automatic_payout_effective_at_utc,automatic_payout_effective_at,"
    "connected_account_id,connected_account_name,connected_account_country\n"
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
    taken["altogether"] = at - began
    taken["of which our own CPU"] = time.process_time() - busy
    return outcome


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reconcile", description=(__doc__ or "").split("\n", 1)[0]
    )
    parser.add_argument("--lines", type=int, default=100_000, help="of the report, and as many transfers on the log")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--database-url", help="a server to create a database on (default: an embedded one)")
    parser.add_argument("--at-most", type=float, help="exit 1 if a run takes longer, in seconds, in the median")
    options = parser.parse_args()
    gc.disable()  # as the command does
    rounds: list[dict[str, float]] = []
    with (
        server(options.database_url) as server_url,
        fresh_database(server_url) as url,
        closing(PostgresRecorder(url)) as recorder,
        open_pool(url) as pool,
    ):
        log = EventLog(recorder)
        fill(log, options.lines)
        reconciling = Reconciling(log, RunLines(pool), lambda: datetime.now(UTC))
        for number in range(options.rounds):
            rounds.append({})
            outcome = reconcile(reconciling, report(options.lines, number), rounds[-1])
            assert (outcome.is_new, outcome.run.completed.comparisons[0].remainder_minor) == (True, 0)
    table = Table("step", "median s", "worst s", title=f"Reconciling {options.lines:,} lines")
    for step in rounds[0]:
        seconds = [taken[step] for taken in rounds]
        table.add_row(step, f"{statistics.median(seconds):.2f}", f"{max(seconds):.2f}")
    Console().print(table)
    median = statistics.median(taken["altogether"] for taken in rounds)
    if options.at_most is not None and median > options.at_most:
        print(f"{median:.2f} s is more than {options.at_most:.2f} s", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
