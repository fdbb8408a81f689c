"""Who seals, with which key and which login, and where to: put together by the composition root."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from api import composition
from ledger.proof.errors import SealRoleMissingError
from ledger.proof.notes import Checkpoint, SigningKey, open_note
from ledger.proof.seals import Seals
from ledger.store.connection import open_pool
from tests.api.running import settings

KEY = SigningKey("tests.example/ledger", b"\x01" * 32)


def test_the_sealer_is_built_where_there_is_a_key_and_not_elsewhere(database_url: str, tmp_path: Path) -> None:
    chosen = settings(ledger_seal_key=KEY.secret(), ledger_seal_store=str(tmp_path / "seals"))
    composition.migrate(database_url)
    with composition.sealer(chosen, database_url) as parts:
        assert parts is not None
        note = parts[0].seal_at_least(1)
    assert Checkpoint.parse(open_note(note, [KEY.public])).size == 1
    assert (tmp_path / "seals" / "checkpoint").read_text() == note
    with composition.sealer(settings(ledger_data_dir=tmp_path / "data"), database_url) as parts:
        assert parts is None
    assert not (tmp_path / "data").exists()


def test_the_sandbox_makes_a_key_of_its_own(tmp_path: Path) -> None:
    chosen = composition.completed(settings(ledger_data_dir=tmp_path))
    key = composition.signing_key(chosen)
    assert key is not None
    assert key == composition.signing_key(composition.completed(settings(ledger_data_dir=tmp_path)))
    store = composition.seal_store(chosen, "postgresql://somebody@localhost/ledger")
    assert store is not None
    assert store.address == str(tmp_path / "ledger" / "seals" / "ledger")
    assert composition.signing_key(settings(stripe_api_key="sk_test_somebodys")) is None
    assert composition.seal_store(settings(stripe_api_key="sk_test_somebodys"), "postgresql:///ledger") is None


@contextmanager
def login(url: str, role: str) -> Iterator[str]:
    """The URL for a login that is a member of one role."""
    name = f"ledger_login_{uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as superuser:
        superuser.execute(
            SQL("CREATE ROLE {} LOGIN PASSWORD 'secret' IN ROLE {}").format(Identifier(name), Identifier(role))
        )
        try:
            yield make_conninfo(url, user=name, password="secret")
        finally:
            superuser.execute(SQL("DROP ROLE {}").format(Identifier(name)))


def test_the_services_read_seals_and_only_the_sealers_login_writes_them(database_url: str, tmp_path: Path) -> None:
    """What closes a month has the key in a test or a small installation, and not the right: it waits for whoever seals."""
    composition.migrate(database_url)
    with login(database_url, "ledger_app") as services, login(database_url, "ledger_seal") as sealing:
        chosen = settings(ledger_seal_key=KEY.secret(), ledger_seal_store=str(tmp_path), ledger_seal_seconds=0)
        with pytest.raises(SealRoleMissingError, match=r"SEAL_DATABASE_URL for `ledger project`"):
            composition.require_sealing(chosen, services)
        with open_pool(services, max_size=1) as pool:
            assert composition._seal_at_least(chosen, services, Seals(pool), 1) is None
            own = chosen.model_copy(update={"seal_database_url": settings(seal_database_url=sealing).seal_database_url})
            composition.require_sealing(own, services)
            note = composition._seal_at_least(own, services, Seals(pool), 1)
            assert note is not None
            assert composition._seal_at_least(chosen, services, Seals(pool), 1) == note
    composition.require_sealing(settings(), "postgresql://nobody@127.0.0.1:1/nowhere")  # nothing is to be sealed
