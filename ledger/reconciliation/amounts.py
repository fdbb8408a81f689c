"""Amounts in files are in major units ("-75.00"); here they become integers in minor units. Never by way of a float."""

import re
from decimal import Decimal
from functools import lru_cache

MOST_DIGITS = 12
"""Before the point."""

_PLAIN = re.compile(r"[+-]?([0-9]+)(\.[0-9]{1,10})?")
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}([,.' \u00a0\u2009\u202f][0-9]{3})+([.,][0-9]+)?")


class AmountError(ValueError):
    """Not an amount in major units. `problem` says why, `remedy` what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


@lru_cache(maxsize=4_096)  # bonuses are of few amounts, and fees of one
def minor_units(text: str, places: int) -> int:
    """`-75.00` with two places → -7500. Raises AmountError."""
    plain = _PLAIN.fullmatch(text)
    if plain is None:
        raise _refusal(text)
    if len(plain[1]) > MOST_DIGITS:
        remedy = "no movement is that large: export the file again"
        raise AmountError(f"{text[:40]!r} has more than {MOST_DIGITS} digits before the point", remedy)
    scaled = Decimal(text).scaleb(places)
    minor = int(scaled)
    if minor != scaled:
        raise AmountError(
            f"{text} has more than {places} decimal places", "amounts are in major units of their currency"
        )
    return minor


def _refusal(text: str) -> AmountError:
    as_stored = "export it again, and do not save it from a spreadsheet"
    if not text.strip():
        return AmountError("the amount is empty", as_stored)
    shown = repr(text[:40])
    if _GROUPED.fullmatch(text.strip()):
        return AmountError(f"{shown} has thousands separators", "write -1234.56: digits, and a point before the cents")
    if re.fullmatch(r"[+-]?[0-9]+,[0-9]+", text):
        return AmountError(f"{shown} has a decimal comma", "write -1234.56: digits, and a point before the cents")
    if looks_like_formula(text):
        return AmountError(f"{shown} is a formula, not an amount", as_stored)
    return AmountError(f"{shown} is not an amount", "write -1234.56: digits, and a point before the cents")


def looks_like_formula(cell: str) -> bool:
    """Whether a spreadsheet would calculate this cell instead of showing it."""
    start = cell.lstrip()[:1]
    if start in ("=", "@"):
        return True
    return start in ("+", "-") and _PLAIN.fullmatch(cell.strip()) is None
