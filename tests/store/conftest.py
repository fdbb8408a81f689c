"""A recorder on the test's own database."""

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from ledger.store import PostgresRecorder


@pytest.fixture
def recorder(database_url: str) -> Iterator[PostgresRecorder]:
    with closing(PostgresRecorder(database_url)) as recorder:
        yield recorder


@pytest.fixture
def owner(database_url: str) -> Iterator[psycopg.Connection]:
    """A connection as the owner of the tables, a superuser."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection
