"""The log is read to its end, however long that takes."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta

import psycopg

from ledger.event_log import Draft, EventLog
from ledger.events import Happened
from ledger.history import about
from ledger.reconciliation.log_lines import money_events
from ledger.store import PostgresRecorder
from ledger.store.connection import ConnectionSettings, open_pool
from tests.payouts.story import requested, settled
from tests.reconciliation.lines import MIDDLE
from tests.store.happenings import wait_until

LIMIT = timedelta(milliseconds=200)
READER = "reader-of-the-log"


def test_no_limit_on_time_is_that_of_reading_the_log(database_url: str) -> None:
    """Held up first in its statement and then, when PostgreSQL has sent everything, in taking the lines."""
    with closing(PostgresRecorder(database_url)) as recorder:
        drafts = [Draft(Happened(event, MIDDLE), "test", "test", None) for event in (requested(), settled())]
        EventLog(recorder).append(drafts, [about("whatever-nobody-records")], after=0)
    settings = ConnectionSettings(
        application_name=READER,
        statement_timeout_seconds=LIMIT.total_seconds(),
        idle_in_transaction_timeout_seconds=LIMIT.total_seconds(),
    )
    with (
        open_pool(database_url, settings) as pool,
        psycopg.connect(database_url, autocommit=True) as watch,
        ThreadPoolExecutor(1) as threads,
    ):

        def is_past_the_limit() -> bool:
            """Or there is nobody any more."""
            session = "SELECT max(clock_timestamp() - state_change) FROM pg_stat_activity WHERE application_name = %s"
            (since,) = watch.execute(f"{session} AND datname = current_database()", [READER]).fetchone() or (None,)
            return since is None or since > 3 * LIMIT

        events = money_events(pool)
        with psycopg.connect(database_url) as other:
            other.execute("LOCK TABLE ledger.event")
            first = threads.submit(next, events)
            wait_until(lambda: first.done() or _is_held_up(watch))
            wait_until(lambda: first.done() or is_past_the_limit())
        assert first.result().type == "TransferRequested"
        wait_until(is_past_the_limit)
        assert [each.type for each in events] == ["TransferSettled"]
        with pool.connection() as connection:
            assert connection.execute("SHOW statement_timeout").fetchone() == ("200ms",)


def _is_held_up(watch: psycopg.Connection) -> bool:
    held = "SELECT FROM pg_stat_activity WHERE application_name = %s AND wait_event_type = 'Lock'"
    return watch.execute(f"{held} AND datname = current_database()", [READER]).fetchone() is not None
