"""Workers count themselves: those who are connected, and nobody else."""

from contextlib import closing

import psycopg
import pytest

from ledger.payouts.crew import Crew
from ledger.store.connection import ConnectionSettings
from tests.sandbox.postgres_processes import eventually


def crew_of(database_url: str) -> Crew:
    return Crew(database_url, ConnectionSettings())


def test_each_worker_counts_all_that_are_connected(database_url: str) -> None:
    with closing(crew_of(database_url)) as first, closing(crew_of(database_url)) as second:
        assert first.size() == 1
        assert second.size() == 2
        assert first.size() == 2
        second.close()
        eventually(lambda: first.size() == 1)
        assert second.size() == 2  # it is back


def test_workers_of_another_ledger_on_the_same_server_are_not_counted(database_url: str, shared_database: str) -> None:
    with closing(crew_of(database_url)) as ours, closing(crew_of(shared_database)) as theirs:
        assert (ours.size(), theirs.size()) == (1, 1)


def test_a_lost_connection_is_told_once_and_mended(database_url: str) -> None:
    with closing(crew_of(database_url)) as crew, psycopg.connect(database_url, autocommit=True) as connection:
        crew.size()
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        with pytest.raises(psycopg.OperationalError):
            crew.size()
        assert crew.size() == 1
