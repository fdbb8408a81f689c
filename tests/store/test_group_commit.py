"""Appends that arrive while a commit is under way share the next one, and each gets its own verdict."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import psycopg
import pytest

from ledger.store import AppendConflict, EventAlreadyRecorded, EventEnvelope, PostgresRecorder, StoreClosed
from ledger.store.group_commit import GroupCommit
from ledger.store.grouping import MAX_GROUP_BYTES, MAX_GROUP_EVENTS, Group, take_group
from ledger.store.pending_append import PendingAppend
from tests.store.happenings import event, hold_the_log, positions, tagged, unless, wait_until, waiting_for_the_log


class Concurrently:
    """Calls append on a thread each, in a known order, while another commit is held up."""

    def __init__(self, recorder: PostgresRecorder, owner: psycopg.Connection, threads: ThreadPoolExecutor) -> None:
        self.recorder = recorder
        self.owner = owner
        self.threads = threads

    def __call__(self, *appends: Callable[[], int]) -> list[Future[int]]:
        hold_the_log(self.owner)
        first = self.threads.submit(self.recorder.append, [event("first")])
        wait_until(lambda: waiting_for_the_log(self.owner) == 1)
        queued = []
        for append in appends:
            queued.append(self.threads.submit(append))
            wait_until(lambda: len(self.recorder._group_commit._waiting) == len(queued))
        self.owner.execute("ROLLBACK")
        assert first.result(timeout=20) == 1
        for each in queued:
            each.exception(timeout=20)
        return queued


@pytest.fixture
def concurrently(recorder: PostgresRecorder, owner: psycopg.Connection) -> Iterator[Concurrently]:
    with ThreadPoolExecutor(max_workers=40) as threads:
        yield Concurrently(recorder, owner, threads)


def test_appends_that_wait_share_a_commit(
    recorder: PostgresRecorder, owner: psycopg.Connection, concurrently: Concurrently
) -> None:
    appended = concurrently(*[lambda: recorder.append([event("a"), event("b")])] * 30)
    assert [each.result() for each in appended] == list(range(3, 63, 2))
    transactions = owner.execute("SELECT xmin::text, count(*) FROM ledger.event GROUP BY 1 ORDER BY 2").fetchall()
    assert [events for _, events in transactions] == [1, 60]
    assert positions(recorder.read()) == list(range(1, 62))


def test_each_gets_its_own_verdict(recorder: PostgresRecorder, concurrently: Concurrently) -> None:
    fine, refused, duplicate, late = concurrently(
        lambda: recorder.append([event("b")], unless("b")),
        lambda: recorder.append([event("c")], unless("first")),
        lambda: recorder.append([event("d")] * 2),
        lambda: recorder.append([event("e")], unless("first", after=1)),
    )
    assert isinstance(refused.exception(), AppendConflict)
    assert isinstance(duplicate.exception(), EventAlreadyRecorded)
    assert (fine.result(), late.result()) == (2, 3)
    assert recorder.head() == 3


def test_of_many_that_race_one_wins_and_the_losers_learn_it_together(
    recorder: PostgresRecorder, concurrently: Concurrently
) -> None:
    winner, *losers = concurrently(*[lambda: recorder.append([event("seat")], unless("seat"))] * 20)
    assert winner.result() == 2
    assert all(isinstance(loser.exception(), AppendConflict) for loser in losers)
    assert positions(recorder.read(tagged("seat"))) == [2]


def test_one_that_overlaps_is_put_off_and_may_still_succeed(
    recorder: PostgresRecorder, concurrently: Concurrently
) -> None:
    """Its condition looks only after a position that the earlier one does not reach."""
    first, second, third = concurrently(
        lambda: recorder.append([event("b")]),
        lambda: recorder.append([event("b", "c")], unless("b", after=2)),
        lambda: recorder.append([event("d")]),
    )
    assert {first.result(), third.result()} == {2, 3}
    assert second.result() == 4


def test_a_lone_append_stays_on_its_own_thread() -> None:
    threads: list[threading.Thread] = []

    def commit(group: Group) -> None:
        threads.append(threading.current_thread())
        group.members[0].position = len(threads)

    group_commit = GroupCommit(commit)
    assert [group_commit.append(PendingAppend([event()], None)) for _ in range(3)] == [1, 2, 3]
    assert threads == [threading.current_thread()] * 3
    group_commit.close()


def test_a_defect_reaches_all_who_wait_and_ends_nothing() -> None:
    held_up, committing = threading.Event(), threading.Event()
    outcomes = iter([None, ZeroDivisionError("defect"), None])

    def commit(group: Group) -> None:
        committing.set()
        held_up.wait()
        if (defect := next(outcomes)) is not None:
            raise defect
        for member in group.members:
            member.position = 1

    group_commit = GroupCommit(commit)

    def append() -> int:
        return group_commit.append(PendingAppend([event()], None))

    with ThreadPoolExecutor() as threads:
        first = threads.submit(append)
        committing.wait()
        others = [threads.submit(append) for _ in range(3)]
        wait_until(lambda: len(group_commit._waiting) == 3)
        held_up.set()
        assert first.result() == 1
        assert all(isinstance(other.exception(), ZeroDivisionError) for other in others)
    assert append() == 1
    group_commit.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "ledger-group-commit"]


def test_a_caller_that_is_interrupted_keeps_nobody_asleep() -> None:
    """They wake each other, and this one is not there to do it."""

    class Interrupted(PendingAppend):
        def wait(self) -> None:
            raise KeyboardInterrupt

    held_up, committing = threading.Event(), threading.Event()

    def commit(group: Group) -> None:
        committing.set()
        held_up.wait()
        for member in group.members:
            member.position = 1

    group_commit = GroupCommit(commit)
    with ThreadPoolExecutor() as threads:
        first = threads.submit(group_commit.append, PendingAppend([event()], None))
        committing.wait()
        with pytest.raises(KeyboardInterrupt):
            group_commit.append(Interrupted([event()], None))
        others = [threads.submit(group_commit.append, PendingAppend([event()], None)) for _ in range(3)]
        wait_until(lambda: len(group_commit._waiting) == 4)
        held_up.set()
        assert [each.result(timeout=20) for each in (first, *others)] == [1] * 4
    group_commit.close()


def test_the_main_thread_wakes_nobody_since_it_may_be_interrupted_while_it_does() -> None:
    class NotByTheMainThread(PendingAppend):
        def wake(self) -> None:
            assert threading.current_thread() is not threading.main_thread()
            super().wake()

    may_begin, main_thread_is_back = threading.Event(), threading.Event()
    queued: list[Future[int]] = []
    sizes: list[int] = []

    def queue(append: PendingAppend) -> None:
        waiting = len(group_commit._waiting)
        queued.append(threads.submit(group_commit.append, append))
        wait_until(lambda: len(group_commit._waiting) == waiting + 1)

    def commit(group: Group) -> None:
        """Of one; of the main thread's and another; and of one more, while which the main thread goes its way."""
        sizes.append(len(group.members))
        if len(sizes) == 1:
            may_begin.wait()
            queue(NotByTheMainThread([event()], None))
        elif len(sizes) == 2:
            queue(PendingAppend([event()], None))
        else:
            assert main_thread_is_back.wait(20)
        for member in group.members:
            member.position = len(sizes)

    def begin_once_the_main_thread_waits() -> None:
        wait_until(lambda: len(group_commit._waiting) == 1)
        may_begin.set()

    group_commit = GroupCommit(commit)
    with ThreadPoolExecutor() as threads:
        queued.append(threads.submit(group_commit.append, PendingAppend([event()], None)))
        wait_until(lambda: sizes == [1])
        threads.submit(begin_once_the_main_thread_waits)
        assert group_commit.append(PendingAppend([event()], None)) == 2
        main_thread_is_back.set()
        assert [each.result(timeout=20) for each in queued] == [1, 2, 3]
    assert sizes == [1, 2, 1]
    group_commit.close()


def test_closing_finishes_what_was_begun(recorder: PostgresRecorder, owner: psycopg.Connection) -> None:
    hold_the_log(owner)
    with ThreadPoolExecutor() as threads:
        first = threads.submit(recorder.append, [event()])
        wait_until(lambda: waiting_for_the_log(owner) == 1)
        second = threads.submit(recorder.append, [event()])
        wait_until(lambda: len(recorder._group_commit._waiting) == 1)
        closing = threads.submit(recorder._group_commit.close)
        wait_until(lambda: recorder._group_commit._is_closed)
        with pytest.raises(StoreClosed):
            recorder._group_commit.append(PendingAppend([event()], None))
        owner.execute("ROLLBACK")
        closing.result(timeout=20)
        assert (first.result(timeout=20), second.result(timeout=20)) == (1, 2)


def waiting(*appends: list[EventEnvelope]) -> list[PendingAppend]:
    return [PendingAppend(events, None) for events in appends]


@pytest.mark.parametrize(
    ("queue", "sizes"),
    [
        (waiting([event()] * MAX_GROUP_EVENTS, [event()]), [1, 1]),
        (waiting([event()] * (MAX_GROUP_EVENTS + 1), [event()], [event()]), [1, 2]),
        (waiting([event()], [event()] * MAX_GROUP_EVENTS, [event()]), [1, 1, 1]),
        (waiting(*[[event(data=b'"' + b"x" * (MAX_GROUP_BYTES // 3) + b'"')]] * 4), [2, 2]),
        (waiting(*[[event()]] * 5), [5]),
    ],
)
def test_groups_are_bounded(queue: list[PendingAppend], sizes: list[int]) -> None:
    left = deque(queue)
    assert [len(take_group(left).members) for _ in sizes] == sizes
    assert not left
