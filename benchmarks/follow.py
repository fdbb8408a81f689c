"""How fast the read models and the journal come out of the log: our rebuild, the library's runner, and the best pure SQL."""

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from os import cpu_count
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from types import MappingProxyType

import psycopg
from psycopg.sql import SQL, Identifier

from benchmarks.contenders import median_figure
from benchmarks.database import migrated_database, scratch_server
from benchmarks.declaration import Benchmark, Figure, Progress, Result, ratio
from benchmarks.follow_library import follow
from benchmarks.history import fill as fill_log
from ledger.event_log import EventLog
from ledger.named_queries import named_queries
from ledger.store import PostgresRecorder
from ledger.store.connection import ConnectionSettings, open_pool
from projections import next_copy
from projections.filling import fill
from projections.finishing import add_up, complete
from projections.next_copy import NEXT_SCHEMA
from projections.tables import LIVE_SCHEMA

__all__ = ["Follow"]

PURE_SQL = named_queries("benchmarks", "follow_fold.sql")
SQL_SCHEMA = "pure_sql"
TIMES_LIBRARY = 50.0
TIMES_SQL = 2.0
EVENTS_PER_SECOND = 100_000.0
TIMES_MEMORY = 1.25
UNHURRIED = ConnectionSettings(role=None, statement_timeout_seconds=0, idle_in_transaction_timeout_seconds=0)

INDEXES = SQL("SELECT replace(indexdef, ' ON read_model.', {}) FROM pg_indexes WHERE schemaname = 'read_model'")
DIFFERENT = SQL(
    "SELECT count(*) FROM ((TABLE {a} EXCEPT TABLE {b}) UNION ALL (TABLE {b} EXCEPT TABLE {a})) AS different"
)


@dataclass(frozen=True)
class Follow(Benchmark):
    name = "follow"
    about = "all read models and the journal from an empty copy, keys, indexes and statistics included"
    target = (
        "from a million events at least 50 times as fast as the library's ProjectionRunner fills the same tables, in at most"
        " twice the time of the best fold in pure SQL, in memory that does not grow; beyond that, 100,000 events a second"
    )
    short = MappingProxyType({"events": 20_000, "fewer_events": 5_000, "library_events": 300, "rounds": 1})

    events: int = 1_000_000
    fewer_events: int = 600_000
    """The other log whose memory is compared: long enough for the largest batches, which is what memory grows with."""
    library_events: int = 3_000
    """The library's log: one transaction an event takes as long at any place of the log."""
    rounds: int = 3
    processes: int = cpu_count() or 1

    def run(self, progress: Progress) -> Result:
        ours: list[float] = []
        sql: list[float] = []
        library: list[float] = []
        memory: list[float] = []
        with (
            scratch_server() as server_url,
            migrated_database(server_url) as whole,
            migrated_database(server_url) as fewer,
        ):
            for database_url, events in ((whole, self.events), (fewer, self.fewer_events)):
                progress(f"{events:,} events")
                fill_log(database_url, events)
            for number in range(self.rounds):
                progress(f"round {number + 1} of {self.rounds}: pure SQL")
                sql.append(_seconds(partial(fold_in_sql, whole)))
                progress("ours")
                seconds, peak = _in_a_process(whole, self.processes)
                ours.append(seconds)
                memory.append(peak)
                _assert_equal(whole, SQL_SCHEMA, NEXT_SCHEMA)
                progress("the library's")
                with migrated_database(server_url) as few:
                    fill_log(few, self.library_events)
                    library.append(_seconds(partial(follow, few, self.library_events)))
                    _in_a_process(few, 1)
                    _assert_equal(few, LIVE_SCHEMA, NEXT_SCHEMA)
            _, fewer_memory = _in_a_process(fewer, self.processes)
        return self._result(ours, sql, library, memory, fewer_memory)

    def _result(
        self, ours: list[float], sql: list[float], library: list[float], memory: list[float], fewer_memory: float
    ) -> Result:
        rates = [self.events / seconds for seconds in ours]
        library_rates = [self.library_events / seconds for seconds in library]
        against_library = [mine / theirs for mine, theirs in zip(rates, library_rates, strict=True)]
        against_sql = [mine / theirs for mine, theirs in zip(ours, sql, strict=True)]
        return Result(
            [
                median_figure("ours", rates, "events/s", at_least=EVENTS_PER_SECOND),
                median_figure("pure-sql", [self.events / seconds for seconds in sql], "events/s"),
                median_figure("library", library_rates, "events/s"),
                Figure("memory-of-a-process", statistics.median(memory), "MB"),
                Figure("memory-of-a-process-for-fewer-events", fewer_memory, "MB"),
            ],
            [
                _ratio("vs-library", against_library, at_least=TIMES_LIBRARY),
                _ratio("time-vs-pure-sql", against_sql, at_most=TIMES_SQL),
                ratio("memory-growth", statistics.median(memory) / fewer_memory, at_most=TIMES_MEMORY),
            ],
            [
                f"The library's rate is that of {self.library_events:,} events.",
                "The tables of all three were compared row by row, and are equal.",
            ],
        )


def fold_in_sql(database_url: str) -> None:
    """In one transaction, into tables without indexes, which they are given at the end."""
    with psycopg.connect(database_url) as connection:
        connection.execute("DROP SCHEMA IF EXISTS pure_sql CASCADE")
        connection.execute("CREATE SCHEMA pure_sql")
        tables = _tables(connection)
        for table in tables:
            like = SQL("CREATE TABLE {} (LIKE {} INCLUDING DEFAULTS)")
            connection.execute(like.format(Identifier(SQL_SCHEMA, table), Identifier(LIVE_SCHEMA, table)))
        connection.execute("SET LOCAL search_path TO pure_sql")
        connection.execute("SET LOCAL work_mem TO '256MB'")
        connection.execute("SET LOCAL maintenance_work_mem TO '256MB'")
        for statements in PURE_SQL.values():
            connection.execute(statements)
        for (statement,) in connection.execute(INDEXES.format(" ON pure_sql.")).fetchall():
            connection.execute(statement)
        for table in tables:
            connection.execute(SQL("ANALYZE {}").format(Identifier(SQL_SCHEMA, table)))


def rebuild_copy(database_url: str, processes: int) -> tuple[float, float]:
    """The seconds that it took, and the largest memory of a process that took part, in MB."""
    with closing(PostgresRecorder(database_url)) as recorder, open_pool(database_url, UNHURRIED) as pool:
        head = recorder.head()

        def rebuild() -> None:
            with pool.connection() as connection, connection.transaction():
                next_copy.begin(connection, processes)
            fill(pool, EventLog(recorder), processes, head, lambda _: None)
            complete(pool, processes)
            add_up(pool, processes)

        seconds = _seconds(rebuild)
    return seconds, max(_own_peak(), getrusage(RUSAGE_CHILDREN).ru_maxrss) / 1024


def _own_peak() -> int:
    """Of this process, in kB, by /proc, so on Linux only. `ru_maxrss` begins with the memory of whoever started a process."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0])


def _in_a_process(database_url: str, processes: int) -> tuple[float, float]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        return executor.submit(rebuild_copy, database_url, processes).result()


def _assert_equal(database_url: str, one: str, other: str) -> None:
    """Else the contenders did different work."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        for table in _tables(connection):
            query = DIFFERENT.format(a=Identifier(one, table), b=Identifier(other, table))
            assert connection.execute(query).fetchone() == (0,), f"{one}.{table} and {other}.{table} differ"


def _tables(connection: psycopg.Connection) -> list[str]:
    return [table for (table,) in connection.execute(next_copy.QUERIES["tables"]).fetchall()]


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _ratio(name: str, rounds: list[float], *, at_least: float | None = None, at_most: float | None = None) -> Figure:
    return ratio(name, statistics.median(rounds), min(rounds), max(rounds), at_least=at_least, at_most=at_most)
