"""How fast instructors are answered while facts arrive, against a bare route that reads one row from a pool."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from types import MappingProxyType

import httpx
import orjson

from benchmarks.contenders import median_figure
from benchmarks.database import scratch_database
from benchmarks.declaration import Benchmark, Figure, Progress, Result, ratio
from benchmarks.facts import SPARE_TIME, fact, ingest, referrer_facts, token
from benchmarks.http_load import Load, Request, keep_asking, request
from benchmarks.ingest import journeys
from benchmarks.parts import parts, scratch_folder, serve, serve_bare, wait_for

__all__ = ["Read"]

AT_LEAST = 0.8
P99_AT_MOST = 2.0
FACTS_AT_ONCE = 20
PREFIX = "/api/v1/instructor-referrals"


@dataclass(frozen=True)
class Read(Benchmark):
    name = "read"
    about = "`stats` and `referred` over 150 connections, while 200 facts a second arrive"
    target = "each at least 0.8 times as fast as a bare FastAPI route with one pooled query of a row; p99 at most 2 times its"
    short = MappingProxyType({"referrers": 20, "seconds": 2.0, "rounds": 2})

    referrers: int = 200
    referrals: int = 10
    """Of each referrer."""
    connections: int = 150
    facts_a_second: int = 200
    seconds: float = 20.0
    """For each contender."""
    rounds: int = 5
    warm_up_seconds: float = 2.0

    def run(self, progress: Progress) -> Result:
        with scratch_database() as database_url, scratch_folder() as folder:
            progress(f"{self.referrers:,} referrers, {self.referrals} referrals each")
            ingest(database_url, self._facts())
            with parts(database_url, folder) as start:
                start("project")
                url, _ = serve(start)
                bare_url, _ = serve_bare(start, database_url)
                names = [f"ins_r{number}" for number in range(self.referrers)]
                asking = [{"Authorization": f"Bearer {token('instructor', name)}"} for name in names]
                contenders = [
                    Contender("stats", url, [request("GET", f"{url}{PREFIX}/stats", each) for each in asking]),
                    Contender("referred", url, [request("GET", f"{url}{PREFIX}/referred", each) for each in asking]),
                    Contender("bare", bare_url, [request("GET", f"{bare_url}/row/{name}", {}) for name in names]),
                    Contender(
                        "bare-async", bare_url, [request("GET", f"{bare_url}/row-async/{name}", {}) for name in names]
                    ),
                ]
                _wait_until_read(url, asking[-1], self.referrals)
                with _arriving(url, self.facts_a_second):
                    self._take_turns(contenders, progress)
        return _result(contenders)

    def _facts(self) -> Iterator[dict[str, object]]:
        for number in range(self.referrers):
            referrer, code = f"ins_r{number}", f"CODE{number}"
            yield from referrer_facts(referrer, code, f"acct_ok{number}")
            for each in range(self.referrals):
                referred = f"ins_{number}_{each}"
                yield fact("signed_up", referred, before=3 * SPARE_TIME, referral_code=code, display_name="Ada")
                yield fact("went_live", referred, before=2 * SPARE_TIME)
                if each % 2:
                    yield fact("lesson_completed", referred, before=SPARE_TIME, lesson_id=f"lesson_{number}_{each}")

    def _take_turns(self, contenders: Sequence["Contender"], progress: Progress) -> None:
        for each in contenders:
            keep_asking(each.url, each.requests, self.connections, self.warm_up_seconds)
        for number in range(self.rounds):
            progress(f"round {number + 1} of {self.rounds}")
            for each in contenders if number % 2 == 0 else reversed(contenders):
                load = keep_asking(each.url, each.requests, self.connections, self.seconds / self.rounds)
                each.rounds.append(load)


@dataclass
class Contender:
    name: str
    url: str
    requests: Sequence[Request]
    rounds: list[Load] = field(default_factory=list)

    @property
    def rates(self) -> list[float]:
        return [load.rate for load in self.rounds]

    @property
    def p99s(self) -> list[float]:
        return [load.milliseconds(0.99) for load in self.rounds]


def _result(contenders: Sequence[Contender]) -> Result:
    figures: list[Figure] = []
    for each in contenders:
        figures.append(median_figure(each.name, each.rates, "answers/s"))
        figures.append(median_figure(f"{each.name}-p99", each.p99s, "ms"))
    *ours, bare, bare_async = contenders
    yardstick = max(bare, bare_async, key=lambda each: sum(each.rates))
    ratios = []
    for each in ours:
        rates = [mine / theirs for mine, theirs in zip(each.rates, yardstick.rates, strict=True)]
        p99s = [mine / theirs for mine, theirs in zip(each.p99s, yardstick.p99s, strict=True)]
        ratios.append(_median_ratio(f"{each.name}-vs-bare", rates, at_least=AT_LEAST))
        ratios.append(_median_ratio(f"{each.name}-p99-vs-bare", p99s, at_most=P99_AT_MOST))
    return Result(figures, ratios, [f"the bare route is the faster of two: {yardstick.name}"])


def _median_ratio(
    name: str, values: Sequence[float], *, at_least: float | None = None, at_most: float | None = None
) -> Figure:
    found = median_figure(name, values, "times")
    return ratio(name, found.value, found.lowest, found.highest, at_least=at_least, at_most=at_most)


@contextmanager
def _arriving(url: str, facts_a_second: int) -> Iterator[None]:
    """Facts come in by the API, in batches, until the context ends."""
    is_over = threading.Event()
    headers = {
        "Authorization": f"Bearer {token('platform')}",
        "Content-Type": "application/cloudevents-batch+json",
    }

    def report() -> None:
        facts = journeys()
        with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=60) as client:
            while not is_over.wait(FACTS_AT_ONCE / facts_a_second):
                body = orjson.dumps(list(islice(facts, FACTS_AT_ONCE)))
                client.post("/api/v1/lifecycle-events", content=body).raise_for_status()

    thread = threading.Thread(target=report, name="arriving")
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _wait_until_read(url: str, headers: dict[str, str], referrals: int) -> None:
    def all_there() -> bool:
        answer = httpx.get(f"{url}{PREFIX}/stats", headers=headers, trust_env=False, timeout=30)
        return answer.is_success and sum(answer.json()["counts"].values()) == referrals

    wait_for(all_there, "the read models")
