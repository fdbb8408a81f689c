"""How long it takes to say how everything stood at some position: the log folded from its first event."""

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from types import MappingProxyType

from benchmarks import journeys
from benchmarks.contenders import median_figure, timed
from benchmarks.database import scratch_database
from benchmarks.declaration import Benchmark, Progress, Result
from ledger.event_log import EventLog
from ledger.store import PostgresRecorder
from projections.as_of import AsOf
from projections.replay import Replay as Replaying

__all__ = ["Replay"]


@dataclass(frozen=True)
class Replay(Benchmark):
    name = "replay"
    about = "totals as of the head, and one payout, referral and instructor as of it, from the log alone"
    target = "none of its own: totals read everything, the others only their own events"
    short = MappingProxyType({"events": 4_000, "rounds": 2, "questions": 5})

    events: int = 200_000
    rounds: int = 3
    questions: int = 50
    """About one of something, of each kind."""
    warm_up: int = 1

    def run(self, progress: Progress) -> Result:
        random = Random(1)
        referrals = self.events // journeys.EVENTS_OF_A_JOURNEY
        as_of = AsOf(self.events, datetime.now(UTC))
        with scratch_database() as url:
            journeys.fill(url, self.events, progress)
            with closing(PostgresRecorder(url)) as recorder:
                replay = Replaying(EventLog(recorder))
                progress("totals")
                timed(lambda: replay.totals(as_of), self.warm_up)
                totals = [self.events * 1000 / taken for taken in timed(lambda: replay.totals(as_of), self.rounds)]
                figures = [median_figure("totals", totals, "events/s")]
                for name, ask in (
                    ("payout", lambda: replay.payout(f"pay_{random.randrange(referrals)}", as_of)),
                    ("referral", lambda: replay.referral(f"ref_{random.randrange(referrals)}", as_of)),
                    (
                        "instructor",
                        lambda: replay.instructor(journeys.referrer_of(random.randrange(referrals)), as_of),
                    ),
                ):
                    progress(name)
                    timed(ask, self.warm_up)
                    figures.append(median_figure(name, timed(ask, self.questions), "ms"))
        return Result(figures)
