"""Group commit: appends that arrive while a commit is under way are committed together.

A caller that finds no commit under way commits its own append, on its own thread, and waits for nobody. Those who come
meanwhile queue, and a thread kept for them takes all that wait as one group, again and again until nobody does. That
thread, and not the first in the queue, because it can send the next group before the threads of the last one wake up
and want the interpreter: the database and the callers work at the same time.

Those whose commit is done wake each other, one by one. Woken together, they would all wait for the interpreter, each of
them looking again every few milliseconds, and the thread that has the next group to send would stand in line behind them.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence

from ledger.store.errors import StoreClosed
from ledger.store.grouping import Group, take_group
from ledger.store.pending_append import PendingAppend

__all__ = ["GroupCommit"]


class GroupCommit:
    """`commit` settles every member of a group, and those put off that it can. It is never called twice at a time."""

    def __init__(self, commit: Callable[[Group], None]) -> None:
        self._commit = commit
        self._lock = threading.Lock()
        self._has_ended = threading.Condition(self._lock)  # of the commits under way, once closed
        self._waiting: deque[PendingAppend] = deque()  # empty unless a commit is under way
        self._settled: deque[PendingAppend] = deque()  # to be woken; whoever takes one out wakes it
        self._is_committing = False
        self._queue_is_ours = threading.Semaphore(0)
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def append(self, append: PendingAppend) -> int:
        """Returns the position of the last event once it is committed; raises what went wrong."""
        with self._lock:
            if self._is_closed:
                raise StoreClosed("the recorder is closed")
            must_wait = self._is_committing
            if must_wait:
                self._waiting.append(append)
            self._is_committing = True
        if must_wait:
            append.wait()
            # A KeyboardInterrupt comes to the main thread, perhaps between taking one out and waking it.
            if threading.current_thread() is not threading.main_thread():
                self._wake_next()
        else:
            self._commit_alone(append)
        return append.verdict()

    def close(self) -> None:
        """Refuse new appends, and return when those under way and those that wait are finished."""
        with self._has_ended:
            self._is_closed = True
            self._has_ended.wait_for(lambda: not self._is_committing)
        if self._thread is not None:
            self._queue_is_ours.release()
            self._thread.join()

    def _commit_alone(self, append: PendingAppend) -> None:
        try:
            self._commit(Group([append]))
        finally:
            with self._lock:
                if self._waiting:
                    self._hand_over()
                else:
                    self._rest()

    def _hand_over(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="ledger-group-commit", daemon=True)
            self._thread.start()
        self._queue_is_ours.release()

    def _serve(self) -> None:
        while self._queue_is_ours.acquire() and self._is_committing:
            while group := self._next_group():
                self._commit_group(group)
            # A caller on the main thread, or one that was interrupted, wakes nobody, and no further group will.
            while self._wake_next():
                pass

    def _next_group(self) -> Group | None:
        with self._lock:
            if not self._waiting:
                self._rest()
                return None
            waiting, self._waiting = self._waiting, deque()
        group = take_group(waiting)  # outside of the lock, which all the callers want
        if waiting:
            self._put_back(waiting)
        return group

    def _rest(self) -> None:
        self._is_committing = False
        self._has_ended.notify_all()

    def _put_back(self, appends: Sequence[PendingAppend]) -> None:
        with self._lock:
            self._waiting.extendleft(reversed(appends))

    def _commit_group(self, group: Group) -> None:
        try:
            self._commit(group)
        except BaseException as error:  # noqa: BLE001 - a defect: it must reach those who wait, and not end the thread
            for append in group.members:
                append.error = append.error or error
        if group.put_off:
            self._put_back([append for append in group.put_off if not append.is_settled])
        self._settled.extend(append for append in (*group.members, *group.put_off) if append.is_settled)
        self._wake_next()

    def _wake_next(self) -> bool:
        try:
            append = self._settled.popleft()
        except IndexError:
            return False
        append.wake()
        return True
