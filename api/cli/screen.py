"""What a person sees: results on standard output, notes and progress on standard error; colour on terminals only."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from rich.box import ROUNDED
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column, Table
from rich.text import Text

from api.invariants import Check
from ledger.major_units import money

__all__ = [
    "Meter",
    "checks",
    "command_line",
    "comparison",
    "counts",
    "note",
    "out",
    "progress",
    "sandbox_note",
    "totals",
]

out = Console(highlight=False)
notes = Console(stderr=True, highlight=False)

LINE_EVERY_SECONDS = 2.0
PROBLEMS_SHOWN = 20
WIDTH = 46
SANDBOX = "Sandbox: STRIPE_API_KEY is not set. The Stripe twin answers, and no real money moves."


class Meter(Protocol):
    """How far something has come. `total` may become known on the way."""

    def at(self, done: int, total: int | None = None, said: str = "") -> None: ...


def note(text: str) -> None:
    """A line for the person, not for a program that reads the result."""
    notes.print(text, soft_wrap=not notes.is_terminal, markup=False)


def sandbox_note() -> None:
    notes.print(Text(SANDBOX, style="yellow"), soft_wrap=not notes.is_terminal)


def command_line(text: str) -> None:
    """To be copied: never broken into lines, never decorated."""
    out.print(text, soft_wrap=True, markup=False, no_wrap=True, overflow="ignore", crop=False)


def counts(title: str, rows: Mapping[Any, int]) -> Table:
    """Names and numbers, biggest group of names first as given. Where there are none it says so."""
    table = Table(title=title, title_justify="left", show_header=False, box=ROUNDED, min_width=WIDTH)
    table.add_column()
    table.add_column(justify="right")
    for name, count in rows.items():
        table.add_row(name, f"{count}")
    if not rows:
        table.add_row("none", "")
    return table


def totals(
    statuses: Mapping[Any, int], bonuses: Mapping[Any, int], money_minor: Mapping[str, int], currency: str
) -> list[Table]:
    """The program's totals as tables."""
    sums = Table("", title="Money", title_justify="left", box=ROUNDED, min_width=WIDTH)
    sums.add_column("amount", justify="right")
    sums.add_column("minor units", justify="right")
    for name, minor in money_minor.items():
        sums.add_row(name.removesuffix("_minor"), money(minor, currency), str(minor))
    return [counts("Referrals by status", statuses), counts("Bonuses by tier", bonuses), sums]


def checks(found: Sequence[Check]) -> None:
    """A line for each invariant, with what was compared, and what is wrong."""
    out.print("Invariants")
    lines = _marked_lines()
    for check in found:
        mark = Text("-", "yellow") if check.is_open else _mark(check.holds)
        lines.add_row(mark, f"{check.number}", Text(check.claim))
        lines.add_row("", "", Text(check.compared, "dim"))
        for problem in _first(check.problems):
            lines.add_row("", "", Text(problem, "red"))
    out.print(lines)


def comparison(source: str, different: Sequence[str]) -> None:
    """How a result stands to the expected one."""
    lines = _marked_lines()
    said = (
        f"the result differs from {source} in {len(different)} places" if different else f"the result equals {source}"
    )
    lines.add_row(_mark(not different), "", Text(said))
    for problem in _first(different):
        lines.add_row("", "", Text(problem, "red"))
    out.print(lines)


def _marked_lines() -> Table:
    lines = Table.grid(padding=(0, 1))
    lines.add_column()
    lines.add_column()
    lines.add_column(overflow="fold")
    return lines


def _mark(is_right: bool) -> Text:
    return Text("✓", "green") if is_right else Text("✗", "bold red")


def _first(problems: Sequence[str]) -> Iterator[str]:
    yield from problems[:PROBLEMS_SHOWN]
    if len(problems) > PROBLEMS_SHOWN:
        yield f"and {len(problems) - PROBLEMS_SHOWN} more"


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Meter]:
    """A bar on a terminal; elsewhere a line every now and then, and one at the end."""
    if not notes.is_terminal:
        meter = _Lines(what, total)
        yield meter
        meter.end()
        return
    columns = (
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn(
            "{task.fields[said]}", style="dim", table_column=Column(no_wrap=True, overflow="ellipsis", width=30)
        ),
    )
    with Progress(*columns, console=notes, expand=True) as bar:
        yield _Bar(bar, what, total)


class _Bar:
    def __init__(self, bar: Progress, what: str, total: int | None) -> None:
        self._bar = bar
        self._task = bar.add_task(what, total=total, said="")

    def at(self, done: int, total: int | None = None, said: str = "") -> None:
        self._bar.update(self._task, completed=done, total=total, said=said)


class _Lines:
    def __init__(self, what: str, total: int | None) -> None:
        self._what = what
        self._total = total
        self._line = ""
        self._shown = ""
        self._shown_at = time.monotonic()

    def at(self, done: int, total: int | None = None, said: str = "") -> None:
        self._total = self._total if total is None else total
        of = "" if self._total is None else f" of {self._total}"
        self._line = f"{self._what}: {done}{of}{f', {said}' if said else ''}"
        if time.monotonic() - self._shown_at >= LINE_EVERY_SECONDS:
            self._show()

    def end(self) -> None:
        if self._line != self._shown:
            self._show()

    def _show(self) -> None:
        note(self._line)
        self._shown, self._shown_at = self._line, time.monotonic()
