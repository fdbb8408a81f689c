"""The frame of the benchmarks: what it runs, how it reports, and when it fails."""

import json
from dataclasses import asdict, dataclass
from functools import partial
from types import MappingProxyType

import pytest

from benchmarks.__main__ import main
from benchmarks.catalogue import BENCHMARKS
from benchmarks.contenders import Contender, take_turns
from benchmarks.declaration import Benchmark, Figure, NotRun, Progress, Result, ratio


@dataclass(frozen=True)
class Cakes(Benchmark):
    name = "cakes"
    about = "baking"
    target = "twice the neighbour's"
    short = MappingProxyType({"cakes": 1})

    cakes: int = 12
    ovens: tuple[int, ...] = (1, 2)
    warm_up_seconds: float = 0.5

    def run(self, progress: Progress) -> Result:
        progress("baking")
        return Result(
            [Figure("baked", self.cakes * len(self.ovens), "cakes", 20, 30)],
            [ratio("vs-neighbour", 1.9, 1.8, 2.1, at_least=2.0), ratio("burnt-vs-neighbour", 0.5, at_most=1.0)],
        )


@dataclass(frozen=True)
class Bread(Benchmark):
    name = "bread"
    about = "the same with yeast"
    target = "rises"

    loaves: int = 3

    def run(self, progress: Progress) -> Result:
        raise NotRun("no yeast")


BOTH = (Cakes, Bread)


def run(*arguments: str) -> int:
    return main(arguments, BOTH)


def documents(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, object]]:
    assert run("--json", *arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, list)
    return found


def test_the_list_names_them_all_and_runs_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--list") == 0
    assert capsys.readouterr().out.split("\n") == [f"{'cakes':16} baking", f"{'bread':16} the same with yeast", ""]


def test_as_json_every_figure_has_its_spread_and_every_target_its_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    cakes, bread = documents(capsys)
    spread = {"lowest": 20.0, "highest": 30.0}
    assert cakes == {
        "name": "cakes",
        "figures": [
            {"name": "baked", "value": 24, "unit": "cakes", **spread, "at_least": None, "at_most": None, "met": None}
        ],
        "ratios": [
            {
                "name": "vs-neighbour",
                "value": 1.9,
                "unit": "times",
                "lowest": 1.8,
                "highest": 2.1,
                "at_least": 2.0,
                "at_most": None,
                "met": False,
            },
            {
                "name": "burnt-vs-neighbour",
                "value": 0.5,
                "unit": "times",
                "lowest": None,
                "highest": None,
                "at_least": None,
                "at_most": 1.0,
                "met": True,
            },
        ],
        "target": "twice the neighbour's",
        "met": False,
        "sizes": {"cakes": 12, "ovens": [1, 2], "warm_up_seconds": 0.5},
        "normal_sizes": True,
        "not_run": None,
        "remarks": [],
    }
    assert (bread["met"], bread["not_run"], bread["figures"]) == (None, "no yeast", [])


def test_sizes_are_set_by_name_and_short_ones_give_way(capsys: pytest.CaptureFixture[str]) -> None:
    (cakes,) = documents(capsys, "cakes", "--short", "--ovens", "1,2,4")
    assert cakes["sizes"] == {"cakes": 1, "ovens": [1, 2, 4], "warm_up_seconds": 0.5}
    assert cakes["normal_sizes"] is False


def test_for_people_the_sizes_are_shown_and_what_was_missed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--short", "--warm-up-seconds", "2") == 0
    shown = capsys.readouterr().out
    assert "not reached" in shown
    assert "warm up seconds 2.0" in shown
    assert "not run: no yeast" in shown


@pytest.mark.parametrize(
    "arguments",
    [
        ["pies"],
        ["bread", "--cakes", "2"],
        ["cakes", "--floor", "cakes.eaten=1"],
        ["cakes", "--floor", "pies"],
        ["--cakes", "many"],
    ],
)
def test_what_there_is_not_is_a_usage_error(arguments: list[str]) -> None:
    try:
        code = run(*arguments)
    except SystemExit as left:
        code = int(left.code or 0)
    assert code == 2


def test_only_a_missed_floor_or_ceiling_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("cakes") == 0
    assert run("cakes", "--floor", "cakes.vs-neighbour=1.5", "--ceiling", "cakes.baked=24") == 0
    assert run("cakes", "--floor", "cakes.vs-neighbour=1.95") == 1
    assert "cakes.vs-neighbour is 1.90, less than 1.95" in capsys.readouterr().err
    assert run("cakes", "--ceiling", "cakes.baked=23") == 1


def test_contenders_take_turns_and_the_warm_up_does_not_count() -> None:
    order: list[str] = []
    contenders = [Contender(name, [partial(order.append, name)] * 2) for name in ("a", "b")]

    take_turns(contenders, seconds=0, rounds=2, warm_up_seconds=0, progress=lambda _: None)

    assert order == [*"aabb", *"aabb", *"bbaa"]
    assert [len(taken) for taken in contenders[0].rounds] == [2, 2]
    fast, slow = contenders
    fast.rates, slow.rates = [30.0, 10.0, 100.0], [10.0, 10.0, 10.0]
    assert fast.times_as_fast_as(slow, "ratio", at_least=4) == ratio("ratio", 3, 1, 10, at_least=4)


def test_the_catalogue_s_benchmarks_say_what_they_are() -> None:
    names = [each.name for each in BENCHMARKS]
    assert len(set(names)) == len(names)
    for each in BENCHMARKS:
        assert each.about
        assert each.target
        assert set(each.short) <= set(each.__dataclass_fields__)


def test_a_size_of_several_benchmarks_is_of_one_type() -> None:
    """One option sets it."""
    types: dict[str, set[type]] = {}
    for each in BENCHMARKS:
        for name, value in asdict(each()).items():
            types.setdefault(name, set()).add(type(value))
    assert {name: found for name, found in types.items() if len(found) > 1} == {}
