"""Fixtures of the HTTP tests."""

from collections.abc import Callable, Iterator

import pytest

from tests.api.running import Ledger, running, settings


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    """A ledger of the test's own."""
    with running(database_url, settings()) as started:
        yield started


@pytest.fixture(scope="module")
def shared_ledger(make_database: Callable[[], str]) -> Iterator[Ledger]:
    """One ledger for a module whose tests store nothing."""
    with running(make_database(), settings()) as started:
        yield started
