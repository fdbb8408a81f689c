"""All that exists in a run, put together from a plan: store, ledger, Stripe, the network between them, and who watches."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

from ledger.event_log import EventLog
from ledger.ingestion import Ingestion
from ledger.payouts.notices import Notices
from ledger.payouts.policy import Policy
from ledger.payouts.review import PayoutReview
from sandbox.season.oracle import Oracle
from sandbox.stripe_twin import Faults, Latency, Settings, Store, Twin
from tests.simulation.chronicle import BEGINNING, Chronicle
from tests.simulation.network import API_KEY, Network
from tests.simulation.plan import Plan
from tests.simulation.storage import SimulatedRecorder, Trouble
from tests.simulation.stripe_books import StripeBooks
from tests.simulation.todo_list import InMemoryTodoList
from tests.simulation.virtual_time import Life, VirtualTimeLoop
from tests.simulation.wakeups import SimulatedWakeups
from tests.simulation.webhooks import HeardWebhooks
from tests.simulation.witness import Witness


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
        self.webhooks = HeardWebhooks(self.chronicle)
        self._build_store()
        self._build_stripe()
        self.over: asyncio.Future[None] = self.loop.create_future()
        self.witness = Witness(self.chronicle, self.recorder, self.books, self.stop)
        self.network.listeners.append(self.witness)
        self.recorder.watchers.append(self.witness.stored)
        self.recorder.watchers.append(lambda _position: self.wakeups.notify(self.loop.time()))

    def _build_store(self) -> None:
        ids = self.lots("event ids")
        self.trouble = Trouble(self.lots("store"), self.plan.store_trouble, self.chronicle)
        self.recorder = SimulatedRecorder(self.chronicle.now, self.trouble, self.chronicle)
        self.log = EventLog(self.recorder, new_id=lambda: UUID(int=ids.getrandbits(128), version=4))
        self.ingestion = Ingestion(self.log, NoNames())
        self.todo = InMemoryTodoList(self.log, self.loop.time, self.trouble, self.notify)
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

    def notify(self, moment: float) -> None:
        self.wakeups.notify(moment)

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

    def moments(self, name: str, how_many: int) -> list[float]:
        """Moments before the quiet end, in order."""
        lots = self.lots(name)
        return sorted(lots.uniform(0, self.plan.adversity) for _ in range(how_many))

    def outside(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do this in nobody's life."""
        task = self.loop.create_task(work, context=self.loop.outside.copy())
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None and not self.over.done():
            self.over.set_exception(error)

    def stop(self) -> None:
        """The run is over: it came to its end, or something was violated."""
        if not self.over.done():
            self.over.set_result(None)
