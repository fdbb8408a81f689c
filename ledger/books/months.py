"""Calendar months in UTC, as `YYYY-MM`, and in which of them an entry is posted."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import StringConstraints

__all__ = ["Month", "following", "month_of", "period_of"]

Month = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]


def month_of(moment: datetime) -> str:
    """Of a moment with its zone, in UTC."""
    return moment.astimezone(UTC).isoformat()[:7]


def following(month: str) -> str:
    """The month after it."""
    year, number = int(month[:4]), int(month[5:])
    return f"{year + 1:04}-01" if number == 12 else f"{year:04}-{number + 1:02}"


def period_of(occurred_at: datetime, cut_off: str | None) -> str:
    """The month in which an entry is posted: its own, or, once that is cut off, the earliest that is still open."""
    month = month_of(occurred_at)
    return month if cut_off is None or month > cut_off else following(cut_off)
