"""An instructor's money by month: the newest months as a chart, all of them as a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from markupsafe import Markup

from api.pages import charts
from api.pages.reader import Reader
from projections.views import MonthOfMoney

CHARTED = 12
NAMED = 6
"""So many month names stand beside each other on a phone and can still be read."""


@dataclass(frozen=True, slots=True)
class MoneyByMonth:
    """`table`: the months in which there was any money, newest first."""

    chart: Markup
    table: list[MonthOfMoney]


def money_by_month(months: Sequence[MonthOfMoney], currency: str, reader: Reader) -> MoneyByMonth | None:
    """`months` oldest first. None: nothing was earned yet."""
    if not months:
        return None
    known = {_number(each.month): each for each in months}
    newest = max(known)
    charted = range(max(min(known), newest - CHARTED + 1), newest + 1)
    names_apart = -(-len(charted) // NAMED)
    named = charted[::-names_apart]
    points = [
        (
            _name(number, reader, is_first=number == named[-1] or number // 12 != (number - names_apart) // 12),
            Decimal(known[number].earned_minor if number in known else 0),
            Decimal(known[number].paid_minor if number in known else 0),
        )
        for number in charted
    ]
    return MoneyByMonth(
        chart=charts.paired_columns(
            points, lambda amount: reader.money(int(amount), currency), names_apart=names_apart
        ),
        table=[*reversed(months)],
    )


def _name(number: int, reader: Reader, *, is_first: bool) -> str:
    """`is_first`: of those of its year that are named, where the year is said."""
    month = _month(number)
    return reader.month(month) if is_first else reader.month_alone(month)


def _number(month: datetime) -> int:
    """Months as one count, so that those without money have their place too."""
    at = month.astimezone(UTC)
    return at.year * 12 + at.month - 1


def _month(number: int) -> datetime:
    return datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)
