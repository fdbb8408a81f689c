"""Group commit: appends that arrive while a commit is under way are committed together, by one of their own threads.

A caller that finds no commit under way leads at once: it commits its own append on its own thread and waits for nobody. Those who
come meanwhile queue. When the leader is done it hands over to the first in the queue, who takes all that wait as one group.
"""

import threading
from collections import deque
from collections.abc import Callable

from ledger.store.grouping import Group, take_group
from ledger.store.pending_append import PendingAppend

__all__ = ["GroupCommit"]


class GroupCommit:
    """`commit` settles every member of the group, and those put off that it can. It is never called twice at a time."""

    def __init__(self, commit: Callable[[Group], None]) -> None:
        self._commit = commit
        self._lock = threading.Lock()
        self._waiting: deque[PendingAppend] = deque()
        self._leader: PendingAppend | None = None

    def append(self, append: PendingAppend) -> int:
        """Returns the position of the last event once it is committed; raises what went wrong."""
        with self._lock:
            self._waiting.append(append)
            if self._leader is None:
                self._leader = append
        try:
            if self._leader is not append:
                append.wait()
            if not append.is_settled:
                self._lead(append)
        except BaseException:
            self._withdraw(append)
            raise
        return append.verdict()

    def _lead(self, leader: PendingAppend) -> None:
        with self._lock:
            group = take_group(self._waiting)
        try:
            self._commit(group)
        finally:
            with self._lock:
                self._waiting.extendleft(append for append in reversed(group.put_off) if not append.is_settled)
                # The next leader first: the database should not be kept waiting.
                self._appoint_next()
            for append in (*group.members, *group.put_off):
                if append.is_settled and append is not leader:
                    append.wake()

    def _appoint_next(self) -> None:
        self._leader = self._waiting[0] if self._waiting else None
        if self._leader is not None:
            self._leader.wake()

    def _withdraw(self, append: PendingAppend) -> None:
        """The caller was interrupted: if it was its turn to lead, somebody else must."""
        with self._lock:
            if append in self._waiting:
                self._waiting.remove(append)
            if self._leader is append:
                self._appoint_next()
