"""`ledger ingest`: lifecycle events from a file, straight into the store."""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import orjson
import typer

from api import composition
from api.cli import databases, screen, structured_log
from api.cli.errors import FOUND_WRONG, UsageProblem
from api.cli.screen import Meter
from api.settings import Settings
from ledger.ingestion import Ingestion
from ledger.lifecycle import InvalidFact, LifecycleFact, received_fact

__all__ = ["run"]

ACTOR = "ingest"
LINES_AT_ONCE = 1000
LONGEST_LINE_BYTES = 1024 * 1024
INVALID_SHOWN = 20


def run(file: str) -> None:
    structured_log.keep_quiet()
    settings = Settings()
    outcomes: Counter[str] = Counter()
    invalid: list[str] = []
    with (
        _opened(file) as lines,
        databases.prepared_database(settings) as url,
        composition.services(settings, url, "ingest", pool_size=2) as services,
        screen.progress("Recording", _count(file)) as meter,
    ):
        _record(services.ingestion, lines, outcomes, invalid, meter)
    screen.out.print(screen.counts(f"{outcomes.total()} lifecycle events by outcome", dict(sorted(outcomes.items()))))
    if not invalid:
        return
    for line in invalid[:INVALID_SHOWN]:
        screen.note(line)
    if len(invalid) > INVALID_SHOWN:
        screen.note(f"and {len(invalid) - INVALID_SHOWN} more lines are invalid")
    raise typer.Exit(FOUND_WRONG)


def _record(ingestion: Ingestion, lines: BinaryIO, outcomes: Counter[str], invalid: list[str], meter: Meter) -> None:
    """In batches, in order. What was counted is durable."""
    numbered = _facts(lines)
    while batch := list(islice(numbered, LINES_AT_ONCE)):
        for (number, _), receipt in zip(batch, ingestion.ingest([fact for _, fact in batch], ACTOR), strict=True):
            outcomes[f"{receipt.outcome}:{receipt.reason}" if receipt.reason else receipt.outcome] += 1
            if receipt.problem is not None:
                invalid.append(f"line {number}: {receipt.problem}")
        meter.at(outcomes.total())


def _facts(lines: BinaryIO) -> Iterator[tuple[int, LifecycleFact | InvalidFact]]:
    """Each line that is not blank, with its number, in constant memory."""
    number = 0
    while line := lines.readline(LONGEST_LINE_BYTES + 1):
        number += 1
        if len(line) > LONGEST_LINE_BYTES:
            while not line.endswith(b"\n") and (line := lines.readline(LONGEST_LINE_BYTES)):
                pass
            yield number, InvalidFact(id=None, problem=f"longer than {LONGEST_LINE_BYTES} bytes")
        elif line.strip():
            yield number, _fact(line)


def _fact(line: bytes) -> LifecycleFact | InvalidFact:
    try:
        return received_fact(orjson.loads(line), composition.now())
    except orjson.JSONDecodeError as error:
        return InvalidFact(id=None, problem=f"not JSON: {error}")


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        with Path(file).open("rb") as lines:
            yield lines
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise UsageProblem(f"{file}: {error.strerror}") from error


def _count(file: str) -> int | None:
    """How many lines there are to record, where that can be known before reading them."""
    if file == "-" or not Path(file).is_file():
        return None
    with Path(file).open("rb") as lines:
        return sum(1 for line in lines if line.strip())
