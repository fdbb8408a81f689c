"""Run benchmarks, and print what they found: `python -m benchmarks [NAME ...]`, or `./run bench`.

Targets are shown, and decide nothing: a ratio depends on the machine. The exit code is 1 only if a --floor or a --ceiling
was missed, and 2 where there is no such benchmark, size or figure.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace

from rich.console import Console

from benchmarks.catalogue import BENCHMARKS
from benchmarks.declaration import Benchmark, NotRun, Size
from benchmarks.report import Outcome, show, to_json

__all__ = ["main"]

Limits = Mapping[str, float]


def main(arguments: Sequence[str] | None = None, benchmarks: Sequence[type[Benchmark]] = BENCHMARKS) -> int:
    parser = _parser(benchmarks)
    options = parser.parse_args(arguments)
    if options.list:
        print("\n".join(f"{each.name:16} {each.about}" for each in benchmarks))
        return 0
    chosen = _chosen(parser, options.names, benchmarks)
    given = {name: value for name in _sizes(benchmarks) if (value := getattr(options, name)) is not None}
    for name in given:
        if not any(name in _sizes([each]) for each in chosen):
            parser.error(f"--{_option(name)} is no size of {', '.join(each.name for each in chosen)}")
    console = Console(width=None if sys.stdout.isatty() else 120)
    outcomes = []
    for each in chosen:
        outcomes.append(_run(_sized(each, given, is_short=options.short)))
        if not options.json:
            show(outcomes[-1], console)
    if options.json:
        print(to_json(outcomes))
    return _judge(outcomes, dict(options.floor), dict(options.ceiling))


def _parser(benchmarks: Sequence[type[Benchmark]]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./run bench",
        description=(__doc__ or "").strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(f"{each.name}: {_described(each)}" for each in benchmarks),
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which benchmarks; all of them if none is named")
    parser.add_argument("--list", action="store_true", help="show their names, and run none")
    parser.add_argument("--json", action="store_true", help="a list of {name, figures, ratios, target, met, ...}")
    parser.add_argument("--short", action="store_true", help="smaller sizes: shows that it works, and proves little")
    for name, what in (("--floor", "below"), ("--ceiling", "above")):
        parser.add_argument(
            name,
            action="append",
            default=[],
            type=_limit,
            metavar="FIGURE=NUMBER",
            help=f"exit 1 if a figure or ratio (BENCHMARK.NAME) is {what} it",
        )
    sizes = parser.add_argument_group("sizes, of those benchmarks that have them")
    for name, size in _sizes(benchmarks).items():
        if isinstance(size, bool):
            sizes.add_argument(f"--{_option(name)}", action="store_true", default=None)
        elif isinstance(size, tuple):
            sizes.add_argument(f"--{_option(name)}", type=_numbers, metavar="N,N,...")
        else:
            sizes.add_argument(f"--{_option(name)}", type=type(size), metavar="N")
    return parser


def _chosen(
    parser: argparse.ArgumentParser, names: Iterable[str], benchmarks: Sequence[type[Benchmark]]
) -> Sequence[type[Benchmark]]:
    known = {each.name: each for each in benchmarks}
    for name in names:
        if name not in known:
            parser.error(f"there is no benchmark {name}; there are {', '.join(known)}")
    return [known[name] for name in names] or benchmarks


def _sized(benchmark: type[Benchmark], given: Mapping[str, Size], *, is_short: bool) -> Benchmark:
    own = {name: value for name, value in given.items() if name in _sizes([benchmark])}
    return replace(benchmark(), **{**(benchmark.short if is_short else {}), **own})


def _run(benchmark: Benchmark) -> Outcome:
    def progress(line: str) -> None:
        print(f"{benchmark.name}: {line}", file=sys.stderr)

    try:
        return Outcome(benchmark, asdict(benchmark), benchmark.run(progress))
    except NotRun as reason:
        return Outcome(benchmark, asdict(benchmark), None, not_run=str(reason))


def _judge(outcomes: Sequence[Outcome], floors: Limits, ceilings: Limits) -> int:
    found = dict(_values(outcomes))
    unknown = [name for name in (*floors, *ceilings) if name not in found]
    if unknown:
        print(f"no such figure: {', '.join(unknown)}; there are {', '.join(found)}", file=sys.stderr)
        return 2
    missed = [
        f"{name} is {found[name]:.2f}, less than {least:g}" for name, least in floors.items() if found[name] < least
    ]
    missed += [
        f"{name} is {found[name]:.2f}, more than {most:g}" for name, most in ceilings.items() if found[name] > most
    ]
    for what in missed:
        print(what, file=sys.stderr)
    return 1 if missed else 0


def _values(outcomes: Sequence[Outcome]) -> Iterator[tuple[str, float]]:
    for outcome in outcomes:
        if outcome.result is not None:
            for figure in (*outcome.result.figures, *outcome.result.ratios):
                yield f"{outcome.benchmark.name}.{figure.name}", figure.value


def _sizes(benchmarks: Iterable[type[Benchmark]]) -> dict[str, Size]:
    """The names of the sizes, each with a value of its type."""
    return {field.name: getattr(each(), field.name) for each in benchmarks for field in fields(each)}


def _described(benchmark: type[Benchmark]) -> str:
    sizes = ", ".join(f"--{_option(name)} {value}" for name, value in asdict(benchmark()).items())
    return f"{benchmark.about}\n    {sizes}\n    wanted: {benchmark.target}"


def _option(name: str) -> str:
    return name.replace("_", "-")


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(each) for each in text.split(","))


def _limit(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    return name, float(number)


if __name__ == "__main__":
    sys.exit(main())
