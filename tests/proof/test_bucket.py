"""The same seals in an S3-compatible store."""

from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
from moto.server import ThreadedMotoServer

from ledger.proof.errors import SealStoreConflictError, SealStoreUnavailableError
from ledger.proof.findings import FindingKind
from ledger.proof.seal_store import NEWEST, SealStore, checkpoint_name
from tests.proof.sealed_log import SealedLog


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    for name, value in {
        "AWS_ACCESS_KEY_ID": "anybody",
        "AWS_SECRET_ACCESS_KEY": "anything",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": address,
    }.items():
        monkeypatch.setenv(name, value)
    httpx.put(f"{address}/seals", trust_env=False, timeout=60).raise_for_status()
    yield "s3://seals/some/ledger"
    server.stop()


def test_a_log_is_sealed_into_a_bucket_and_held_against_it(bucket: str, database_url: str) -> None:
    with closing(SealedLog(database_url, bucket)) as log:
        log.record_and_seal(3, 300, 300)
        assert log.verify().holds
        store = SealStore(bucket)
        seal = log.seals.at_size(303)
        assert seal is not None
        assert store.get(checkpoint_name(303)) == seal.note.encode()
        with pytest.raises(SealStoreConflictError):
            store.create(checkpoint_name(303), b"another")
        store.replace(NEWEST, seal.note.encode())
        log.record_and_seal(1)
        assert log.verify().holds
        assert list(store.names("checkpoints", after=checkpoint_name(603))) == [checkpoint_name(604)]
        store.replace(NEWEST, b"")
        store.replace(checkpoint_name(604), b"")
        log.seal()
        assert log.verify().holds
        store.replace(checkpoint_name(303), b"rubbish")
        assert {finding.kind for finding in log.verify().findings} == {
            FindingKind.CHECKPOINT_CHANGED,
            FindingKind.CHECKPOINT_UNSIGNED,
        }


def test_a_bucket_that_is_not_there_is_said_to_be_away(bucket: str) -> None:
    with pytest.raises(SealStoreUnavailableError, match="s3://nowhere/ledger"):
        SealStore("s3://nowhere/ledger").create("a", b"b")
