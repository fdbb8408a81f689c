"""A worker of the payout process: follows the log, takes due payouts from the to-do list, and has them advanced.

Run as many as you like. A worker that loses the database pauses and goes on when it is back; one that is killed leaves
nothing behind but leases that run out.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import structlog
from eventsourcing.dcb.api import DCBQueryItem
from eventsourcing.persistence import PersistenceError
from psycopg import Error as PsycopgError
from psycopg_pool import PoolTimeout

from ledger.event_log import Appended, Draft, EventLog
from ledger.events import Recorded, UnknownEventTypeError
from ledger.payouts.async_log import T
from ledger.payouts.process import PayoutProcess
from ledger.payouts.steps import Wait
from ledger.payouts.todo import LEASE_SECONDS, Claim, ClocksDifferError, TodoList
from ledger.payouts.watch import Watch

DATABASE_ERRORS = (PsycopgError, PoolTimeout, PersistenceError, OSError)
PAUSE_AFTER_LOSS_SECONDS = 0.5
PAUSE_WHILE_CLOCKS_DIFFER_SECONDS = 15.0
PAUSE_WHILE_LOG_IS_NEWER_SECONDS = 15.0
FIRST_PAUSE_WHILE_BEHIND_SECONDS = 0.5
PAUSE_WHILE_BEHIND_SECONDS = 15.0
PROBE_SECONDS = 15.0
WATCH_SECONDS = 30.0
IDLE_SECONDS = 1.0
CREW_SECONDS = 1.0
QUEUE_SECONDS = 1.0
"""So far ahead of their turns at Stripe payouts are claimed: enough never to run dry, and short against a lease at any pace."""
GATHER_SECONDS = 0.1
"""How long a worker with its hands full lets new work gather before it looks at the list again; the fewer it has, the sooner."""
DRAIN_SECONDS = 45.0

alarm = structlog.get_logger("ledger.alarm")
logger = structlog.get_logger("ledger.worker")


class Wakeups(Protocol):
    """Tells that the log has grown; may be late or silent, since the worker also looks by itself."""

    def wait(self, after: int, timeout_seconds: float) -> object: ...


@dataclass(frozen=True, slots=True)
class ThreadedLog:
    """The event log on threads, so that the event loop never waits for the database."""

    log: EventLog

    async def ask(self, question: Callable[[EventLog], T]) -> T:
        return await asyncio.to_thread(question, self.log)

    async def read(self, boundary: Iterable[DCBQueryItem]) -> tuple[list[Recorded], int]:
        return await asyncio.to_thread(self.log.read, list(boundary))

    async def read_last(self, item: DCBQueryItem) -> Recorded | None:
        return await asyncio.to_thread(self.log.read_last, item)

    async def append(self, drafts: Sequence[Draft], boundary: Iterable[DCBQueryItem], *, after: int) -> Appended:
        return await asyncio.to_thread(self.log.append, drafts, list(boundary), after=after)


class PayoutWorker:
    """`await run()` works until `stop()`, then lets the calls in flight end. For one event loop.

    `crew_size` counts the workers that share Stripe's limit, this one included; None: it is alone.
    """

    def __init__(
        self,
        process: PayoutProcess,
        watch: Watch,
        todo: TodoList,
        log: EventLog,
        wakeups: Wakeups,
        concurrency: int = 16,
        lease_seconds: float = LEASE_SECONDS,
        crew_size: Callable[[], int] | None = None,
    ) -> None:
        self._process = process
        self._watch = watch
        self._todo = todo
        self._log = log
        self._wakeups = wakeups
        self._concurrency = concurrency
        self._lease_seconds = lease_seconds
        self._crew_size = crew_size
        self._active: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        await self._hear_first()
        beside = [
            asyncio.create_task(self._repeat("probe", self._process.credentials.probe, PROBE_SECONDS)),
            asyncio.create_task(self._repeat("sweep", self._watch.sweep, WATCH_SECONDS)),
            asyncio.create_task(self._repeat("listen", self._watch.listen, WATCH_SECONDS)),
        ]
        if self._crew_size is not None:
            share = partial(self._share_pace, self._crew_size)
            beside.append(asyncio.create_task(self._repeat("share pace", share, CREW_SECONDS)))
        try:
            while not self._stopping.is_set():
                try:
                    await self._turn()
                except DATABASE_ERRORS as error:
                    logger.warning("database_lost", error=type(error).__name__)
                    await _pause(self._stopping, PAUSE_AFTER_LOSS_SECONDS)
                except UnknownEventTypeError as error:
                    action = "replace this worker by one of the newer release; this one pays nothing"
                    alarm.critical("log_is_newer", type=error.event_type, version=error.version, action=action)
                    await _pause(self._stopping, PAUSE_WHILE_LOG_IS_NEWER_SECONDS)
                except ClocksDifferError as error:
                    ahead_by = error.ours_ahead_by.total_seconds()
                    alarm.critical(
                        "clocks_differ", ahead_by_seconds=ahead_by, action="mend the clock; no payout is made"
                    )
                    await _pause(self._stopping, PAUSE_WHILE_CLOCKS_DIFFER_SECONDS)
        finally:
            for task in beside:
                task.cancel()
            if self._active:
                await asyncio.wait(self._active, timeout=DRAIN_SECONDS)

    async def _hear_first(self) -> None:
        """All that Stripe told while nobody listened. A log that was restored does not know what it had paid since, and would
        pay it again; so nothing is paid before, however long it takes.
        """
        pause_seconds = FIRST_PAUSE_WHILE_BEHIND_SECONDS  # short: Stripe's sandbox may just be starting, too
        while self._watch.is_behind and not self._stopping.is_set():
            await self._unless_stopped(self._try("listen", self._watch.listen))
            if self._watch.is_behind:
                logger.warning(
                    "nothing_is_paid_yet", why="Stripe has not told all since we last listened; it is asked again"
                )
                await _pause(self._stopping, pause_seconds)
                pause_seconds = min(2 * pause_seconds, PAUSE_WHILE_BEHIND_SECONDS)

    async def _turn(self) -> None:
        """Take in what is new, hand out what is due, and wait until there is more of either, or a slot is free."""
        loop = asyncio.get_running_loop()
        began, room = loop.time(), self._room()
        position, claims = await asyncio.to_thread(self._look, room)
        for claim in claims:
            task = asyncio.create_task(self._work(claim))
            self._active.add(task)
            task.add_done_callback(self._active.discard)
        if len(claims) == room and self._active:
            await asyncio.wait(self._active, return_when=asyncio.FIRST_COMPLETED, timeout=IDLE_SECONDS)
        elif not self._stopping.is_set():
            await asyncio.to_thread(self._wait_for_more, position)
        gathering_seconds = began + GATHER_SECONDS * len(self._active) / self._concurrency - loop.time()
        if gathering_seconds > 0:
            await _pause(self._stopping, gathering_seconds)

    def _look(self, room: int) -> tuple[int, Sequence[Claim]]:
        """On a thread: the position followed to, and what is due."""
        position = self._todo.follow(self._log)
        return position, self._todo.claim(room, self._lease_seconds) if room else ()

    def _wait_for_more(self, position: int) -> object:
        """On a thread: until the log has grown, or something comes due."""
        next_due = self._todo.next_due_in_seconds()
        patience = IDLE_SECONDS if next_due is None else max(0.02, min(IDLE_SECONDS, next_due))
        return self._wakeups.wait(position, patience)

    def _room(self) -> int:
        """How many payouts to take on: those that get their turn soon, and no more than may be in work."""
        pace = self._process.pace
        waiting = len(self._active) - pace.calls_under_way
        soon = math.ceil(pace.rate_per_second * QUEUE_SECONDS) - waiting
        return max(0, min(soon, self._concurrency - len(self._active)))

    async def _share_pace(self, crew_size: Callable[[], int]) -> None:
        self._process.pace.share(await asyncio.to_thread(crew_size))

    async def _work(self, claim: Claim) -> None:
        """Advance one payout; when the database is lost, go on where the log says we are once it is back."""
        while True:
            try:
                result = await self._process.advance(claim.payout_id)
                if isinstance(result, Wait):
                    await asyncio.to_thread(self._todo.put_back, claim, result.reason, result.until)
                elif not result.is_on_log:
                    await asyncio.to_thread(self._todo.finish, claim)
                return
            except DATABASE_ERRORS as error:
                logger.warning("payout_interrupted", payout_id=claim.payout_id, error=type(error).__name__)
                if self._stopping.is_set():
                    return
                await _pause(self._stopping, PAUSE_AFTER_LOSS_SECONDS)
            except Exception:
                # A defect of ours. The lease runs out and the payout is tried again; it is never dropped.
                logger.exception("payout_defect", payout_id=claim.payout_id)
                return

    async def _repeat(self, name: str, work: Callable[[], Awaitable[None]], interval_seconds: float) -> None:
        """Something to be done now and then, beside the payouts. It must never end: nothing else would do it."""
        while True:
            await self._try(name, work)
            await asyncio.sleep(interval_seconds)

    async def _try(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except DATABASE_ERRORS as error:
            logger.warning("database_lost", error=type(error).__name__)
        except Exception:
            logger.exception("defect", during=name)

    async def _unless_stopped(self, work: Coroutine[None, None, None]) -> None:
        either = [asyncio.create_task(work), asyncio.create_task(self._stopping.wait())]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        for task in either:
            task.cancel()


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
