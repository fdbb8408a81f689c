"""Appends against another event store for PostgreSQL, with its own client: Emmett, on node."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree, which
from types import MappingProxyType

import orjson
from psycopg.conninfo import conninfo_to_dict

from benchmarks.append_contenders import an_event_of_one_stream, fill, ledger
from benchmarks.contenders import Contender, take_turns
from benchmarks.database import migrated_database, scratch_server, settle
from benchmarks.declaration import Benchmark, Figure, NotRun, Progress, Result
from benchmarks.parts import scratch_folder

__all__ = ["Peers"]

EMMETT = Path(__file__).parent / "emmett"
INSTALL_SECONDS = 300
TIMES_EMMETT = 3.0


@dataclass(frozen=True)
class Peers(Benchmark):
    name = "peers"
    about = "appends against Emmett's PostgreSQL event store, where node and npm are at hand"
    target = "3 times as many appends as its appendToStream, one conditional event each, on the same server"
    short = MappingProxyType({"callers": (16,), "stored": 2_000, "seconds": 1.0, "rounds": 2})

    callers: tuple[int, ...] = (16, 64)
    stored: int = 20_000
    seconds: float = 10.0
    """For each contender."""
    rounds: int = 10
    warm_up_seconds: float = 1.0

    def run(self, progress: Progress) -> Result:
        with scratch_folder() as folder, scratch_server() as server_url:
            progress("installing Emmett")
            _install(folder)
            with (
                migrated_database(server_url) as ours_url,
                migrated_database(server_url) as theirs_url,
                _emmett(folder, theirs_url, max(self.callers)) as emmett,
            ):
                progress(f"storing {self.stored:,} events with each contender")
                fill(ours_url, self.stored, for_stock=False, make=an_event_of_one_stream)
                emmett.ask(callers=max(self.callers), appends=self.stored)
                settle(theirs_url)
                pairs = [self._compare(ours_url, emmett, callers, progress) for callers in self.callers]
        return Result(
            [figure for pair in pairs for each in pair for figure in _figures(each)],
            [ratio for pair in pairs for ratio in _ratios(*pair)],
        )

    def _compare(
        self, ours_url: str, emmett: "Emmett", callers: int, progress: Progress
    ) -> tuple[Contender, "EmmettContender"]:
        theirs = EmmettContender(f"{callers}-callers-emmett", emmett, callers)
        with ExitStack() as stack:
            ours = ledger(ours_url, callers, stack, f"{callers}-callers-ledger", an_event_of_one_stream)
            take_turns(
                [ours, theirs],
                seconds=self.seconds,
                rounds=self.rounds,
                warm_up_seconds=self.warm_up_seconds,
                progress=progress,
            )
        return ours, theirs


def _figures(each: Contender) -> list[Figure]:
    return [each.rate("appends/s"), each.milliseconds(0.5), each.milliseconds(0.99)]


def _ratios(ours: Contender, theirs: "EmmettContender") -> list[Figure]:
    return [
        ours.times_as_fast_as(theirs, f"{theirs.callers}-callers-vs-emmett", at_least=TIMES_EMMETT),
        ours.times_as_long_as(theirs, 0.99, f"{theirs.callers}-callers-p99-vs-emmett"),
    ]


@dataclass(frozen=True)
class Emmett:
    """Its process: as many connections as there are callers, kept in a pool, as its documentation has it."""

    process: subprocess.Popen[bytes]

    def ask(self, **what: float) -> list[float]:
        """The seconds that every append took. Raises NotRun if the process has ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(orjson.dumps(what, option=orjson.OPT_APPEND_NEWLINE))
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise NotRun(f"Emmett ended with exit code {self.process.wait()}")
        return [milliseconds / 1000 for milliseconds in orjson.loads(answer)]


class EmmettContender(Contender):
    def __init__(self, name: str, emmett: Emmett, callers: int) -> None:
        super().__init__(name, [])
        self._emmett = emmett
        self.callers = callers

    def run(self, seconds: float) -> None:
        started = time.perf_counter()
        self.rounds.append(self._emmett.ask(callers=self.callers, seconds=seconds))
        self.rates.append(len(self.rounds[-1]) / (time.perf_counter() - started))


def _install(folder: Path) -> None:
    """The versions that package.json names, of its packages and nothing that they would run. Raises NotRun."""
    if which("node") is None or which("npm") is None:
        raise NotRun("Emmett runs on node, and there is no node with npm on the PATH")
    copytree(EMMETT, folder, dirs_exist_ok=True)
    install = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock"]
    try:
        done = subprocess.run(install, cwd=folder, check=False, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except subprocess.TimeoutExpired:
        raise NotRun(f"npm did not install Emmett within {INSTALL_SECONDS} s") from None
    if done.returncode:
        raise NotRun(f"npm could not install Emmett: {done.stderr.strip().splitlines()[-1:]}")


@contextmanager
def _emmett(folder: Path, database_url: str, connections: int) -> Iterator[Emmett]:
    parts = conninfo_to_dict(database_url)
    variables = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
    given = {variable: str(parts[part]) for part, variable in variables.items() if parts.get(part)}
    command = ["node", "append.mjs", str(connections)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=folder, env={**os.environ, **given}, stdin=pipe, stdout=pipe) as process:
        try:
            yield Emmett(process)
        finally:
            process.communicate()
