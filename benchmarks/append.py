"""How fast the log takes appends, against threads that do one plain INSERT and commit each, and the stock recorder.

    python -m benchmarks.append [--seconds N] [--callers 1,16,64] [--database-url URL] [--at-least RATIO]

Every append carries three tags and a condition of its own. The plain INSERT writes the same columns, with no tags, no
condition and no index but its primary key. Contenders take turns in short rounds, so a machine that is busy for a while
is busy for all of them.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from uuid import uuid4

import psycopg
from eventsourcing.dcb.api import DCBAppendCondition, DCBQuery, DCBQueryItem, DCBRecorder
from eventsourcing.dcb.postgres_tt import PostgresDCBRecorderTT
from eventsourcing.postgres import PostgresDatastore
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from rich.console import Console
from rich.table import Table

from ledger.store import EventEnvelope, PostgresRecorder
from migrations import upgrade
from sandbox.postgres import EmbeddedPostgres

ROUNDS = 10

DATA = b'{"payout_id": "po_2Q", "attempt": 1, "transfer_id": "tr_1Nq", "amount_minor": 7500, "currency": "usd"}'

PLAIN_TABLE = """
CREATE TABLE plain_event (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid NOT NULL,
    type text NOT NULL,
    schema_version integer NOT NULL,
    tags text[] NOT NULL,
    data jsonb NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    actor text NOT NULL,
    causation_id text,
    correlation_id text
)
"""
PLAIN_INSERT = """
INSERT INTO plain_event
    (event_id, type, schema_version, tags, data, occurred_at, recorded_at, actor, causation_id, correlation_id)
VALUES (%s, %s, %s, '{}', %s, now(), now(), %s, %s, %s)
RETURNING position
"""

Append = Callable[[], object]


@dataclass
class Contender:
    """`callers` functions, one for each thread, that append once each time they are called."""

    name: str
    appends: Sequence[Append]
    latencies_seconds: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)

    def run(self, seconds: float) -> None:
        """All threads append for so long; keeps what each append took, and how many there were a second."""
        started, deadline = time.perf_counter(), time.perf_counter() + seconds
        taken: list[list[float]] = [[] for _ in self.appends]

        def work(append: Append, latencies: list[float]) -> None:
            before = time.perf_counter()
            while before < deadline:
                append()
                after = time.perf_counter()
                latencies.append(after - before)
                before = after

        with ThreadPoolExecutor(len(self.appends)) as threads:
            list(threads.map(work, self.appends, taken))
        latencies = [latency for each in taken for latency in each]
        self.rates.append(len(latencies) / (time.perf_counter() - started))
        self.latencies_seconds.extend(latencies)

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)

    def relative_to(self, other: "Contender") -> float:
        """How many times as fast, in the median of the rounds: what disturbs a round disturbs both."""
        return statistics.median(mine / theirs for mine, theirs in zip(self.rates, other.rates, strict=True))

    def quantile_ms(self, share: float) -> float:
        ordered = sorted(self.latencies_seconds)
        return 1000 * ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def plain(database_url: str, callers: int, stack: ExitStack) -> Contender:
    """A connection for each thread."""

    def append_on(connection: psycopg.Connection) -> Append:
        def append() -> object:
            event = an_event()
            values = (event.event_id, event.type, event.schema_version, event.data.decode(), event.actor, None, None)
            return connection.execute(PLAIN_INSERT, values, prepare=True).fetchone()

        return append

    connections = [stack.enter_context(psycopg.connect(database_url, autocommit=True)) for _ in range(callers)]
    return Contender("plain INSERT", [append_on(connection) for connection in connections])


def ledger(database_url: str, callers: int, stack: ExitStack) -> Contender:
    recorder = stack.enter_context(closing(PostgresRecorder(database_url)))
    return Contender("ledger", [appending(recorder) for _ in range(callers)])


def stock(database_url: str, callers: int, stack: ExitStack) -> Contender:
    """The library's own recorder, with a connection for each thread."""
    parts = conninfo_to_dict(database_url)
    datastore = PostgresDatastore(
        dbname=str(parts["dbname"]),
        host=str(parts.get("host", "")),
        port=parts.get("port", 5432) or 5432,
        user=str(parts.get("user", "")),
        password=str(parts.get("password", "")),
        pool_size=callers,
    )
    stack.enter_context(closing(datastore))
    recorder = PostgresDCBRecorderTT(datastore)
    recorder.create_table()
    recorder = PostgresDCBRecorderTT(datastore)  # knows its composite types only if they are there before it
    return Contender("stock recorder", [appending(recorder) for _ in range(callers)])


def appending(recorder: DCBRecorder) -> Append:
    """Like a decision: on the condition that nothing was recorded about its payout since it last read."""
    last_read = 0

    def append() -> object:
        nonlocal last_read
        event = an_event()
        boundary = DCBQuery([DCBQueryItem(types=[event.type], tags=[event.tags[0]])])
        last_read = recorder.append([event], DCBAppendCondition(boundary, after=last_read))
        return last_read

    return append


def an_event() -> EventEnvelope:
    payout = uuid4().hex
    return EventEnvelope(
        "TransferSettled", DATA, [f"payout:{payout}", f"referral:{payout}", f"instructor:{payout[:2]}"]
    )


def compare(database_url: str, callers: int, seconds: float) -> list[Contender]:
    """The contenders with so many callers each, on one server, in turns."""
    with ExitStack() as stack:
        contenders = [start(database_url, callers, stack) for start in (plain, ledger, stock)]
        for contender in contenders:
            contender.run(seconds=0.2)  # connections, plans, caches
            contender.rates.clear()
            contender.latencies_seconds.clear()
        for _ in range(ROUNDS):
            for contender in contenders:
                contender.run(seconds / ROUNDS)
    return contenders


@contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """A migrated database of our own, and no trace of it afterwards."""
    name = f"ledger_benchmark_{uuid4().hex[:8]}"
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            database_url = make_conninfo(server_url, dbname=name)
            upgrade(database_url)
            with psycopg.connect(database_url) as connection:
                connection.execute(PLAIN_TABLE)
            yield database_url
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def server(url: str | None) -> Iterator[str]:
    """The server given, or an embedded one in a temporary folder."""
    if url is not None:
        yield url
        return
    folder = Path(mkdtemp(prefix="ledger-benchmark-"))
    folder.chmod(0o711)  # started by root, the server runs as another user and has to get in
    postgres = EmbeddedPostgres(folder / "postgres", settings={"max_connections": "300"})
    try:
        with postgres:
            yield postgres.url("postgres")
        postgres.wait_until_stopped()
    finally:
        rmtree(folder, ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.append", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="for each contender and number of callers")
    parser.add_argument("--callers", default="1,16,64", help="how many threads append at once: one number or several")
    parser.add_argument("--database-url", help="a server to create a database on (default: an embedded one)")
    parser.add_argument(
        "--at-least", type=float, help="exit 1 if the ledger with most callers is below this multiple of plain INSERTs"
    )
    options = parser.parse_args()
    table = Table(
        "callers", "contender", "appends/s", "x plain", "p50 ms", "p99 ms", title="Appends, one event each, fsync on"
    )
    for column in table.columns[2:]:
        column.justify = "right"
    ratio = 0.0
    with server(options.database_url) as server_url:
        for callers in sorted(map(int, options.callers.split(","))):
            with fresh_database(server_url) as database_url:
                contenders = compare(database_url, callers, options.seconds)
            inserts, ours, _ = contenders
            ratio = ours.relative_to(inserts)
            for each in contenders:
                cells = (
                    f"{each.rate:,.0f}",
                    f"{each.relative_to(inserts):.2f}",
                    f"{each.quantile_ms(0.5):.2f}",
                    f"{each.quantile_ms(0.99):.2f}",
                )
                table.add_row(str(callers), each.name, *cells, end_section=each is contenders[-1])
    Console().print(table)
    if options.at_least is not None and ratio < options.at_least:
        print(f"{ratio:.2f} times plain INSERTs is less than {options.at_least:.2f}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
