"""How long a fact takes to reach Stripe, and Stripe's answer to reach the dashboard, with everything running."""

import random
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

import httpx
import psycopg

from benchmarks.database import scratch_database
from benchmarks.declaration import Benchmark, Figure, Progress, Result, ratio
from benchmarks.facts import CODE, REFERRER, SPARE_TIME, fact, ingest, referrer_facts, token
from benchmarks.parts import Stripe, parts, scratch_folder, serve, stripe_twin, wait_for
from ledger import identifiers

__all__ = ["Lag"]

MEDIAN_MS = 50.0
P99_MS = 250.0
LOOK_AGAIN_SECONDS = 0.01
KINDS = ("BonusEarned", "TransferRequested", "TransferSettled")
WARM_UP = 20
"""The first facts find every process cold; they are paid, and do not count."""


@dataclass(frozen=True)
class Lag(Benchmark):
    name = "lag"
    about = "from the fact on the log to the call at Stripe; from Stripe's answer to `paid` on the dashboard"
    target = "each of the two: median at most 50 ms, 99 in 100 at most 250 ms"
    short = MappingProxyType({"bonuses": 80})

    bonuses: int = 1_000
    a_second: float = 10.0
    """Facts that earn a bonus, at moments as random as they come."""

    def run(self, progress: Progress) -> Result:
        with scratch_database() as database_url, scratch_folder() as folder, stripe_twin(folder) as stripe:
            progress(f"signing {self.bonuses:,} instructors up")
            ingest(database_url, [*referrer_facts(), *_almost_there(self.bonuses)])
            with parts(database_url, folder, stripe.url) as start:
                start("work")
                start("project")
                api_url, _ = serve(start)
                progress(f"reporting {self.bonuses:,} lessons, {self.a_second:g} a second")
                with Dashboard(api_url) as dashboard:
                    self._report_lessons(api_url)
                    wait_for(lambda: dashboard.paid == self.bonuses, "the last bonus is paid")
            return _result(database_url, stripe, dashboard.seen_at)

    def _report_lessons(self, api_url: str) -> None:
        lots = random.Random(1)
        headers = {"Authorization": f"Bearer {token('platform')}", "Content-Type": "application/cloudevents+json"}
        due = time.monotonic()
        with httpx.Client(base_url=f"{api_url}/api/v1", headers=headers, trust_env=False, timeout=30) as client:
            for number in range(self.bonuses):
                due += lots.expovariate(self.a_second)
                time.sleep(max(0.0, due - time.monotonic()))
                lesson = fact("lesson_completed", f"ins_{number}", lesson_id=f"lesson_{number}")
                client.post("/lifecycle-events", json=lesson).raise_for_status()


class Dashboard(threading.Thread):
    """Asks for the referrer's figures all the time, and notes when each further bonus is shown as paid."""

    def __init__(self, api_url: str) -> None:
        super().__init__(name="dashboard")
        self.seen_at: list[float] = []
        self._address = f"{api_url}/api/v1/instructor-referrals/stats"
        self._headers = {"Authorization": f"Bearer {token('instructor', REFERRER)}"}
        self._is_over = threading.Event()

    @property
    def paid(self) -> int:
        return len(self.seen_at)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self.join()

    def run(self) -> None:
        with httpx.Client(headers=self._headers, trust_env=False, timeout=30) as client:
            while not self._is_over.wait(LOOK_AGAIN_SECONDS):
                paid = client.get(self._address).raise_for_status().json()["counts"]["paid"]
                self.seen_at += [time.time()] * (paid - len(self.seen_at))


def _almost_there(bonuses: int) -> Iterator[dict[str, object]]:
    """Everybody has signed up and gone live: the first lesson earns the bonus."""
    for number in range(bonuses):
        yield fact("signed_up", f"ins_{number}", before=3 * SPARE_TIME, referral_code=CODE)
        yield fact("went_live", f"ins_{number}", before=2 * SPARE_TIME)


def _result(database_url: str, stripe: Stripe, seen_at: Sequence[float]) -> Result:
    with psycopg.connect(database_url) as connection:
        earned, requested, settled = (moments(connection, kind) for kind in KINDS)
    calls = {call.idempotency_key: call for call in reversed(stripe.transfer_calls())}  # the first of each
    called = {payout_id: calls[identifiers.idempotency_key(payout_id, 1)] for payout_id in earned}
    # The read models follow the log in its order: the first n to be settled are those that are shown when n are paid.
    seen = dict(zip(settled, seen_at, strict=True))
    counted = list(earned)[WARM_UP:]
    legs = {
        "fact-to-call": [called[each].arrived_at - earned[each] for each in counted],
        "answer-to-dashboard": [seen[each] - called[each].answered_at for each in counted],
    }
    parts_of_legs = {
        "fact-to-intent": [requested[each] - earned[each] for each in counted],
        "intent-to-call": [called[each].arrived_at - requested[each] for each in counted],
        "answer-to-log": [settled[each] - called[each].answered_at for each in counted],
        "log-to-dashboard": [seen[each] - settled[each] for each in counted],
    }
    figures = [
        Figure(f"{name}-p{100 * share:g}", milliseconds(taken, share), "ms", at_most=most)
        for name, taken in legs.items()
        for share, most in ((0.5, MEDIAN_MS), (0.99, P99_MS))
    ]
    figures += [Figure(f"{name}-p50", milliseconds(taken, 0.5), "ms") for name, taken in parts_of_legs.items()]
    stripes = milliseconds([each.answered_at - each.arrived_at for each in called.values()], 0.5)
    figures.append(Figure("stripe-p50", stripes, "ms"))
    ours = sum(milliseconds(taken, 0.5) for taken in legs.values())
    remark = (
        "accepted: recorded_at of the bonus, which is before its commit; on the dashboard: the whole answer to a GET has"
        f" arrived, of a reader who asks again {1000 * LOOK_AGAIN_SECONDS:g} ms after each answer"
    )
    return Result(figures, [ratio("both-vs-stripe", ours / stripes)], [remark])


def moments(connection: psycopg.Connection, kind: str) -> dict[str, float]:
    """When an event of this kind was recorded, by payout, in the order of the log."""
    rows = connection.execute(
        "SELECT data ->> 'payout_id', recorded_at FROM ledger.event WHERE type = %s ORDER BY position", [kind]
    )
    return {payout_id: recorded_at.timestamp() for payout_id, recorded_at in rows}


def milliseconds(taken: Sequence[float], share: float) -> float:
    ordered = sorted(taken)
    return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]
