"""One twin for all tests of a run, a database for each."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ledger.event_log import EventLog
from ledger.payouts.todo import TodoList
from ledger.store import PostgresRecorder
from ledger.store.connection import open_pool
from sandbox.stripe_twin import process
from tests.payouts.road import API_KEY, Road, Stripe


@pytest.fixture(scope="session")
def stripe_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with process.start(tmp_path_factory.mktemp("stripe"), api_key=API_KEY, arguments=["--no-latency"]) as twin:
        yield twin.url


@pytest.fixture
def stripe(stripe_url: str) -> Iterator[Stripe]:
    stripe = Stripe(stripe_url)
    stripe.clear_faults()
    yield stripe
    stripe.close()


@contextmanager
def road_on(database_url: str, stripe: Stripe) -> Iterator[Road]:
    """Ends with a comparison of Stripe's books with the log, whatever the test was about."""
    recorder = PostgresRecorder(database_url)
    with open_pool(database_url) as pool:
        road = Road(EventLog(recorder), TodoList(pool), stripe)
        yield road
        road.assert_books_agree()
    recorder.close()


@pytest.fixture(scope="module")
def shared_database(make_database: Callable[[], str]) -> str:
    return make_database()


@pytest.fixture
def road(shared_database: str, stripe: Stripe) -> Iterator[Road]:
    """For tests of single payouts: each has its own, in one log."""
    with road_on(shared_database, stripe) as road:
        yield road


@pytest.fixture
def own_road(database_url: str, stripe: Stripe) -> Iterator[Road]:
    """For tests of what concerns all payouts of a log."""
    with road_on(database_url, stripe) as road:
        yield road


@pytest.fixture
def penniless_road(database_url: str, tmp_path: Path) -> Iterator[Road]:
    """With a Stripe of its own, whose platform has no money yet."""
    arguments = ["--no-latency", "--balance-minor", "0"]
    with process.start(tmp_path, api_key=API_KEY, arguments=arguments) as twin:
        stripe = Stripe(twin.url)
        with road_on(database_url, stripe) as road:
            yield road
        stripe.close()
