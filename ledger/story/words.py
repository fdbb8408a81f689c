"""Small words that every story needs."""

import re

from ledger.events import Event
from ledger.major_units import in_major_units

__all__ = ["money", "name_of", "ordinal"]

_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


def money(amount_minor: int, currency: str) -> str:
    """`1535000, usd` → `15,350.00 USD`."""
    sign = "-" if amount_minor < 0 else ""
    whole, point, part = in_major_units(abs(amount_minor), currency).partition(".")
    return f"{sign}{int(whole):,}{point}{part} {currency.upper()}"


def ordinal(number: int) -> str:
    """`37` → `37th`."""
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


def name_of(event: Event) -> str:
    """`InstructorWentLive` → `instructor went live`."""
    return _HUMP.sub(" ", type(event).__name__).lower()
