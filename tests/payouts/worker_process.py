"""`python -m tests.payouts.worker_process`: a payout worker as a process of its own, to be killed.

It is told DATABASE_URL, the twin's address and how long its leases last, and works until it is.
"""

import asyncio
import sys

from ledger.event_log import EventLog
from ledger.payouts.notices import Notices
from ledger.payouts.pace import Pace
from ledger.payouts.process import PayoutProcess
from ledger.payouts.stripe_gateway import StripeGateway
from ledger.payouts.todo import TodoList
from ledger.payouts.watch import Watch
from ledger.payouts.worker import PayoutWorker, ThreadedLog
from ledger.store import PostgresRecorder, Wakeups
from ledger.store.connection import open_pool
from tests.payouts.road import API_KEY, Clock


async def work(database_url: str, stripe_url: str, lease_seconds: float, stop: asyncio.Event | None = None) -> None:
    """One worker with connections of its own, until `stop`."""
    recorder = PostgresRecorder(database_url)
    wakeups = Wakeups(database_url)
    gateway = StripeGateway(API_KEY, stripe_url, timeout_seconds=10)
    with open_pool(database_url) as pool:
        log = EventLog(recorder)
        process = PayoutProcess(ThreadedLog(log), gateway, Pace(), Clock())
        todo = TodoList(pool)
        watch = Watch(todo, Notices(log, Clock()), process.calls, Clock())
        worker = PayoutWorker(process, watch, todo, log, wakeups, lease_seconds=lease_seconds)
        running = asyncio.create_task(worker.run())
        if stop is not None:
            await stop.wait()
            worker.stop()
        await running
    await gateway.close()
    wakeups.close()
    recorder.close()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], sys.argv[2], float(sys.argv[3])))
