"""Charts: lengths that are the amounts, what people typed escaped, and no colour but the stylesheet's."""

import re
from collections.abc import Callable
from decimal import Decimal

import pytest
from markupsafe import Markup

from api.pages import charts

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
