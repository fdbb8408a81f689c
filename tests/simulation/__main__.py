"""Runs seeds and says what happened.

python -m tests.simulation --seeds 2000          seeds 1 to 2000
python -m tests.simulation --seeds 500 --from 7000 --jobs 2
python -m tests.simulation --seed 4711 --trace   one seed, and everything that happened in it
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from tests.simulation.simulation import Report, simulate

PROGRESS_SECONDS = 1.0


@dataclass
class Totals:
    """Over all seeds so far."""

    seeds: int = 0
    days: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    failed: list[Report] = field(default_factory=list)

    def add(self, report: Report) -> None:
        self.seeds += 1
        self.days += report.days
        self.counts.update(report.counts)
        if report.violations:
            self.failed.append(report)


def main() -> int:
    arguments = _arguments()
    if arguments.seed is not None:
        return _one(arguments.seed, trace=arguments.trace)
    started, shown = time.monotonic(), 0.0
    totals = Totals()
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    for report in _reports(seeds, arguments.jobs):
        totals.add(report)
        if report.violations:
            print(f"\rseed {report.plan.seed}: {report.violations[0]}", file=sys.stderr)
        if sys.stderr.isatty() and time.monotonic() - shown > PROGRESS_SECONDS:
            shown = time.monotonic()
            print(f"\r{totals.seeds} of {len(seeds)} seeds, {totals.days:.0f} days", end="", file=sys.stderr)
    print(file=sys.stderr)
    print("\n".join(_summary(totals, time.monotonic() - started)))
    for report in totals.failed[:1]:
        print("\n" + "\n".join(explanation(report)))
    return 1 if totals.failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulate", description="The payout process in a simulated world, by seed.")
    parser.add_argument("--seeds", type=int, default=100, help="how many seeds to run (default: 100)")
    parser.add_argument("--from", type=int, default=1, dest="first", help="the first of them (default: 1)")
    parser.add_argument("--jobs", type=int, default=1, help="processes to spread them over (default: 1)")
    parser.add_argument("--seed", type=int, help="run this seed only")
    parser.add_argument("--trace", action="store_true", help="with --seed: print everything that happened")
    return parser.parse_args()


def _one(seed: int, *, trace: bool) -> int:
    started = time.monotonic()
    report = simulate(seed)
    if trace:
        print("\n".join(report.chronicle.story()))
        print(report.plan)
    else:
        totals = Totals()
        totals.add(report)
        print("\n".join(_summary(totals, time.monotonic() - started)))
        if report.violations:
            print("\n" + "\n".join(explanation(report)))
    return 1 if report.violations else 0


def _reports(seeds: Iterable[int], jobs: int) -> Iterator[Report]:
    if jobs <= 1:
        yield from map(simulate, seeds)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(_without_story, seeds, chunksize=8)


def _without_story(seed: int) -> Report:
    """A report that is cheap to send to another process; the clock in it cannot be."""
    report = simulate(seed)
    report.chronicle.clock = float
    if not report.violations:
        report.chronicle.entries.clear()
    return report


def _summary(totals: Totals, seconds: float) -> Iterator[str]:
    counts = totals.counts
    duplicates = sum(
        violation.invariant == "never twice" for report in totals.failed for violation in report.violations
    )
    lost = sum(violation.invariant == "never lost" for report in totals.failed for violation in report.violations)
    yield f"seeds          {totals.seeds}, {totals.days:.0f} days of virtual time in {seconds:.1f} s"
    yield f"payouts        {counts['payouts']}: {_of(counts, 'ended ')}"
    yield f"attempts       {counts['TransferRequested']}, sent {counts['transfers sent']} times; calls {counts['calls']}"
    yield f"outcomes       {_of(counts, 'Transfer')}"
    yield f"faults         {sum(n for name, n in counts.items() if name.startswith('fault '))}: {_of(counts, 'fault ')}"
    yield f"weather        {_of(counts, 'calls under a sky that is ')}"
    yield f"crashes        {counts['crashes']}, freezes {counts['freezes']}, conflicts {counts['conflicts']}"
    yield f"store          unavailable {counts['store unavailable']}, {_of(counts, 'append lost ')}"
    yield f"people         {_of(counts, 'person ')}"
    yield f"webhooks       {_of(counts, 'webhooks ')}"
    yield f"duplicates     {duplicates}"
    yield f"lost           {lost}"
    yield f"failed seeds   {len(totals.failed)}" + "".join(f" {report.plan.seed}" for report in totals.failed[:20])


def _of(counts: Counter[str], prefix: str) -> str:
    found = sorted((name.removeprefix(prefix), n) for name, n in counts.items() if name.startswith(prefix))
    return ", ".join(f"{name} {n}" for name, n in found) or "none"


def explanation(report: Report) -> Iterator[str]:
    """What went wrong in a failed run: the invariant, how to see it again, and the story of the payout it concerns."""
    first = report.violations[0]
    yield f"Seed {report.plan.seed} violates: {first}"
    yield f"Replay it with: ./run simulate --seed {report.plan.seed} --trace"
    yield ""
    yield from report.chronicle.story(first.payout_id or None)
    yield ""
    yield str(report.plan)


if __name__ == "__main__":
    sys.exit(main())
