"""How fast the books answer: trial balances at any moment, statements, pages of the journal.

Two years of entries on a server of their own, a fifth of them recorded days after they happened. Each question is asked
about random moments.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from types import MappingProxyType

import psycopg

from benchmarks.contenders import Call, median_figure, timed
from benchmarks.database import scratch_database
from benchmarks.declaration import Benchmark, Figure, Progress, Result
from ledger.books.accounts import Account
from ledger.store.connection import open_pool
from projections.journal import Filters
from projections.journal import Journal as Reader

BEGINS = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 730
MILLION = 1_000_000
WANTED_MS = 100.0
"""As long as somebody waits without noticing."""

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


@dataclass(frozen=True)
class Journal(Benchmark):
    name = "journal"
    about = "trial balances, statements and pages of the journal at any moment"
    target = "each question about a million entries answered within 100 ms, in the median"
    short = MappingProxyType({"entries": 10_000, "rounds": 5})

    entries: int = 1_000_000
    rounds: int = 40
    """Questions of each kind."""
    warm_up: int = 2

    def run(self, progress: Progress) -> Result:
        figures: list[Figure] = []
        with scratch_database() as database_url:
            progress(f"{self.entries:,} entries")
            fill(database_url, self.entries)
            with open_pool(database_url) as pool:
                wanted = WANTED_MS if self.entries >= MILLION else None
                for name, ask in questions(Reader(pool), self.entries, Random(1)).items():
                    progress(name)
                    timed(ask, self.warm_up)
                    figures.append(median_figure(name, timed(ask, self.rounds), "ms", at_most=wanted))
        return Result(figures)


def fill(database_url: str, entries: int) -> None:
    parameters = {"entries": entries, "begins": BEGINS, "days": DAYS}
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(ENTRIES, parameters)
        connection.execute(DAYS_OF_ENTRIES)
        connection.execute(PROGRAM, parameters)
        connection.execute("VACUUM ANALYZE read_model.journal_line, read_model.journal_day")


def questions(journal: Reader, entries: int, random: Random) -> dict[str, Call]:
    """What is measured; each call is about another moment."""

    def position() -> int:
        return random.randint(1, entries)

    def moment() -> datetime:
        return BEGINS + timedelta(seconds=random.uniform(0, DAYS * 86400))

    return {
        "trial-balance-now": journal.trial_balance,
        "trial-balance-as-of-a-position": lambda: journal.trial_balance(position()),
        "trial-balance-effective-at-a-time": lambda: journal.trial_balance(None, moment()),
        "trial-balance-by-both-clocks": lambda: journal.trial_balance(position(), moment()),
        "a-page-of-the-journal": lambda: journal.entries(Filters(), limit=200, after=position()),
        "a-page-of-an-instructors-entries": lambda: journal.entries(
            Filters(instructor_id=f"ins_{random.randrange(20000)}"), limit=200
        ),
        "an-instructors-statement": lambda: journal.statement(
            Account.BONUSES_PAYABLE, f"ins_{random.randrange(20000)}", limit=200, effective_from=moment()
        ),
        "an-accounts-statement-first-page": lambda: journal.statement(
            Account.STRIPE_BALANCE, limit=200, effective_from=moment()
        ),
    }
