"""Questions that wait at the same moment are one statement: each gets its own answer, and what spoils one spoils no other."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import psycopg

from ledger.store.connection import FIXED_PLANS, ConnectionSettings, async_pool
from projections.own_questions import OwnQuestions, together
from projections.own_reads import CONNECTIONS, OwnReads
from projections.views import ReferralView
from tests.projections.conftest import NOW, SmallLedger
from tests.projections.test_read_models import play_a_season

LONG = {
    "instructor": ("instructor_id",),
    "instructor_earnings": ("instructor_id",),
    "referral": ("referral_id", "referrer_id", "referred_id"),
    "payout": ("payout_id", "earned_position"),
    "bank_account": ("stripe_account_id",),
}
HELD_UP = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"

Asking = list[asyncio.Task[Any]]


@asynccontextmanager
async def own_reads(ledger: SmallLedger) -> AsyncIterator[OwnReads]:
    pool = async_pool(ledger.url, ConnectionSettings(server_settings=FIXED_PLANS), max_size=CONNECTIONS)
    async with OwnReads(pool, OwnQuestions(lambda: NOW)) as own:
        yield own


def instructors(ledger: SmallLedger) -> list[str]:
    with ledger.pool.connection() as connection:
        return [row[0] for row in connection.execute("SELECT instructor_id FROM read_model.instructor").fetchall()]


def wait_until_held_up(onlooker: psycopg.Connection) -> None:
    while not onlooker.execute(HELD_UP).fetchall():
        pass


async def asked_while_locked(
    ledger: SmallLedger, own: OwnReads, names: list[str], meanwhile: Callable[[psycopg.Connection, Asking], object]
) -> list[Any]:
    """What becomes of questions whose statement waits for a lock when something happens."""
    with psycopg.connect(ledger.url) as other, psycopg.connect(ledger.url, autocommit=True) as onlooker:
        other.execute("LOCK TABLE read_model.program")
        asking: Asking = [asyncio.create_task(own.stats(name)) for name in names]
        await asyncio.to_thread(wait_until_held_up, onlooker)
        meanwhile(onlooker, asking)
        other.rollback()
        return await asyncio.gather(*asking, return_exceptions=True)


def test_whoever_asks_at_the_same_moment_gets_their_own_answer_from_a_statement_for_all(ledger: SmallLedger) -> None:
    play_a_season(ledger, 11)
    ledger.projector.catch_up()
    names = [*instructors(ledger), "nobody"]
    first_pages = {name: ledger.read_models.referred(name, limit=2) for name in names}

    async def ask() -> tuple[list[Any], list[Any], list[Any]]:
        async with own_reads(ledger) as own:
            asked = [asyncio.create_task(own.stats(name)) for name in names]
            pages = [asyncio.create_task(own.referred(name, limit=2)) for name in names]
            rests = [
                asyncio.create_task(own.referred(name, limit=50, after=page.next_after))
                for name, page in first_pages.items()
            ]
            return await asyncio.gather(*asked), await asyncio.gather(*pages), await asyncio.gather(*rests)

    stats, pages, rests = asyncio.run(ask())

    assert len(names) > 40
    assert stats == [ledger.read_models.stats(name) for name in names]
    for found, expected in zip(pages, first_pages.values(), strict=True):
        assert [ReferralView.model_validate(each) for each in found.items] == expected.items
        assert (found.next_after, found.position) == (expected.next_after, expected.position)
    for name, found, page in zip(names, rests, first_pages.values(), strict=True):
        expected = ledger.read_models.referred(name, limit=50, after=page.next_after)
        assert [ReferralView.model_validate(each) for each in found.items] == expected.items


def test_questions_that_wait_are_one_statement(ledger: SmallLedger) -> None:
    async def ask() -> int:
        pool = async_pool(ledger.url, max_size=CONNECTIONS)
        async with OwnReads(pool, OwnQuestions(lambda: NOW)) as own:
            await asyncio.gather(*(own.stats(f"ins_{number}") for number in range(50)))
            return pool.get_stats()["requests_num"]

    assert asyncio.run(ask()) <= 4


def test_a_question_that_cannot_be_asked_spoils_no_other(ledger: SmallLedger) -> None:
    async def ask() -> list[Any]:
        async with own_reads(ledger) as own:
            asking = (own.stats(name) for name in ("anna", "no\x00body", "ben"))
            return await asyncio.gather(*asking, return_exceptions=True)

    anna, nobody, ben = asyncio.run(ask())

    assert isinstance(nobody, psycopg.DataError)
    assert anna == ben == ledger.read_models.stats("anna")


def test_whoever_goes_away_takes_nobody_along(ledger: SmallLedger) -> None:
    async def ask() -> list[Any]:
        async with own_reads(ledger) as own:
            names = ["anna", "ben", "cleo"]
            return await asked_while_locked(ledger, own, names, lambda _, asking: asking[1].cancel())

    anna, ben, cleo = asyncio.run(ask())

    assert isinstance(ben, asyncio.CancelledError)
    assert anna == cleo == ledger.read_models.stats("anna")


def test_all_who_wait_learn_that_the_database_is_lost_and_the_next_are_answered(ledger: SmallLedger) -> None:
    def terminate(onlooker: psycopg.Connection, _: Asking) -> None:
        onlooker.execute(f"SELECT pg_terminate_backend(pid) FROM ({HELD_UP}) AS held_up".encode())

    async def ask() -> tuple[list[Any], Any]:
        async with own_reads(ledger) as own:
            lost = await asked_while_locked(ledger, own, ["anna", "ben"], terminate)
            return lost, await own.stats("anna")

    lost, next_one = asyncio.run(ask())

    assert [isinstance(each, psycopg.OperationalError) for each in lost] == [True, True]
    assert next_one == ledger.read_models.stats("anna")


def lengthen(connection: psycopg.Connection, table: str, keys: tuple[str, ...]) -> None:
    """By 5,000 rows like the first one: so many that PostgreSQL would rather read them all than look a hundred up."""
    changed = ", ".join(f"'{key}', -number" for key in keys)
    added = connection.execute(
        f"INSERT INTO read_model.{table}"
        f" SELECT (jsonb_populate_record(first, jsonb_build_object({changed}))).*"
        f" FROM (SELECT known AS first FROM read_model.{table} AS known LIMIT 1) AS one, generate_series(1, 5000) AS number"
    )
    assert added.rowcount == 5000
    connection.execute(f"ANALYZE read_model.{table}")


def test_no_question_reads_a_whole_table(ledger: SmallLedger) -> None:
    play_a_season(ledger, 11)
    ledger.projector.catch_up()
    own = OwnQuestions(lambda: NOW)
    with psycopg.connect(ledger.url) as connection:
        connection.execute(
            "INSERT INTO read_model.bank_account (stripe_account_id, status, amount_minor, currency, reported_at)"
            " VALUES ('acct_1', 'paid', 7500, 'usd', now())"
        )
        for table, keys in LONG.items():
            lengthen(connection, table, keys)
        for question in (own.stats("-1"), own.referred("-1", limit=10)):
            plan = connection.execute(b"EXPLAIN " + question.statement, together([question])).fetchall()
            scanned = re.findall(r"Seq Scan on (\w+)", "\n".join(line for (line,) in plan))
            assert scanned == ["program"]  # which has one row
        connection.rollback()
