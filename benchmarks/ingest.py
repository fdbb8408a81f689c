"""How many facts the API takes in: batches of 100, and one at a time over 64 connections; and what of that is the framework's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
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
    target = "in batches at least 5,000 events a second; one at a time: reported, with the framework's share of it"
    short = MappingProxyType({"batched": 5_000, "singles": 1_000})

    batched: int = 50_000
    singles: int = 10_000
    batch_connections: int = 2
    connections: int = 64

    def run(self, progress: Progress) -> Result:
        progress("making facts")
        facts = journeys()
        batches = [list(islice(facts, BATCH)) for _ in range(self.batched // BATCH)]
        singles = list(islice(facts, self.singles))
        with scratch_database() as database_url, scratch_folder() as folder:
            ingest(database_url, referrer_facts())
            with parts(database_url, folder) as start:
                url, pid = serve(start)
                bare_url, bare_pid = serve_bare(start, database_url)
                address = f"{url}/api/v1/lifecycle-events"
                progress("batches")
                many = _measured(pid, address, [orjson.dumps(each) for each in batches], MANY, self.batch_connections)
                bodies = [orjson.dumps(each) for each in singles]
                progress("one at a time")
                one = _measured(pid, address, bodies, ONE, self.connections)
                progress("one at a time, to a route that does nothing")
                bare = _measured(bare_pid, f"{bare_url}/lifecycle-event", bodies, ONE, self.connections)
        return Result(
            [
                Figure("batched", BATCH * many.load.rate, "events/s", at_least=BATCHED_A_SECOND),
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
            [ratio("singles-vs-bare", one.load.rate / bare.load.rate)],
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


@dataclass(frozen=True)
class _Measured:
    load: Load
    cpu_seconds: float
    """Of the process that answered."""


def _measured(pid: int, url: str, bodies: Sequence[bytes], media_type: str, connections: int) -> _Measured:
    headers = {"Authorization": f"Bearer {token('platform')}", "Content-Type": media_type}
    requests: list[Request] = [request("POST", url, headers, body) for body in bodies]
    warm_up = len(requests) // 10
    send_all(url, requests[:warm_up], connections)
    before = sample(pid).cpu_seconds
    load = send_all(url, requests[warm_up:], connections)
    share_measured = (len(requests) - warm_up) / len(requests)
    return _Measured(load, (sample(pid).cpu_seconds - before) / share_measured)
