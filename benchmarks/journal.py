"""How fast the books answer: trial balances at any moment, statements, pages of the journal, over a million entries.

    python -m benchmarks.journal [--entries N] [--questions N] [--database-url URL] [--at-most MILLISECONDS]

Two years of entries on a server of their own, a fifth of them recorded days after they happened. Each question is asked
about random moments.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

import psycopg
from rich.console import Console
from rich.table import Table

from benchmarks.append import fresh_database, server
from ledger.books.accounts import Account
from ledger.store.connection import open_pool
from projections.journal import Filters, Journal

BEGINS = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 730

ENTRIES = """
INSERT INTO read_model.journal_line
SELECT number, line,
    CASE number %% 3 WHEN 0 THEN 'BonusEarned' WHEN 1 THEN 'TransferRequested' ELSE 'TransferSettled' END,
    account, CASE account WHEN 'bonuses_payable' THEN 'ins_' || (number / 3 %% 20000) END, 'pay_' || number / 3, 'usd',
    CASE line WHEN 1 THEN 7500 ELSE -7500 END,
    recorded_at - CASE number %% 5 WHEN 0 THEN interval '1 day' * (number %% 7) ELSE interval '0' END,
    recorded_at,
    to_char((recorded_at - interval '1 day' * (number %% 7)) AT TIME ZONE 'UTC', 'YYYY-MM')
FROM generate_series(1, %(entries)s) AS number
CROSS JOIN LATERAL (
    SELECT %(begins)s::timestamptz + interval '1 second' * (number::numeric / %(entries)s * %(days)s * 86400) AS recorded_at
) AS clock
CROSS JOIN LATERAL (VALUES
    (1, (ARRAY['bonus_expense', 'transfers_in_flight', 'bonuses_payable'])[number %% 3 + 1]),
    (2, (ARRAY['bonuses_payable', 'stripe_balance', 'transfers_in_flight'])[number %% 3 + 1])
) AS side (line, account)
"""
DAYS_OF_ENTRIES = """
INSERT INTO read_model.journal_day
SELECT (recorded_at AT TIME ZONE 'UTC')::date, (occurred_at AT TIME ZONE 'UTC')::date, period, account, currency,
    sum(greatest(amount_minor, 0)), sum(greatest(-amount_minor, 0)), max(position)
FROM read_model.journal_line
GROUP BY 1, 2, 3, 4, 5
"""
PROGRAM = """
INSERT INTO read_model.program
SELECT (jsonb_populate_record(NULL::read_model.program, jsonb_object_agg(column_name, 0)
    || jsonb_build_object('only_row', true, 'position', %(entries)s, 'currency', 'usd', 'credentials_rejected_at', NULL))).*
FROM information_schema.columns WHERE table_schema = 'read_model' AND table_name = 'program'
"""


def fill(database_url: str, entries: int) -> None:
    parameters = {"entries": entries, "begins": BEGINS, "days": DAYS}
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(ENTRIES, parameters)
        connection.execute(DAYS_OF_ENTRIES)
        connection.execute(PROGRAM, parameters)
        connection.execute("VACUUM ANALYZE read_model.journal_line, read_model.journal_day")


def questions(journal: Journal, entries: int, random: Random) -> dict[str, Callable[[], object]]:
    """What is measured; each call is about another moment."""

    def position() -> int:
        return random.randint(1, entries)

    def moment() -> datetime:
        return BEGINS + timedelta(seconds=random.uniform(0, DAYS * 86400))

    return {
        "trial balance now": journal.trial_balance,
        "trial balance as of a position": lambda: journal.trial_balance(position()),
        "trial balance effective at a time": lambda: journal.trial_balance(None, moment()),
        "trial balance by both clocks": lambda: journal.trial_balance(position(), moment()),
        "a page of the journal": lambda: journal.entries(Filters(), limit=200, after=position()),
        "a page of an instructor's entries": lambda: journal.entries(
            Filters(instructor_id=f"ins_{random.randrange(20000)}"), limit=200
        ),
        "an instructor's statement": lambda: journal.statement(
            Account.BONUSES_PAYABLE, f"ins_{random.randrange(20000)}", limit=200, effective_from=moment()
        ),
        "an account's statement, first page": lambda: journal.statement(
            Account.STRIPE_BALANCE, limit=200, effective_from=moment()
        ),
    }


def timed(ask: Callable[[], object], times: int) -> list[float]:
    """Milliseconds, sorted."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        ask()
        taken.append(1000 * (time.perf_counter() - began))
    return sorted(taken)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.journal", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--questions", type=int, default=40, help="of each kind")
    parser.add_argument("--database-url", help="a server to create a database on (default: an embedded one)")
    parser.add_argument("--at-most", type=float, help="exit 1 if a median is above so many milliseconds")
    options = parser.parse_args()
    table = Table("question", "p50 ms", "p95 ms", "max ms", title=f"{options.entries:,} entries, two lines each")
    slowest = 0.0
    with server(options.database_url) as server_url, fresh_database(server_url) as database_url:
        fill(database_url, options.entries)
        with open_pool(database_url) as pool:
            for name, ask in questions(Journal(pool), options.entries, Random(1)).items():
                timed(ask, 2)  # caches
                taken = timed(ask, options.questions)
                median, high = statistics.median(taken), taken[int(len(taken) * 0.95)]
                slowest = max(slowest, median)
                table.add_row(name, *(f"{each:.1f}" for each in (median, high, taken[-1])))
    for column in table.columns[1:]:
        column.justify = "right"
    Console().print(table)
    if options.at_most is not None and slowest > options.at_most:
        print(f"{slowest:.1f} ms is more than {options.at_most:.1f} ms", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
