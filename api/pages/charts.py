"""Charts as SVG. They carry no colour of their own: the stylesheet gives them those of the page, light or dark.

A chart is for the eye alone (`aria-hidden`): the page has the same numbers in a table beside it.
"""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from xml.etree import ElementTree as ET

import leather
from markupsafe import Markup

Point = tuple[str, Decimal]
"""What it is called, and how much."""
Pair = tuple[str, Decimal, Decimal]
"""The same, with two amounts to be compared."""
Ticks = Callable[[Decimal], str]

WIDTH, HEIGHT = 640, 260


def columns(
    points: Sequence[Point], ticks: Ticks, *, names_apart: int = 1, width: int = WIDTH, height: int = HEIGHT
) -> Markup:
    """One upright column for each point, in their order: for what happens over time.

    `names_apart`: only every so manyth column is named, counted from the last.
    """
    chart = leather.Chart()
    chart.add_columns(points)
    chart.add_x_axis(ticks=[name for name, _ in points][::-names_apart])
    chart.add_y_scale(0, _top(points))
    chart.add_y_axis(tick_formatter=_formatter(ticks))
    return _svg(chart, width, height)


def paired_columns(points: Sequence[Pair], ticks: Ticks, *, names_apart: int = 1) -> Markup:
    """Two columns beside each other for each point; names as for `columns`. The page says which is `first`, which `second`."""
    chart = leather.Chart()
    chart.add_series(leather.Series(points), _PairedColumns())
    chart.add_x_axis(ticks=[name for name, *_ in points][::-names_apart])
    chart.add_y_scale(0, max([Decimal(1), *(max(first, second) for _, first, second in points)]))
    chart.add_y_axis(tick_formatter=_formatter(ticks))
    return _svg(chart, WIDTH, HEIGHT)


def bars(points: Sequence[Point], ticks: Ticks, *, width: int = WIDTH) -> Markup:
    """One lying bar for each point, the first at the top: for names of some length, like the steps of a funnel."""
    chart = leather.Chart()
    chart.add_bars([(amount, name) for name, amount in points])
    chart.add_x_scale(0, _top(points))
    chart.add_x_axis(tick_formatter=_formatter(ticks))
    return _svg(chart, width, 60 + 36 * len(points))


class _PairedColumns:
    """A shape of the library's, which itself would draw the second columns over the first."""

    def validate_series(self, series: leather.Series) -> None:
        """Whatever is typed as pairs can be drawn."""

    def to_svg(
        self,
        width: float,
        height: float,
        x_scale: leather.Scale,
        y_scale: leather.Scale,
        series: leather.Series,
        _palette: Iterator[str],
    ) -> ET.Element:
        group = ET.Element("g", {"class": "series columns"})
        for datum in series.data():
            name, *amounts = datum.row
            left, right = x_scale.project_interval(name, 0, width)
            for place, amount in enumerate(amounts):
                top = float(y_scale.project(amount, height, 0))
                column = {"x": left + place * (right - left) / 2, "y": top}
                column |= {"width": (right - left) / 2, "height": height - top}
                lengths = {name: str(length) for name, length in column.items()}
                ET.SubElement(group, "rect", {"class": ("first", "second")[place], **lengths})
        return group


def _top(points: Sequence[Point]) -> Decimal:
    """Where the scale ends, also if there is nothing to show."""
    return max([Decimal(1), *(amount for _, amount in points)])


def _formatter(ticks: Ticks) -> Callable[[Decimal, int, int], str]:
    return lambda value, _index, _count: ticks(value)


def _svg(chart: leather.Chart, width: int, height: int) -> Markup:
    """As wide as there is room for, and without what the stylesheet decides."""
    svg = ET.fromstring(chart.to_svg(width=width, height=height))  # noqa: S314 - our own
    ET.register_namespace("", "http://www.w3.org/2000/svg")
    for name in ("width", "height", "version"):
        del svg.attrib[name]
    svg.attrib |= {"class": "chart", "viewBox": f"0 0 {width} {height}", "aria-hidden": "true"}
    for element in svg.iter():
        for name in ("fill", "stroke", "font-family", "font-size"):
            element.attrib.pop(name, None)
    return Markup(ET.tostring(svg, encoding="unicode"))  # noqa: S704 - the library escapes what it is given
