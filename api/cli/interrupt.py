"""How a process is asked to stop: Ctrl-C, SIGTERM, or its terminal closing. All mean the same."""

import signal
from collections.abc import Callable
from types import FrameType

__all__ = ["call_on_stop", "ignore_stops", "raise_on_stop"]

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def raise_on_stop() -> None:
    """From now on, being asked to stop raises KeyboardInterrupt."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.default_int_handler)


def call_on_stop(stop: Callable[[], object]) -> None:
    """From now on, being asked to stop calls `stop`."""

    def handle(number: int, frame: FrameType | None) -> None:
        del number, frame
        stop()

    for number in STOP_SIGNALS:
        signal.signal(number, handle)


def ignore_stops() -> None:
    """We are stopping already, in bounded time; being asked again must not leave half of it undone."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
