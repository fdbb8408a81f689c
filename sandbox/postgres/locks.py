"""Advisory file locks (flock): the one thing that is released however its holder died.

A lock belongs to the open file, not to the process: whoever shares the descriptor shares the lock, and it is released
when the last of them is gone. Twice this is used on purpose (the keeper's lock survives its fork, the server's
processes hold theirs between them) and once it must be prevented: a client's forked child lets go of its copy at once.
"""

import os
import sys
import time
import weakref
from pathlib import Path

if sys.platform != "win32":
    import fcntl

__all__ = ["FileLock"]

_GLANCE_SECONDS = 0.02


class FileLock:
    """One open lock file, holding nothing yet. Programs that this process starts do not inherit it."""

    def __init__(self, path: Path, *, create: bool = True, survives_fork: bool = False) -> None:
        """Open `path`, creating it if need be and allowed; raises OSError."""
        self.path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o600)
        if not survives_fork:
            _closed_by_fork.add(self)

    def try_exclusive(self) -> bool:
        """Take it alone if nobody else has it."""
        return self._try(fcntl.LOCK_EX)

    def try_shared(self) -> bool:
        """Take it together with others unless somebody has it alone."""
        return self._try(fcntl.LOCK_SH)

    def shared(self, *, timeout_seconds: float) -> bool:
        """Take it together with others, waiting for whoever has it alone; False when that takes too long."""
        deadline = time.monotonic() + timeout_seconds
        while not self.try_shared():
            if time.monotonic() > deadline:
                return False
            time.sleep(_GLANCE_SECONDS)
        return True

    def is_orphaned(self) -> bool:
        """Whether its file was deleted or replaced, so that newcomers lock another one."""
        try:
            return not os.path.samestat(os.fstat(self._descriptor), self.path.stat())
        except FileNotFoundError:
            return True

    def fileno(self) -> int:
        """The descriptor, for handing the lock to a child on purpose."""
        return self._descriptor

    def close(self) -> None:
        """Let go, unless a child that was handed the descriptor still lives. May be called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _try(self, operation: int) -> bool:
        try:
            fcntl.flock(self._descriptor, operation | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


_closed_by_fork: "weakref.WeakSet[FileLock]" = weakref.WeakSet()


def _close_in_forked_child() -> None:
    """A plain fork copies descriptors past O_CLOEXEC; without this a forgotten child would keep the server up."""
    for lock in list(_closed_by_fork):
        lock.close()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_close_in_forked_child)
