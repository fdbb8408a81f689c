"""The mark of a forgotten person: the application sets it once, and nothing that it may do takes it off again."""

import psycopg
import pytest

from ledger.store.connection import ConnectionSettings, connect


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger.person SET erased_at = NULL",
        "UPDATE ledger.person SET erased_at = NULL, display_name = 'Ben'",
        "UPDATE ledger.person SET erased_at = now() + interval '1 day'",
        "UPDATE ledger.person SET instructor_id = 'another'",
        "DELETE FROM ledger.person",
        "TRUNCATE ledger.person",
    ],
)
def test_the_application_cannot_undo_an_erasure(database_url: str, change: str) -> None:
    with connect(database_url, ConnectionSettings(role="ledger_app")) as session:
        session.execute("INSERT INTO ledger.person (instructor_id, display_name) VALUES ('ben', 'Ben')")
        session.execute("UPDATE ledger.person SET display_name = NULL, erased_at = now()")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(change.encode())
