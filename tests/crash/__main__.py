"""Kills the real processes under load, and says what happened.

python -m tests.crash --seconds 180 --seed 1     exits with 1 if anything was paid twice, lost, or otherwise wrong
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from api import composition
from api.cli import structured_log
from api.cli.interrupt import raise_on_stop
from api.settings import Settings
from tests.crash.campaign import data_folder, run
from tests.crash.evidence import Evidence
from tests.crash.expected import left_open
from tests.crash.plan import Plan, Victim, make_plan
from tests.crash.verdict import attempts, duplicates, lost, violations

SHOWN = 20


def main() -> int:
    arguments = _arguments()
    plan = make_plan(arguments.seed, arguments.seconds)
    structured_log.keep_quiet()
    given = Settings()
    if given.stripe_api_key is not None or given.stripe_api_base is not None or given.database_url is not None:
        print("DATABASE_URL and STRIPE_API_KEY have to be unset: this run kills its own ones", file=sys.stderr)
        return 2
    raise_on_stop()
    started = time.monotonic()
    with data_folder() as folder:
        settings = composition.completed(given.model_copy(update={"ledger_data_dir": folder}))
        evidence = run(plan, settings)
        found = violations(evidence)
        kept = _keep_logs(folder, arguments.logs) if found or arguments.logs else None
    print("\n".join(_summary(plan, evidence, time.monotonic() - started)))
    if kept is not None:
        print(f"logs        {kept}")
    if found:
        print("\n".join([f"\n{len(found)} violations", *found[:SHOWN]]))
    return 1 if found else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="crash", description="kill -9 of the real processes under load.")
    parser.add_argument("--seconds", type=float, default=180.0, help="how long the load lasts (default: 180)")
    parser.add_argument("--seed", type=int, default=1, help="draws the season and the kills (default: 1)")
    parser.add_argument(
        "--logs", type=Path, help="keep the logs of all parts in this folder; on a violation they are kept anyway"
    )
    return parser.parse_args()


def _keep_logs(folder: Path, wanted: Path | None) -> Path:
    """The evidence outlives the data folder."""
    kept = wanted or Path(tempfile.mkdtemp(prefix="ledger-crash-logs-"))
    shutil.copytree(folder / "ledger" / "logs", kept, dirs_exist_ok=True)
    shutil.copy(folder / "postgres" / "server.log", kept / "postgres.log")
    return kept


def _summary(plan: Plan, evidence: Evidence, seconds: float) -> Iterator[str]:
    receipts = evidence.receipts
    held = sum(len(each) for each in evidence.transfers.values())
    yield f"seed        {plan.seed}, {seconds:.0f} s: load {evidence.load_seconds:.0f}, rest {evidence.rest_seconds:.0f}"
    yield f"deliveries  {len(receipts.answers)} in {receipts.batches} batches, {receipts.retries} requests again"
    yield f"kills       {evidence.kills.total()}: {_counted(evidence.kills)}"
    yield f"restarts    {evidence.restarts.total()}: {_counted(evidence.restarts)}"
    yield f"takeovers   {evidence.takeovers} of payouts whose lease ran out"
    yield f"PostgreSQL  came up {evidence.database_starts} times"
    yield f"transfers   {held} at Stripe; on the log: {_counted(attempts(evidence))}"
    yield f"log         {len(evidence.log)} events, positions without a gap"
    yield f"left open   {len(left_open(evidence))}, answered 500 and not at Stripe: two persons have to say what follows"
    yield f"duplicates  {len(duplicates(evidence))}"
    yield f"lost        {len(lost(evidence))}"
    for check in evidence.checks:
        yield f"{'holds' if check.holds else 'FAILS'}       {check.number}. {check.claim}: {check.compared}"


def _counted(counts: Counter[str] | Counter[Victim]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"


if __name__ == "__main__":
    sys.exit(main())
