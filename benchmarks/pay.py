"""How fast payouts are paid through a Stripe that takes 250 ms in the median and answers 429 above 100 calls a second."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import psycopg

from benchmarks.database import migrated_database, scratch_server
from benchmarks.declaration import Benchmark, Figure, Progress, Result, ratio
from benchmarks.owed import owe
from benchmarks.parts import Call, Sample, parts, sample, scratch_folder, stripe_twin

__all__ = ["Pay"]

LIMIT_A_SECOND = 100.0
AT_LEAST_A_SECOND = 95.0
REFUSED_AT_MOST_PERCENT = 1.0
FLAT = 1.1
"""Memory at the end, in times of what it was when a quarter was paid."""
PATIENCE = 20
"""Times as long as it should take: then it is given up."""


@dataclass(frozen=True)
class Pay(Benchmark):
    name = "pay"
    about = "payouts out of a backlog, through a Stripe of 250 ms and 100 calls a second"
    target = (
        "one worker pays at least 95 a second, with less than 1 % of its calls answered 429 and its memory flat; two and four"
        " the same in sum. Sustained: between the 5th and the 95th percent of the payouts"
    )
    short = MappingProxyType({"payouts": 600, "workers": (1,)})

    payouts: int = 10_000
    workers: tuple[int, ...] = (1, 2, 4)

    def run(self, progress: Progress) -> Result:
        figures: list[Figure] = []
        ratios: list[Figure] = []
        with scratch_server() as server_url:
            for count in self.workers:
                with migrated_database(server_url) as database_url:
                    progress(f"{self.payouts:,} payouts, {count} at work")
                    owe(database_url, self.payouts)
                    found = self._pay(database_url, count)
                figures += found.figures(f"{count}-at-work")
                ratios += found.ratios(f"{count}-at-work")
        return Result(figures, ratios)

    def _pay(self, database_url: str, workers: int) -> "Found":
        with scratch_folder() as folder, stripe_twin(folder, calls_a_second=LIMIT_A_SECOND) as stripe:
            with parts(database_url, folder, stripe.url) as start:
                pids = [start("work").pid for _ in range(workers)]
                samples = self._watch(database_url, pids)
            return Found(self.payouts, stripe.transfer_calls(), samples)

    def _watch(self, database_url: str, pids: Sequence[int]) -> dict[int, list[Sample]]:
        """By the number of payouts paid so far, what each worker used."""
        samples: dict[int, list[Sample]] = {}
        deadline = time.monotonic() + 30 + PATIENCE * self.payouts / LIMIT_A_SECOND
        with psycopg.connect(database_url, autocommit=True) as connection:
            while (paid := _paid(connection)) < self.payouts:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"only {paid} of {self.payouts} are paid")
                samples[paid] = [sample(pid) for pid in pids]
                time.sleep(1.0)
            samples[paid] = [sample(pid) for pid in pids]
        return samples


@dataclass(frozen=True)
class Found:
    payouts: int
    calls: Sequence[Call]
    samples: dict[int, list[Sample]]

    @property
    def sustained(self) -> float:
        answered = sorted(call.answered_at for call in self.calls if call.answer == 200)
        first, last = len(answered) // 20, len(answered) - 1 - len(answered) // 20
        return (last - first) / (answered[last] - answered[first])

    def figures(self, at: str) -> list[Figure]:
        refused = sum(call.answer == 429 for call in self.calls)
        took = max(call.answered_at for call in self.calls) - self.calls[0].arrived_at
        cpu = sum(each.cpu_seconds for each in self.samples[max(self.samples)])
        began = sum(each.cpu_seconds for each in self.samples[min(paid for paid in self.samples if paid)])
        paid_since = max(self.samples) - min(paid for paid in self.samples if paid)
        return [
            Figure(f"{at}-sustained", self.sustained, "payouts/s", at_least=AT_LEAST_A_SECOND),
            Figure(f"{at}-refused", 100 * refused / len(self.calls), "% of calls", at_most=REFUSED_AT_MOST_PERCENT),
            Figure(f"{at}-from-first-to-last", self.payouts / took, "payouts/s"),
            Figure(f"{at}-cpu", 1000 * (cpu - began) / max(1, paid_since), "ms a payout"),
        ]

    def ratios(self, at: str) -> list[Figure]:
        quarter = min(paid for paid in self.samples if paid >= self.payouts / 4)
        resident = [sum(each.resident_bytes for each in self.samples[paid]) for paid in (quarter, max(self.samples))]
        return [
            ratio(f"{at}-sustained-vs-limit", self.sustained / LIMIT_A_SECOND),
            ratio(f"{at}-memory", resident[1] / resident[0], at_most=FLAT),
        ]


def _paid(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT count(*) FROM ledger.event WHERE type = 'TransferSettled'").fetchone()
    return row[0] if row is not None else 0
