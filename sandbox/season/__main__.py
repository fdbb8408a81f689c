"""``python -m sandbox.season``: make a season, or say what a ledger should make of it."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import orjson
import typer

from sandbox.season.generator import generate, to_line
from sandbox.season.oracle import Oracle

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)


@app.command("generate")
def generate_command(
    instructors: Annotated[int, typer.Option(min=1, help="How many instructors; about six deliveries each.")] = 600,
    seed: Annotated[int, typer.Option(help="The same seed makes the same season.")] = 0,
    start: Annotated[
        datetime | None,
        typer.Option(help="When the first instructor joins, UTC. Default: so early that all of it is over."),
    ] = None,
) -> None:
    """Write a season to standard output, one delivery a line."""
    # typer reads times without a zone; here they mean UTC
    for event in generate(instructors, seed, start.replace(tzinfo=UTC) if start is not None else None):
        sys.stdout.write(to_line(event))


@app.command()
def expect(season: Annotated[Path, typer.Argument(exists=True, dir_okay=False)]) -> None:
    """Print the result of a season, as the oracle sees it."""
    oracle = Oracle()
    with season.open("rb") as lines:
        for line in lines:
            if line.strip():
                oracle.deliver(_decoded(line))
    sys.stdout.buffer.write(orjson.dumps(oracle.result(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def _decoded(line: bytes) -> object:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None  # no fact: invalid


if __name__ == "__main__":
    app()
