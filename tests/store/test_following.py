"""Those who follow the log see every event once and in order, however many write; they sleep and stop as they should."""

import multiprocessing
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from itertools import chain, islice

import psycopg
import pytest

from ledger.store import PostgresRecorder, StoreClosed, Wakeups
from ledger.store.notifier import CHANNEL
from tests.store.happenings import event, positions, tagged, wait_until

PROCESSES, THREADS, APPENDS = 3, 3, 40
EVENTS = PROCESSES * THREADS * sum(number % 3 + 1 for number in range(APPENDS))


def write_from_a_process(database_url: str, process: int) -> None:
    def write(thread: int) -> None:
        for number in range(APPENDS):
            recorder.append([event(f"process:{process}", f"thread:{thread}") for _ in range(number % 3 + 1)])

    with closing(PostgresRecorder(database_url)) as recorder, ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(write, range(THREADS)))


def follow(recorder: PostgresRecorder, process: int | None) -> list[int]:
    """The positions that a subscription gives until there are as many as there will be."""
    query = None if process is None else tagged(f"process:{process}")
    expected = EVENTS if process is None else EVENTS // PROCESSES
    with recorder.subscribe(query) as subscription:
        return positions(islice(subscription, expected))


def tail(recorder: PostgresRecorder) -> list[int]:
    """The same by reading again and again from the last position on."""
    seen: list[int] = []
    while len(seen) < EVENTS:
        seen += positions(recorder.read(after=seen[-1] if seen else 0))
    return seen


def test_followers_miss_nothing_while_threads_of_several_processes_write(
    recorder: PostgresRecorder, database_url: str
) -> None:
    with (
        ThreadPoolExecutor() as threads,
        ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as processes,
    ):
        tailed = threads.submit(tail, recorder)
        followed = [threads.submit(follow, recorder, process) for process in (None, *range(PROCESSES))]
        list(processes.map(partial(write_from_a_process, database_url), range(PROCESSES)))
        everything = list(range(1, EVENTS + 1))
        assert tailed.result(timeout=60) == everything
        assert followed[0].result(timeout=60) == everything
        assert sorted(chain.from_iterable(each.result(timeout=60) for each in followed[1:])) == everything


def test_a_subscription_begins_where_it_is_told(recorder: PostgresRecorder) -> None:
    recorder.append([event("a"), event("b"), event("a")])
    with recorder.subscribe(tagged("a"), after=1) as subscription:
        assert next(subscription).position == 3
        recorder.append([event("b"), event("a")])
        assert next(subscription).position == 5


def test_a_subscription_stops_at_once_and_leaves_nothing_behind(
    recorder: PostgresRecorder, owner: psycopg.Connection
) -> None:
    threads_before = threading.active_count()
    subscription = recorder.subscribe()
    with ThreadPoolExecutor() as threads:
        sleeper = threads.submit(list, subscription)
        wait_until(lambda: listeners(owner) == 1)
        started = time.monotonic()
        subscription.stop()
        assert sleeper.result(timeout=20) == []
        assert time.monotonic() - started < 5
    wait_until(lambda: listeners(owner) == 0)
    assert threading.active_count() <= threads_before + 1  # the pool's own worker may have come


def test_subscriptions_leave_the_pool_to_others(database_url: str) -> None:
    with closing(PostgresRecorder(database_url, read_pool_size=1)) as recorder, ThreadPoolExecutor() as threads:
        subscriptions = [recorder.subscribe() for _ in range(5)]
        followers = [threads.submit(next, subscription) for subscription in subscriptions]
        recorder.append([event()])
        assert [follower.result(timeout=20).position for follower in followers] == [1] * 5
        assert recorder.head() == 1
        for subscription in subscriptions:
            subscription.stop()


def test_a_subscription_of_a_closed_recorder_says_so(database_url: str) -> None:
    recorder = PostgresRecorder(database_url)
    with recorder.subscribe() as subscription:
        recorder.close()
        with pytest.raises(StoreClosed):
            next(subscription)


def test_a_sleeper_is_woken_long_before_it_would_look(
    recorder: PostgresRecorder, database_url: str, owner: psycopg.Connection
) -> None:
    with Wakeups(database_url, poll_seconds=60) as wakeups, ThreadPoolExecutor() as threads:
        woken = threads.submit(wakeups.wait, 0, 60)
        wait_until(lambda: listeners(owner) == 1)
        recorder.append([event()])
        assert woken.result(timeout=20) is True


def test_a_sleeper_whose_notification_is_lost_finds_out_by_itself(
    recorder: PostgresRecorder, database_url: str, owner: psycopg.Connection
) -> None:
    with Wakeups(database_url, poll_seconds=0.05) as wakeups, ThreadPoolExecutor() as threads:
        woken = threads.submit(wakeups.wait, 0, 60)
        wait_until(lambda: listeners(owner) == 1)
        owner.execute("""SELECT ledger.append('[{"conditions": [], "events": [{"event_id":
            "01934b9e-0000-7000-8000-000000000000", "type": "T", "schema_version": 1, "tags": [], "data": {}, "actor": "a"
            }]}]')""")
        assert woken.result(timeout=20) is True


def test_a_sleeper_wakes_when_its_time_is_over(recorder: PostgresRecorder, database_url: str) -> None:
    recorder.append([event()])
    with Wakeups(database_url) as wakeups:
        assert wakeups.wait(after=0, timeout_seconds=60) is True
        assert wakeups.wait(after=1, timeout_seconds=0.05) is False
        assert wakeups.wait(after=1, timeout_seconds=0) is False
    assert wakeups.wait(after=0, timeout_seconds=60) is False


def test_notifications_are_few_however_many_write(recorder: PostgresRecorder, owner: psycopg.Connection) -> None:
    recorder._notifier._interval_seconds = 60
    owner.execute(f"LISTEN {CHANNEL}")
    for _ in range(20):
        recorder.append([event()])
    assert len(list(owner.notifies(timeout=0.5))) == 1


def listeners(owner: psycopg.Connection) -> int:
    """How many sessions of this database sleep in Wakeups: they looked at the head, and that was all."""
    row = owner.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle'"
        " AND query LIKE 'SELECT position > %'"
    ).fetchone()
    assert row is not None
    return int(row[0])
