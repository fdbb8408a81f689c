"""Finding the processes to kill, among those that this run started, and killing them."""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from random import Random
from threading import Lock

import psutil
import psycopg

from tests.crash.plan import Kill, Plan, Victim

__all__ = ["Killer"]

PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.02
MARKS = {
    Victim.API: "serve",
    Victim.WORKER: "work",
    Victim.PROJECTOR: "project",
    Victim.STRIPE: "sandbox.stripe_twin",
}
EXPIRE_LEASES = "UPDATE ledger.payout_todo SET leased_until = now() WHERE leased_until > now()"


class Killer:
    """Carries out kills. `cluster` is the folder of the PostgreSQL cluster, `url` leads to the ledger in it as its owner."""

    def __init__(self, cluster: Path, url: str, plan: Plan) -> None:
        self.kills: Counter[Victim] = Counter()
        self._cluster = cluster
        self._url = url
        self._waits_for_leases = plan.waits_for_leases
        self._lots = Random(f"victims {plan.seed}")
        self._lock = Lock()

    def strike(self, kills: Iterable[Kill]) -> None:
        """The kills of one batch, which is being sent at this moment, each at its time."""
        started = time.monotonic()
        for kill in kills:
            time.sleep(max(0.0, started + kill.delay_seconds - time.monotonic()))
            self._kill(kill.victim)

    def _kill(self, victim: Victim) -> None:
        """One of them, as soon as there is one: it may just be starting again."""
        with self._lock:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not self._kill_one_of(self._alive(victim)):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"no {victim} has been running for {PATIENCE_SECONDS:.0f} s")
                time.sleep(POLL_SECONDS)
            self.kills[victim] += 1
        if victim is Victim.WORKER:
            self.free_leases()

    def _kill_one_of(self, processes: list[psutil.Process]) -> bool:
        if not processes:
            return False
        with suppress(psutil.NoSuchProcess):
            self._lots.choice(processes).kill()  # psutil makes sure that the number was not given to another meanwhile
            return True
        return False

    def _alive(self, victim: Victim) -> list[psutil.Process]:
        match victim:
            case Victim.POSTMASTER:
                return self._postmaster()
            case Victim.BACKEND:
                backends = [child for each in self._postmaster() for child in _children(each)]
                return _matching(backends, lambda line: "[local]" in " ".join(line))
            case _:
                return _matching(_children(psutil.Process()), lambda line: MARKS[victim] in line)

    def _postmaster(self) -> list[psutil.Process]:
        with suppress(OSError, ValueError, IndexError, psutil.NoSuchProcess):
            process = psutil.Process(int((self._cluster / "postmaster.pid").read_text().splitlines()[0]))
            return _matching([process], lambda line: str(self._cluster) in line)
        return []

    def free_leases(self) -> None:
        """In a short run: let everybody take over everybody's payouts at once, instead of a minute after a worker's death.

        It takes them from living workers, too. Nothing may depend on a lease: it only saves work.
        """
        if self._waits_for_leases:
            return
        with suppress(psycopg.OperationalError), psycopg.connect(self._url) as connection:
            connection.execute(EXPIRE_LEASES)


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children()
    except psutil.NoSuchProcess:
        return []


def _matching(processes: Iterable[psutil.Process], wanted: Callable[[list[str]], bool]) -> list[psutil.Process]:
    found = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE and wanted(process.cmdline()):
                found.append(process)
    return found
