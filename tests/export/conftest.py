"""A lively ledger, exported from: one for all tests, which change nothing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from api import composition
from api.export.exports import Export, open_export
from api.services import Services
from ledger.events import ReferralCodeIssued
from ledger.lifecycle import parse_fact
from tests.api.running import fact, settings
from tests.projections.lively import live

HOSTILE_CODES = ("=cmd|'/C_calc'!A0", "+1+1", "-2+3", "@SUM(1)", "'=1", '"quoted",and;more', "é\u202etxt")


@dataclass
class Exported:
    """`write` gives the file of an export, in a folder of the test run's own."""

    services: Services
    folder: Path

    def open(self, what: str, written_as: str, begin: str | None = None, end: str | None = None) -> Export:
        return open_export(self.services, what, written_as, begin, end)

    def bytes(self, *asked: Any) -> bytes:
        return b"".join(self.open(*asked).chunks())

    def write(self, *asked: Any) -> Path:
        export = self.open(*asked)
        path = self.folder / export.file_name
        path.write_bytes(b"".join(export.chunks()))
        return path

    @property
    def head(self) -> int:
        return self.services.log.recorder.head()


@pytest.fixture(scope="session")
def exported(make_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exported]:
    url = make_database()
    composition.migrate(url)
    with composition.services(settings(), url) as services, composition.projector(url) as (projector, _):
        codes = [fact("referral_code_issued", f"ins.{n}", code=code) for n, code in enumerate(HOSTILE_CODES)]
        receipts = services.ingestion.ingest([parse_fact(each) for each in codes], "=2+5")
        assert {receipt.outcome for receipt in receipts} == {"recorded"}
        live(services.log, services.ingestion, seed=11, instructors=60)
        projector.catch_up()
        assert ReferralCodeIssued.__name__ in {event.event.type for event in services.log.recorder.read()}
        yield Exported(services, tmp_path_factory.mktemp("exports"))
