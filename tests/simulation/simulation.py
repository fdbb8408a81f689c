"""One run: a world from a plan, lived through until its quiet end, and judged."""

import asyncio
import random
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

from eventsourcing.persistence import PersistenceError

from ledger.event_log import EventLog
from ledger.events import ProgramTermsSet
from ledger.ingestion import Ingestion
from ledger.payouts import next_step, worker
from ledger.payouts.notices import Notices
from ledger.payouts.pace import Pace
from ledger.payouts.policy import Policy
from ledger.payouts.process import PayoutProcess
from ledger.payouts.review import PayoutReview
from ledger.payouts.schedule import LOOKUP_DELAYS_SECONDS
from ledger.payouts.watch import Watch
from ledger.payouts.worker import PayoutWorker, ThreadedLog
from ledger.set_terms import set_terms
from sandbox.season.oracle import Oracle
from sandbox.stripe_twin import Faults, Latency, Settings, Store, Twin
from tests.simulation import actors, verdict
from tests.simulation.alarms import alarms_into
from tests.simulation.chronicle import BEGINNING, Chronicle
from tests.simulation.network import API_KEY, Network, SimulatedStripeGateway
from tests.simulation.plan import DAY, HOUR, Plan, draw
from tests.simulation.replaced import replaced
from tests.simulation.storage import InMemoryTodoList, SimulatedRecorder, Trouble
from tests.simulation.stripe_books import StripeBooks
from tests.simulation.virtual_time import Life, VirtualTimeLoop, current_life
from tests.simulation.wakeups import SimulatedWakeups
from tests.simulation.witness import Violation, Witness

QUIET_SECONDS = 4 * HOUR


@dataclass(frozen=True)
class Report:
    """What became of a run."""

    plan: Plan
    violations: tuple[Violation, ...]
    counts: Counter[str]
    days: float
    chronicle: Chronicle


class NoNames:
    """Display names are not what is simulated."""

    def remember(self, names: object) -> None:
        """They are forgotten."""


class World:
    """All that exists in a run."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._lots: dict[str, Random] = {}
        delays = self.lots("threads")
        self.loop = VirtualTimeLoop(lambda: delays.expovariate(1 / plan.thread_delay))
        self.chronicle = Chronicle(self.loop.time)
        self.is_stormy = True
        self.policy = Policy(timedelta(seconds=plan.hold), max_bonuses_a_day=plan.max_bonuses_a_day)
        self.lives: list[Life] = []
        self.all_delivered = asyncio.Event()
        self.stripe_stirred = asyncio.Event()
        self._build_store()
        self._build_stripe()
        self._over: asyncio.Future[None] = self.loop.create_future()
        self.witness = Witness(self.chronicle, self.recorder, self.books, self._stop)
        self.network.listeners.append(self.witness)
        self.recorder.watchers.append(self.witness.stored)
        self.recorder.watchers.append(lambda _position: self.wakeups.notify(self.loop.time()))

    def _build_store(self) -> None:
        ids = self.lots("event ids")
        self.trouble = Trouble(self.lots("store"), self.plan.store_trouble, self.chronicle)
        self.recorder = SimulatedRecorder(self.chronicle.now, self.trouble, self.chronicle)
        self.log = EventLog(self.recorder, new_id=lambda: UUID(int=ids.getrandbits(128), version=4))
        self.ingestion = Ingestion(self.log, NoNames())
        self.todo = InMemoryTodoList(self.log, self.loop.time, self.trouble, lambda due_at: self.wakeups.notify(due_at))
        self.wakeups = SimulatedWakeups(
            self.loop,
            self.lots("wakeups"),
            self.plan.notification_loss,
            self.recorder.head,
            self.todo.next_due_in_seconds,
        )
        self.notices = Notices(self.log, self.chronicle.now)
        self.review = PayoutReview(self.log, self.chronicle.now)
        self.oracle = Oracle(founding_cap=self.plan.founding_cap)

    def _build_stripe(self) -> None:
        plan = self.plan
        settings = Settings(
            API_KEY,
            latency=Latency(),
            webhook_secret="whsec_of_the_simulation",
            webhooks=plan.webhooks,
            balance_minor=plan.opening_balance,
        )
        beginning = BEGINNING.timestamp()
        self.store = Store()
        self.twin = Twin(
            self.store, settings, clock=lambda: beginning + self.loop.time(), seed=plan.seed, faults=Faults(plan.faults)
        )
        self.books = StripeBooks(self.twin)
        self.network = Network(
            self.twin, self.loop, self.lots("network"), self.chronicle, plan.weather, self.stripe_stirred.set
        )

    def lots(self, name: str) -> Random:
        """A random source of its own for everybody, so that one more draw here changes nothing there."""
        if name not in self._lots:
            self._lots[name] = Random(f"{name} {self.plan.seed}")
        return self._lots[name]

    async def until(self, moment: float) -> None:
        await asyncio.sleep(max(0.0, moment - self.loop.time()))

    def outside(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do this in nobody's life."""
        task = self.loop.create_task(work, context=self.loop.outside.copy())
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None and not self._over.done():
            self._over.set_exception(error)

    async def live(self) -> None:
        """From the beginning to the quiet end, or to the first violation."""
        terms = ProgramTermsSet(
            founding_cap=self.plan.founding_cap, founding_bonus_minor=7500, standard_bonus_minor=5000, currency="usd"
        )
        self._first_terms(terms)
        acting = {actor: self.outside(actor(self)) for actor in actors.ACTORS}
        for number in range(1, self.plan.workers + 1):
            self.outside(self._keep_working(number))
        ending = self.outside(self._end(acting))
        ending.add_done_callback(lambda _task: self._stop())
        await self._over

    def _stop(self) -> None:
        if not self._over.done():
            self._over.set_result(None)

    async def _end(self, acting: dict[Any, asyncio.Task[None]]) -> None:
        await self.until(self.plan.adversity)
        self.is_stormy = False
        actors.heal(self)
        for life in self.lives:
            life.lasts_for_ever()
        await self.all_delivered.wait()
        for actor, task in acting.items():
            if actor not in actors.UNTIL_THE_END:
                task.cancel()
        await asyncio.sleep(QUIET_SECONDS)
        verdict.judge(self, people_have_acted=False)
        await actors.mend_accounts(self)
        for _ in range(3):  # a retry after an unknown outcome takes two of them, and one more if that is declined
            await actors.act_on_everything(self)
            await asyncio.sleep(QUIET_SECONDS)
        verdict.judge(self, people_have_acted=True)
        verdict.count(self)

    def _first_terms(self, terms: ProgramTermsSet) -> None:
        while True:
            try:
                set_terms(self.log, terms, actor="system", now=self.chronicle.now())
            except PersistenceError:
                continue
            return

    async def _keep_working(self, number: int) -> None:
        """A worker that is started again whenever it died."""
        lots = self.lots(f"worker {number}")
        while True:
            dies = self.is_stormy and self.chronicle.counts["crashes"] < self.plan.crashes
            steps = int(lots.expovariate(1 / self.plan.steps_between_crashes)) if dies else None
            life = Life(f"worker {number}", self.loop, steps)
            self.lives.append(life)
            life.run(self._work(life))
            await life.died
            self.lives.remove(life)
            self.chronicle.count("crashes")
            self.chronicle.tell(life.name, "††† killed")
            await asyncio.sleep(lots.expovariate(1 / self.plan.downtime))

    async def _work(self, life: Life) -> None:
        gateway = SimulatedStripeGateway(self.network)
        plan, concurrency = self.plan, self.plan.concurrency
        log, now, todo = ThreadedLog(self.log), self.chronicle.now, self.todo
        process = PayoutProcess(log, gateway, Pace(concurrency), now, self.policy)
        watch = Watch(todo, self.notices, gateway, now)
        try:
            await PayoutWorker(process, watch, todo, self.log, self.wakeups, concurrency, plan.lease_seconds).run()
        except Exception as error:  # noqa: BLE001 - whatever it is, a worker must not end by it
            if not self._over.done():
                self.witness.violated("a worker goes on", f"{life.name} ended by {error!r}")


def simulate(seed: int | Plan) -> Report:
    """Run one seed."""
    plan = seed if isinstance(seed, Plan) else draw(seed)
    with _seeded(plan.seed), _knobs():
        world = World(plan)
        with alarms_into(world.chronicle, world.witness.violated, lambda: (life := current_life()) and life.name):
            world.loop.run_until_complete(world.live())
            world.loop.bury()
        world.store.close()
    return Report(
        plan, tuple(world.witness.violations), world.chronicle.counts, world.loop.time() / DAY, world.chronicle
    )


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """The process draws its jitter from Python's own source."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


@contextmanager
def _knobs() -> Iterator[None]:
    """What is done every few seconds or minutes for days on end is done less often, so that days pass in milliseconds."""
    knobs: dict[tuple[object, str], object] = {
        (worker, "PROBE_SECONDS"): 2 * HOUR,
        (worker, "WATCH_SECONDS"): 3 * HOUR,
        (next_step, "LOOKUP_DELAYS_SECONDS"): (*LOOKUP_DELAYS_SECONDS, 3600),
    }
    with replaced(knobs):
        yield
