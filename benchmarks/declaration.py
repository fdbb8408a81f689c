"""What a benchmark is: a class whose fields are its sizes, and what it hands back.

    @dataclass(frozen=True)
    class Append(Benchmark):
        name = "append"
        about = "many callers of one process append one event each"
        target = "16 callers at least 1.3 times ..."
        short = {"seconds": 1.0}

        callers: tuple[int, ...] = (16, 64)
        seconds: float = 20.0

        def run(self, progress: Progress) -> Result: ...

Each field with its default is a size: an option of the same name sets it, and `short` says which are smaller where there
is no time. Rounds and warm-up are sizes like others, so that every report shows them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from types import MappingProxyType
from typing import ClassVar

__all__ = ["Benchmark", "Figure", "NotRun", "Progress", "Result", "Size", "ratio"]

Size = bool | int | float | tuple[int, ...]
Progress = Callable[[str], None]


class NotRun(Exception):
    """What the benchmark needs is not at hand; the reason is what the report shows."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A median over rounds, and the lowest and highest round; with a target, whether it is reached."""

    name: str
    """Lower case and dashes, as `--floor` and `--ceiling` take it."""
    value: float
    unit: str
    lowest: float = nan
    highest: float = nan
    at_least: float | None = None
    at_most: float | None = None

    @property
    def met(self) -> bool | None:
        """None where there is no target."""
        if self.at_least is None and self.at_most is None:
            return None
        return (self.at_least is None or self.value >= self.at_least) and (
            self.at_most is None or self.value <= self.at_most
        )


def ratio(
    name: str,
    value: float,
    lowest: float = nan,
    highest: float = nan,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
) -> Figure:
    """How many times as much as the other side."""
    return Figure(name, value, "times", lowest, highest, at_least, at_most)


@dataclass(frozen=True, slots=True)
class Result:
    figures: Sequence[Figure]
    ratios: Sequence[Figure] = ()
    remarks: Sequence[str] = ()
    """What the reader has to know to read the figures: a contender that is missing, and why."""

    @property
    def met(self) -> bool | None:
        """Whether every target is reached; None where there is none."""
        verdicts = [figure.met for figure in (*self.figures, *self.ratios) if figure.met is not None]
        return all(verdicts) if verdicts else None


@dataclass(frozen=True)
class Benchmark(ABC):
    """Subclass as a frozen dataclass, and add it to `catalogue`."""

    name: ClassVar[str]
    about: ClassVar[str]
    target: ClassVar[str]
    short: ClassVar[Mapping[str, Size]] = MappingProxyType({})

    @abstractmethod
    def run(self, progress: Progress) -> Result:
        """Measure. `progress` takes a line about what is being done. Raises NotRun."""
