"""A journal that is behind a closed month says so: it is no sign that the month has changed."""

import psycopg
import pytest

from tests.api.running import Ledger
from tests.api.test_books import JANUARY, close, paid
from tests.cli.command import Command, scratch_folder

__all__ = ["paid"]


@pytest.fixture
def behind(paid: Ledger) -> Ledger:
    """January is closed, and the journal is as it was before anything was earned."""
    close(paid, JANUARY)
    with psycopg.connect(paid.owner_url) as connection:
        connection.execute("DELETE FROM read_model.journal_line")
        connection.execute("UPDATE read_model.program SET position = 1")
    return paid


def test_the_export_of_a_month_waits_for_the_journal(behind: Ledger) -> None:
    headers = {**behind.headers("auditor"), "Accept": "text/csv"}
    answer = behind.client.get(f"/api/v1/finance/periods/{JANUARY}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (504, "position_timeout")


def test_the_command_says_that_the_journal_is_behind(behind: Ledger) -> None:
    with scratch_folder() as folder, psycopg.connect(behind.owner_url) as projector:
        projector.execute("SELECT position FROM read_model.program FOR UPDATE")  # it is at work, and slow
        done = Command(folder, {"DATABASE_URL": behind.owner_url}).run("period", JANUARY)
    assert (done.returncode, done.stdout) == (1, "")
    assert "the journal reflects position 1" in done.stderr
    assert "not what was closed" not in done.stderr
