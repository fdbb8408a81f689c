"""Calendar months in UTC, as `YYYY-MM`, and in which of them an entry is posted."""

from datetime import UTC, datetime
from functools import cache
from typing import Annotated

from pydantic import StringConstraints

__all__ = ["Month", "following", "month_of", "period_of"]

Month = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]


def month_of(moment: datetime) -> str:
    """Of a moment with its zone, in UTC."""
    in_utc = moment.astimezone(UTC)
    return _month(in_utc.year, in_utc.month)


@cache  # there are few, and whoever follows the log asks for every entry
def _month(year: int, number: int) -> str:
    return f"{year:04}-{number:02}"


def following(month: str) -> str:
    """The month after it."""
    year, number = int(month[:4]), int(month[5:])
    return _month(year + 1, 1) if number == 12 else _month(year, number + 1)


def period_of(occurred_at: datetime, cut_off: str | None) -> str:
    """The month in which an entry is posted: its own, or, once that is cut off, the earliest that is still open."""
    month = month_of(occurred_at)
    return month if cut_off is None or month > cut_off else following(cut_off)
