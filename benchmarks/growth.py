"""What the log costs as it grows: the same things asked of logs of several sizes, on one server, in turns."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from types import MappingProxyType
from uuid import uuid4

from eventsourcing.dcb.api import DCBAppendCondition, DCBQuery, DCBQueryItem

from benchmarks import journeys
from benchmarks.contenders import Call, Contender, take_turns
from benchmarks.database import migrated_database, scratch_server, settle
from benchmarks.declaration import Benchmark, Figure, Progress, Result
from ledger.event_log import EventLog
from ledger.history import about
from ledger.store import AppendConflict, EventEnvelope, PostgresRecorder
from ledger.store.connection import open_pool
from projections.projector import Projector
from projections.queries import ReadModels

__all__ = ["Growth"]

FULL = 10_000_000
TIMES_THE_SMALLEST = 1.3
SETTINGS = {"max_wal_size": "4GB"}  # filling the large ones makes no checkpoints that the small ones pay for


@dataclass(frozen=True)
class Growth(Benchmark):
    name = "growth"
    about = "an append, a refused one, one referral's history and an instructor's figures as the log grows"
    target = "each median within 1.3 times that of the smallest log"
    short = MappingProxyType({"lengths": (2_000, 20_000), "seconds": 0.4, "rounds": 4})

    lengths: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    full: bool = False
    """With ten million as well."""
    seconds: float = 4.0
    """For each question and size."""
    rounds: int = 10
    warm_up_seconds: float = 0.5

    def run(self, progress: Progress) -> Result:
        sizes = (*self.lengths, FULL) if self.full else self.lengths
        figures: list[Figure] = []
        ratios: list[Figure] = []
        with scratch_server(SETTINGS) as server_url, ExitStack() as stack:
            logs = [Log(self._filled(server_url, size, stack, progress), size, stack) for size in sizes]
            for question in QUESTIONS:
                contenders = [Contender(f"{_name(question)}-{log.size}", [question(log)]) for log in logs]
                take_turns(
                    contenders,
                    seconds=self.seconds,
                    rounds=self.rounds,
                    warm_up_seconds=self.warm_up_seconds,
                    progress=progress,
                )
                smallest, *larger = contenders
                figures += [each.milliseconds(0.5) for each in contenders]
                ratios += [
                    each.times_as_long_as(smallest, 0.5, f"{each.name}-vs-smallest", at_most=TIMES_THE_SMALLEST)
                    for each in larger
                ]
        return Result(figures, ratios)

    def _filled(self, server_url: str, size: int, stack: ExitStack, progress: Progress) -> str:
        url = stack.enter_context(migrated_database(server_url))
        progress(f"a log of {size:,} events and its read models")
        journeys.fill(url, size, progress)
        with closing(PostgresRecorder(url)) as recorder, open_pool(url) as pool:
            Projector(pool, EventLog(recorder)).catch_up()
        settle(url)
        return url


class Log:
    """One log and its read models; draws at random whom a question is about."""

    def __init__(self, url: str, size: int, stack: ExitStack) -> None:
        self.size = size
        self.recorder = stack.enter_context(closing(PostgresRecorder(url)))
        self.events = EventLog(self.recorder)
        self.read_models = ReadModels(stack.enter_context(open_pool(url)), lambda: datetime.now(UTC))
        self._random = Random(size)

    def a_referral(self) -> int:
        return self._random.randrange(self.size // journeys.EVENTS_OF_A_JOURNEY)


def append(log: Log) -> Call:
    last_read = log.recorder.head()

    def once() -> None:
        nonlocal last_read
        last_read = log.recorder.append([_event(payout := uuid4().hex)], _unless(f"payout:{payout}", last_read))

    return once


def condition_check(log: Log) -> Call:
    """Refused, by the oldest event that could."""

    def once() -> None:
        with suppress(AppendConflict):
            log.recorder.append([_event(uuid4().hex)], _unless(f"payout:pay_{log.a_referral()}", 0))
            raise AssertionError("the payout had settled")

    return once


def history(log: Log) -> Call:
    return lambda: log.events.read([about(f"referral:ref_{log.a_referral()}")])


def stats(log: Log) -> Call:
    return lambda: log.read_models.stats(journeys.referrer_of(log.a_referral()))


QUESTIONS: Sequence[Callable[[Log], Call]] = (append, condition_check, history, stats)


def _event(payout: str) -> EventEnvelope:
    return EventEnvelope("TransferSettled", b'{"amount_minor": 7500}', [f"payout:{payout}", f"referral:{payout}"])


def _unless(tag: str, after: int) -> DCBAppendCondition:
    return DCBAppendCondition(DCBQuery([DCBQueryItem(types=["TransferSettled"], tags=[tag])]), after=after)


def _name(question: Callable[[Log], Call]) -> str:
    return question.__name__.replace("_", "-")
