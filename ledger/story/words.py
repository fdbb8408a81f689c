"""Small words that every story needs."""

import re

from ledger.events import Event

__all__ = ["name_of", "ordinal"]

_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


def ordinal(number: int) -> str:
    """`37` → `37th`."""
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


def name_of(event: Event) -> str:
    """`InstructorWentLive` → `instructor went live`."""
    return _HUMP.sub(" ", type(event).__name__).lower()
