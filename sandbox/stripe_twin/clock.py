"""The twin's time: seconds since the epoch, UTC, from a clock that is given to it."""

import time
from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], float]


@dataclass
class VirtualClock:
    """Time that passes only when told to, for simulations and for tests of what happens days later."""

    now_seconds: float = 1_772_355_600.0  # 2026-03-01 09:00 UTC

    def __call__(self) -> float:
        return self.now_seconds

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass; time never runs backwards."""
        if seconds < 0:
            raise ValueError(f"a clock cannot go back by {-seconds} seconds")
        self.now_seconds += seconds


@dataclass
class ShiftedClock:
    """The machine's clock, moved forward by an offset that a test may enlarge while the twin runs."""

    offset_seconds: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.offset_seconds

    def advance(self, seconds: float) -> None:
        """Move ahead of the machine's clock by `seconds` more."""
        if seconds < 0:
            raise ValueError(f"a clock cannot go back by {-seconds} seconds")
        self.offset_seconds += seconds
