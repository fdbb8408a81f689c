"""Sealed logs: one of the test's own, and one that is put back after each test that tampers with it."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.proof.sealed_log import SealedLog
from tests.proof.tamperer import Tamperer


@pytest.fixture
def log(database_url: str, tmp_path: Path) -> Iterator[SealedLog]:
    with closing(SealedLog(database_url, str(tmp_path / "seals"))) as log:
        yield log


@pytest.fixture(scope="module")
def history(make_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[SealedLog]:
    """600 events under six seals; 512 of them in full tiles, which the store holds too."""
    with closing(SealedLog(make_database(), str(tmp_path_factory.mktemp("history") / "seals"))) as log:
        log.record_and_seal(10, 5, 5, 300, 256, 24)
        yield log


@pytest.fixture
def tamperer(history: SealedLog, tmp_path: Path) -> Iterator[Tamperer]:
    """Does to the history whatever it likes; afterwards everything is as it was."""
    with closing(Tamperer(history, tmp_path / "kept")) as tamperer:
        yield tamperer
