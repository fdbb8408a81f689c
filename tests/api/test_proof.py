"""Checkpoints and proofs over HTTP, checked by the verifier that stands alone."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest

from api.http.problems import Kind, problem_of
from ledger.proof.canonical import NotCanonicalError
from ledger.proof.errors import SealingStoppedError
from ledger.proof.notes import SigningKey
from ledger.proof.seal_role import SEAL_ROLE
from ledger.proof.seal_store import SealStore
from ledger.proof.sealer import Sealer
from ledger.proof.verify_export import NotProven, check_consistency, check_inclusion
from ledger.store.connection import ConnectionSettings, open_pool
from tests.api.running import API, Ledger, a_bonus

KEY = SigningKey("tests.example/ledger", b"\x01" * 32)
KEYS = [str(KEY.public)]


@contextmanager
def sealing(ledger: Ledger, folder: Path) -> Iterator[Sealer]:
    with open_pool(ledger.owner_url, ConnectionSettings(role=SEAL_ROLE), max_size=2) as pool:
        yield Sealer(pool, ledger.services.log.recorder, KEY, SealStore(str(folder)))


def consistency(ledger: Ledger, parameters: dict[str, int]) -> httpx.Response:
    return ledger.client.get(
        f"{API}/audit/checkpoint/consistency", headers=ledger.headers("auditor"), params=parameters
    )


def test_nothing_is_proven_before_it_is_sealed(ledger: Ledger) -> None:
    ledger.know(*a_bonus())
    for path in ("/audit/checkpoint", "/audit/checkpoint/consistency", "/audit/proof/1"):
        answer = ledger.get(path, "auditor")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_sealed")
    answer = ledger.get("/audit/proof/1000", "auditor")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_every_event_and_every_checkpoint_is_proven(ledger: Ledger, tmp_path: Path) -> None:
    with sealing(ledger, tmp_path) as sealer:
        first_size = ledger.know(*a_bonus("anna", "ben", "ANNA"))
        sealer.seal_now()
        size = ledger.know(*a_bonus("carla", "dan", "CARLA"))
        sealer.seal_now()
    newest = ledger.get("/audit/checkpoint", "auditor")
    assert newest.headers["content-type"] == "text/plain; charset=utf-8"
    assert newest.headers["ledger-position"] == newest.text.split("\n")[1] == str(size)
    older = ledger.get("/audit/checkpoint", "auditor", size=first_size)
    for position in range(1, size + 1):
        proof = ledger.get(f"/audit/proof/{position}", "auditor").json()
        assert check_inclusion(proof, KEYS) == position
        assert proof["checkpoint"] == newest.text
    assert check_inclusion(ledger.get("/audit/proof/2", "finance", size=first_size).json(), KEYS) == 2
    for parameters in ({}, {"from": first_size}, {"from": first_size, "to": size}):
        between = consistency(ledger, parameters).json()
        assert check_consistency(between, KEYS) == (first_size, size)
        assert (between["from_checkpoint"], between["to_checkpoint"]) == (older.text, newest.text)

    beyond = ledger.get(f"/audit/proof/{size}", "auditor", size=first_size)
    assert (beyond.status_code, beyond.json()["code"]) == (404, "not_sealed")
    assert ledger.get("/audit/checkpoint", "auditor", size=first_size + 1).json()["code"] == "not_found"
    backwards = consistency(ledger, {"from": size, "to": first_size})
    assert (backwards.status_code, backwards.json()["code"]) == (422, "validation_failed")


def test_a_proof_that_was_changed_proves_nothing(ledger: Ledger, tmp_path: Path) -> None:
    with sealing(ledger, tmp_path) as sealer:
        ledger.know(*a_bonus("anna", "ben", "ANNA"))
        sealer.seal_now()
        ledger.know(*a_bonus("carla", "dan", "CARLA"))
        sealer.seal_now()
    proof = ledger.get("/audit/proof/3", "auditor").json()
    other = ledger.get("/audit/proof/4", "auditor").json()
    for change in (
        {"leaf": proof["leaf"].replace('"schema_version":1', '"schema_version":2')},
        {"leaf": " " + proof["leaf"]},
        {"leaf": other["leaf"]},
        {"position": 4},
        {"path": other["path"][1:]},
        {"path": proof["path"][:-1]},
        {"path": [*proof["path"], proof["root"]]},
        {"path": [base64.b64encode(bytes(32)).decode(), *proof["path"][1:]]},
        {"checkpoint": proof["checkpoint"].replace("tests.example", "other.example")},
    ):
        assert proof | change != proof
        with pytest.raises(NotProven):
            check_inclusion(proof | change, KEYS)
    between = ledger.get("/audit/checkpoint/consistency", "auditor").json()
    for change in (
        {"from_checkpoint": between["to_checkpoint"]},
        {"to_checkpoint": between["from_checkpoint"], "from_checkpoint": between["to_checkpoint"]},
        {"path": between["path"][:-1]},
        {"path": [*between["path"], proof["root"]]},
        {"path": [proof["root"], *between["path"][1:]]},
    ):
        with pytest.raises(NotProven):
            check_consistency(between | change, KEYS)


def test_proofs_of_a_tree_that_was_damaged_send_for_somebody_to_look(ledger: Ledger, tmp_path: Path) -> None:
    ledger.know(*a_bonus())
    with sealing(ledger, tmp_path) as sealer:
        sealer.seal_now()
    with psycopg.connect(ledger.owner_url, autocommit=True) as owner:
        owner.execute("ALTER TABLE proof.tile DISABLE TRIGGER ALL")
        owner.execute("TRUNCATE proof.tile")
    answer = ledger.get("/audit/proof/1", "auditor")
    assert (answer.status_code, answer.json()["code"]) == (503, "sealing_stopped")
    assert "run ledger verify" in answer.json()["detail"]


@pytest.mark.parametrize(
    "error", [SealingStoppedError("3 events are gone"), NotCanonicalError("1.5 is not an integer")]
)
def test_what_stops_the_sealer_is_one_problem_with_a_code(error: Exception) -> None:
    assert problem_of(error).kind is Kind.SEALING_STOPPED
