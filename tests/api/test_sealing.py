"""Who seals, with which key, and where to: put together by the composition root."""

from pathlib import Path

from api import composition
from ledger.proof.notes import Checkpoint, SigningKey, open_note
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
