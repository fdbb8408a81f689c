"""Processes of one kind count themselves: those that are connected, and no others."""

from collections.abc import Callable
from contextlib import closing

import psycopg
import pytest

from ledger.store.connection import ConnectionSettings
from ledger.store.presence import Presence
from tests.sandbox.postgres_processes import eventually


def present_in(database_url: str, kind: int = 1) -> Presence:
    return Presence(database_url, ConnectionSettings(), kind)


def test_each_counts_all_that_are_connected(database_url: str) -> None:
    with closing(present_in(database_url)) as first, closing(present_in(database_url)) as second:
        assert first.count() == 1
        assert second.count() == 2
        assert first.count() == 2
        second.close()
        eventually(lambda: first.count() == 1)
        assert second.count() == 2  # it is back


def test_other_kinds_and_other_ledgers_on_the_same_server_are_not_counted(
    database_url: str, make_database: Callable[[], str]
) -> None:
    with (
        closing(present_in(database_url)) as ours,
        closing(present_in(database_url, kind=2)) as others,
        closing(present_in(make_database())) as theirs,
    ):
        assert [each.count() for each in (ours, others, theirs)] == [1, 1, 1]


def test_a_lost_connection_is_told_once_and_mended(database_url: str) -> None:
    with closing(present_in(database_url)) as worker, psycopg.connect(database_url, autocommit=True) as connection:
        worker.count()
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        with pytest.raises(psycopg.OperationalError):
            worker.count()
        assert worker.count() == 1
