"""How many facts the API takes in: batches of 100, and one at a time over 64 connections; and what of that is the framework's.

Batches go to one process of the API, and then to several on the same database, as it is deployed where one is not enough.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from os import cpu_count
from types import MappingProxyType

import orjson

from benchmarks.database import scratch_database
from benchmarks.declaration import Benchmark, Figure, Progress, Result, ratio
from benchmarks.facts import CODE, SPARE_TIME, fact, ingest, referrer_facts, token
from benchmarks.http_load import Load, Request, request, send_all
from benchmarks.parts import parts, sample, scratch_folder, serve, serve_bare

__all__ = ["Ingest"]

BATCH = 100
BATCHED_A_SECOND = 5_000.0
MANY = "application/cloudevents-batch+json"
ONE = "application/cloudevents+json"


@dataclass(frozen=True)
class Ingest(Benchmark):
    name = "ingest"
    about = "POST /lifecycle-events in batches of 100, and one at a time over 64 connections"
    target = (
        "in batches at least 5,000 events a second, by as many API processes as there are cores;"
        " one at a time: reported, with the framework's share of it"
    )
    short = MappingProxyType({"batched": 5_000, "singles": 1_000})

    batched: int = 50_000
    singles: int = 10_000
    batch_connections: int = 2
    """For each API process."""
    connections: int = 64
    apis: int = cpu_count() or 1

    def run(self, progress: Progress) -> Result:
        progress("making facts")
        facts = journeys()
        batches, more_batches = ([orjson.dumps(each) for each in _batches(facts, self.batched)] for _ in range(2))
        singles = list(islice(facts, self.singles))
        with scratch_database() as database_url, scratch_folder() as folder:
            ingest(database_url, referrer_facts())
            with parts(database_url, folder) as start:
                apis = [serve(start) for _ in range(self.apis)]
                bare_url, bare_pid = serve_bare(start, database_url)
                takers = [(f"{url}/api/v1/lifecycle-events", pid) for url, pid in apis]
                progress("batches")
                many = _measured(takers[:1], batches, MANY, self.batch_connections)
                progress(f"batches, by {self.apis} API processes")
                by_all = _measured(takers, more_batches, MANY, self.batch_connections * self.apis)
                bodies = [orjson.dumps(each) for each in singles]
                progress("one at a time")
                one = _measured(takers[:1], bodies, ONE, self.connections)
                progress("one at a time, to a route that does nothing")
                bare = _measured([(f"{bare_url}/lifecycle-event", bare_pid)], bodies, ONE, self.connections)
        return Result(
            [
                Figure("batched", BATCH * by_all.load.rate, "events/s", at_least=BATCHED_A_SECOND),
                Figure("batched-by-one-process", BATCH * many.load.rate, "events/s"),
                Figure("batch-p99", many.load.milliseconds(0.99), "ms"),
                Figure("batched-cpu", 1000 * many.cpu_seconds / self.batched, "ms an event"),
                Figure("singles", one.load.rate, "events/s"),
                Figure("singles-p50", one.load.milliseconds(0.5), "ms"),
                Figure("singles-p99", one.load.milliseconds(0.99), "ms"),
                Figure("singles-cpu", 1000 * one.cpu_seconds / self.singles, "ms an event"),
                Figure("bare-singles", bare.load.rate, "events/s"),
                Figure("bare-cpu", 1000 * bare.cpu_seconds / self.singles, "ms an event"),
                Figure("framework-share", 100 * bare.cpu_seconds / one.cpu_seconds, "% of the API's CPU"),
            ],
            [
                ratio("batched-vs-one-process", by_all.load.rate / many.load.rate),
                ratio("singles-vs-bare", one.load.rate / bare.load.rate),
            ],
        )


def journeys() -> Iterator[dict[str, object]]:
    """Four facts about each instructor, one after the other; the last one earns a bonus."""
    number = 0
    while True:
        number += 1
        subject = f"ins_journey_{number}"
        yield fact("signed_up", subject, before=3 * SPARE_TIME, referral_code=CODE, display_name="Somebody")
        yield fact("payout_account_updated", subject, stripe_account_id=f"acct_{number}", transfers_active=True)
        yield fact("went_live", subject, before=2 * SPARE_TIME)
        yield fact("lesson_completed", subject, before=SPARE_TIME, lesson_id=f"lesson_{number}")


def _batches(facts: Iterator[dict[str, object]], events: int) -> Iterator[list[dict[str, object]]]:
    return (list(islice(facts, BATCH)) for _ in range(events // BATCH))


@dataclass(frozen=True)
class _Measured:
    load: Load
    cpu_seconds: float
    """Of the processes that answered."""


def _measured(
    takers: Sequence[tuple[str, int]], bodies: Sequence[bytes], media_type: str, connections: int
) -> _Measured:
    """By servers of these addresses and processes."""
    urls, pids = zip(*takers, strict=True)
    headers = {"Authorization": f"Bearer {token('platform')}", "Content-Type": media_type}
    requests: list[Request] = [request("POST", urls[0], headers, body) for body in bodies]
    warm_up = len(requests) // 10
    send_all(urls, requests[:warm_up], connections)
    before = _cpu_seconds(pids)
    load = send_all(urls, requests[warm_up:], connections)
    share_measured = (len(requests) - warm_up) / len(requests)
    return _Measured(load, (_cpu_seconds(pids) - before) / share_measured)


def _cpu_seconds(pids: Sequence[int]) -> float:
    return sum(sample(pid).cpu_seconds for pid in pids)
