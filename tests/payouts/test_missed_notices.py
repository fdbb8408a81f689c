"""More was missed than one answer can hold: it is heard all the same, stretch by stretch, and none of it is skipped."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg_pool import ConnectionPool

from ledger.payouts.breaker import Breaker
from ledger.payouts.calls import StripeCalls
from ledger.payouts.notices import Notices
from ledger.payouts.outcome import Answer, NoAnswer, TooLong
from ledger.payouts.pace import Pace
from ledger.payouts.stripe_gateway import StripeGateway
from ledger.payouts.todo import TodoList
from ledger.payouts.watch import OVERLAP, QUESTIONS_AT_A_TURN, STRIPE_KEEPS, Watch
from ledger.store.connection import open_pool
from tests.payouts.road import API_KEY, Stripe

BEGINNING = datetime(2026, 3, 1, tzinfo=UTC)
MOST = 5000
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


class Told:
    """Stripe's list of events, newest first and no more than 5,000 at once, and who hears of them."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self.now = BEGINNING
        self.events: list[tuple[int, str]] = []
        self.heard: list[str] = []
        self.questions = 0
        self.answers_left: int | None = None
        self.start()

    def start(self) -> None:
        """Another worker, who knows nothing but what is stored."""
        self.watch = Watch(TodoList(self._pool), Listening(self), self, lambda: self.now)

    @property
    def told_until(self) -> datetime | None:
        return TodoList(self._pool).told_until()

    def tells(self, times: int, every: timedelta) -> None:
        for _ in range(times):
            self.now += every
            self.events.append((int(self.now.timestamp()), f"evt_{len(self.events)}"))

    async def list_events(self, since: int, until: int | None = None) -> Answer | NoAnswer:
        self.questions += 1
        if self.answers_left is not None:
            self.answers_left -= 1
            if self.answers_left < 0:
                return NoAnswer("TimeoutError")
        found = [
            {"id": name, "created": created}
            for created, name in reversed(self.events)
            if since <= created < (until or 2**32)
        ]
        if len(found) > MOST and until != since + 1:
            return TooLong("more than 50 pages")
        return Answer(200, {"data": found})

    def ask(self) -> None:
        asyncio.run(self.watch.ask_for_missed_notices(self.now))

    def ask_until_all_is_heard(self) -> None:
        for _ in range(20):
            self.ask()
            if self.told_until == self.now:
                return
        raise AssertionError("no end to it")

    @property
    def all(self) -> list[str]:
        return [name for _, name in self.events]


class Listening(Notices):
    def __init__(self, told: Told) -> None:
        self._told = told

    def hear(self, notice: Mapping[str, Any]) -> None:
        self._told.heard.append(notice["id"])


@pytest.fixture
def told(database_url: str) -> Iterator[Told]:
    with open_pool(database_url) as pool:
        yield Told(pool)


def test_more_than_one_answer_holds_is_heard_oldest_first_and_whole(told: Told) -> None:
    told.tells(14_000, every=timedelta(minutes=3))
    told.ask_until_all_is_heard()
    assert told.heard == told.all
    assert told.questions < 20


def test_a_burst_is_heard_whole_even_if_it_came_within_a_second(told: Told) -> None:
    told.tells(10, every=timedelta(hours=1))
    told.tells(12_000, every=timedelta(milliseconds=1))
    told.tells(6_000, every=timedelta(0))
    told.tells(10, every=timedelta(hours=1))
    told.ask_until_all_is_heard()
    assert told.heard == told.all


def test_a_turn_asks_a_bounded_number_of_times_and_the_next_goes_on(told: Told) -> None:
    """A burst in a few seconds of a month: it takes long to find out how little may be asked for at once."""
    told.tells(1, every=10 * DAY)
    told.tells(20_000, every=timedelta(milliseconds=1))
    told.tells(1, every=DAY)
    turns = 0
    while told.told_until != told.now:
        before = told.questions
        told.ask()
        assert told.questions - before <= QUESTIONS_AT_A_TURN
        turns += 1
        assert turns < 20
    assert turns > 1
    assert told.heard == told.all


@pytest.mark.parametrize("answers", [1, 3, 4, 6])
def test_whoever_is_not_answered_or_dies_goes_on_where_all_was_heard(told: Told, answers: int) -> None:
    told.tells(14_000, every=timedelta(minutes=3))
    told.answers_left = answers
    told.ask()
    mark = told.told_until
    reached = int(((mark or told.now - STRIPE_KEEPS + OVERLAP) - OVERLAP).timestamp())
    behind = [name for created, name in told.events if created < reached]
    assert told.heard[: len(behind)] == behind
    told.answers_left = None
    told.start()
    told.ask_until_all_is_heard()
    assert list(dict.fromkeys(told.heard)) == told.all


def test_what_appears_in_the_list_a_little_late_is_heard(told: Told) -> None:
    """The mark is never so near to now that something older could still appear behind it."""
    told.tells(6_000, every=SECOND / 100)  # the last minute, and too much at once
    told.ask_until_all_is_heard()
    late = (int((told.now - timedelta(seconds=50)).timestamp()), "evt_late")
    told.events.insert(1000, late)
    told.now += timedelta(hours=1)
    told.ask_until_all_is_heard()
    assert "evt_late" in told.heard


def test_a_list_that_is_too_long_is_not_stripes_silence(told: Told) -> None:
    """It must not open the breaker, which would have every payout wait."""
    told.tells(MOST + 1, every=SECOND)

    async def ask_often() -> datetime | None:
        calls = StripeCalls(told, Pace(), Breaker(lambda: told.now), lambda: told.now)  # type: ignore[arg-type]
        for _ in range(6):
            assert isinstance(await calls.list_events(0), TooLong)
        return calls.wait_until()

    assert asyncio.run(ask_often()) is None


def test_the_gateway_stops_reading_a_list_after_so_many_pages_but_never_within_a_second(stripe: Stripe) -> None:
    class Brief(StripeGateway):
        pages_at_most = 1

    async def ask() -> tuple[Answer | NoAnswer, Answer | NoAnswer, list[int]]:
        gateway = Brief(API_KEY, stripe.url)
        try:
            [newest] = (await gateway._client.v1.events.list_async({"limit": 1})).data
            everything = await gateway.list_events(0)
            second = await gateway.list_events(newest.created, newest.created + 1)
            before = await gateway.list_events(newest.created - 1, newest.created)
        finally:
            await gateway.close()
        assert isinstance(second, Answer)
        assert isinstance(before, Answer)
        bodies = [answer.body or {} for answer in (before, second)]
        return everything, second, [each["created"] - newest.created for body in bodies for each in body["data"]]

    for number in range(60):  # two events each
        stripe.change_account("acct_ok_changing", transfers=("inactive", "active")[number % 2])
    everything, second, ages = asyncio.run(ask())
    assert isinstance(everything, TooLong)
    assert isinstance(second, Answer)
    assert set(ages) <= {-1, 0}
    assert 0 in ages
