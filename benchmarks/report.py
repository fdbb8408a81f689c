"""What a benchmark found, for people and for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isnan

import orjson
from rich.console import Console
from rich.table import Table

from benchmarks.declaration import Benchmark, Figure, Result, Size

__all__ = ["Outcome", "show", "to_json"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One benchmark with the sizes it ran with, and its result; None if it could not run, for the reason in `not_run`."""

    benchmark: Benchmark
    sizes: Mapping[str, Size]
    result: Result | None
    not_run: str | None = None

    @property
    def has_normal_sizes(self) -> bool:
        return self.benchmark == type(self.benchmark)()


def show(outcome: Outcome, console: Console) -> None:
    table = Table(
        "", "median", "lowest", "highest", "", "wanted", title=f"{outcome.benchmark.name}: {outcome.benchmark.about}"
    )
    table.columns[0].no_wrap = True
    for column in table.columns[1:4]:
        column.justify = "right"
    if outcome.result is not None:
        for figure in outcome.result.figures:
            table.add_row(*_cells(figure))
        table.add_section()
        for figure in outcome.result.ratios:
            table.add_row(*_cells(figure))
    sizes = ", ".join(f"{name.replace('_', ' ')} {_size(value)}" for name, value in outcome.sizes.items())
    table.caption = f"{sizes}{'' if outcome.has_normal_sizes else ' (not the normal sizes)'}"
    console.print(table)
    if outcome.not_run is not None:
        console.print(f"not run: {outcome.not_run}")
    else:
        console.print(f"wanted: {outcome.benchmark.target}", highlight=False)
    for remark in outcome.result.remarks if outcome.result is not None else ():
        console.print(remark, highlight=False)
    console.print()


def to_json(outcomes: Sequence[Outcome]) -> str:
    return orjson.dumps([_document(outcome) for outcome in outcomes], option=orjson.OPT_INDENT_2).decode()


def _document(outcome: Outcome) -> dict[str, object]:
    result = outcome.result
    return {
        "name": outcome.benchmark.name,
        "figures": [] if result is None else [_figure(figure) for figure in result.figures],
        "ratios": [] if result is None else [_figure(figure) for figure in result.ratios],
        "target": outcome.benchmark.target,
        "met": None if result is None else result.met,
        "sizes": dict(outcome.sizes),
        "normal_sizes": outcome.has_normal_sizes,
        "not_run": outcome.not_run,
        "remarks": [] if result is None else list(result.remarks),
    }


def _figure(figure: Figure) -> dict[str, object]:
    return {**asdict(figure), "met": figure.met}  # orjson writes null where there is no number


def _cells(figure: Figure) -> tuple[str, ...]:
    wanted = "" if figure.at_least is None else f"≥ {figure.at_least:g}"
    wanted += "" if figure.at_most is None else f"≤ {figure.at_most:g}"
    wanted += {None: "", True: " reached", False: " [bold]not reached[/bold]"}[figure.met]
    return figure.name, *map(_number, (figure.value, figure.lowest, figure.highest)), figure.unit, wanted


def _number(value: float) -> str:
    """Three digits that count."""
    if isnan(value):
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _size(value: Size) -> str:
    if isinstance(value, tuple):
        return ",".join(f"{each:,}" if each < 10_000 else f"{each:_}" for each in value)
    return str(value) if isinstance(value, bool) else f"{value:,}"
