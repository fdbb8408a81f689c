"""Charts: lengths that are the amounts, what people typed escaped, and no colour but the stylesheet's."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import pytest
from markupsafe import Markup

from api.pages import charts
from api.pages.reader import DEFAULT, Reader
from api.pages.referrals.months import money_by_month
from projections.views import MonthOfMoney

Draw = Callable[[list[charts.Point], charts.Ticks], Markup]

POINTS = [("Jan 2026", Decimal(75)), ("<b>", Decimal(150)), ("Mar 2026", Decimal(0))]
KINDS = pytest.mark.parametrize(("draw", "side"), [(charts.columns, "height"), (charts.bars, "width")])


def drawn(svg: str, side: str) -> list[float]:
    series = svg.split('class="series')[1]
    return [float(each) for each in re.findall(rf'<rect [^>]*\b{side}="([0-9.]+)"', series)]


@KINDS
def test_twice_as_much_is_drawn_twice_as_long(draw: Draw, side: str) -> None:
    none, january, february = sorted(drawn(draw(POINTS, str), side))
    assert february == pytest.approx(2 * january)
    assert none == 0


@KINDS
def test_names_are_escaped_and_colours_left_to_the_page(draw: Draw, side: str) -> None:
    svg = draw(POINTS, "{} $".format)
    assert "&lt;b&gt;" in svg
    assert " $</text>" in svg
    assert not re.search(r"\b(fill|stroke|style|font-family|width=\"640)=", svg)
    assert side in svg


@KINDS
def test_nothing_to_show_is_an_empty_chart(draw: Draw, side: str) -> None:
    assert drawn(draw([("Jan 2026", Decimal(0))], str), side) == [0]


def test_pairs_stand_beside_each_other_and_are_drawn_to_one_scale() -> None:
    pairs = [("Jan 2026", Decimal(75), Decimal(0)), ("<b>", Decimal(50), Decimal(150))]
    svg = charts.paired_columns(pairs, str)
    rects = re.findall(
        r'<rect class="(first|second)" x="([0-9.]+)" y="[0-9.]+" width="([0-9.]+)" height="([0-9.]+)"', svg
    )
    kinds = [kind for kind, *_ in rects]
    ends = [(float(x), float(x) + float(width)) for _, x, width, _ in rects]
    heights = [float(height) for *_, height in rects]
    assert kinds == ["first", "second"] * 2
    assert all(right <= left + 0.001 for (_, right), (left, _) in pairwise(ends))
    assert heights == pytest.approx([heights[3] / 2, 0, heights[3] / 3, heights[3]])
    assert "<b>" not in svg


def test_a_year_of_months_is_charted_and_every_second_named_with_each_year_once() -> None:
    def months(count: int) -> list[str]:
        known = [
            MonthOfMoney(month=datetime(2025 + n // 12, n % 12 + 1, 1, tzinfo=UTC), earned_minor=n + 1, paid_minor=0)
            for n in range(3, 3 + count)
        ]
        charted = money_by_month(known, "usd", Reader(DEFAULT, "UTC"))
        assert charted is not None
        assert charted.chart.count('class="first"') == min(count, 12)
        return re.findall(r">([A-Z][a-z]{2}(?: \d{4})?)</text>", charted.chart)

    assert sorted(months(6)) == sorted(["Apr 2025", "May", "Jun", "Jul", "Aug", "Sep"])
    assert sorted(months(12)) == sorted(["May 2025", "Jul", "Sep", "Nov", "Jan 2026", "Mar"])
    assert sorted(months(13)) == sorted(["Jun 2025", "Aug", "Oct", "Dec", "Feb 2026", "Apr"])
    assert months(1) == ["Apr 2025"]


def test_bars_lie_below_each_other_in_their_order() -> None:
    svg = charts.bars(POINTS, str)
    places = {name: float(y) for y, name in re.findall(r'<text [^>]*y="([0-9.]+)" dy="0.32em"[^>]*>([^<]+)<', svg)}
    assert places["Jan 2026"] < places["&lt;b&gt;"] < places["Mar 2026"]


def test_of_many_columns_every_so_manyth_is_named() -> None:
    days = [(f"day {number}", Decimal(number)) for number in range(1, 31)]
    svg = charts.columns(days, str, names_apart=7)
    assert re.findall(r">day (\d+)<", svg) == ["30", "23", "16", "9", "2"]
