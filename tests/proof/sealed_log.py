"""A log, its sealer, and its verification, with little around them."""

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import orjson

from ledger.proof.findings import FindingKind
from ledger.proof.notes import Checkpoint, PublicKey, SigningKey
from ledger.proof.seal_role import SEAL_ROLE
from ledger.proof.seal_store import SealStore
from ledger.proof.sealer import Sealer
from ledger.proof.seals import Seal, Seals
from ledger.proof.verification import Verdict, verify
from ledger.store import EventEnvelope, PostgresRecorder
from ledger.store.connection import ConnectionSettings, open_pool

KEY = SigningKey("tests.example/ledger", b"\x01" * 32)
ANOTHER_KEY = SigningKey("tests.example/ledger", b"\x02" * 32)
LATER = timedelta(hours=1)

Found = list[tuple[FindingKind, int, int]]


class SealedLog:
    """`record` and `seal` make a history; `found` is what a verification says of it."""

    def __init__(self, url: str, address: str, key: SigningKey = KEY) -> None:
        self._opened = ExitStack()
        self.url = url
        self.recorder = PostgresRecorder(url)
        self._opened.callback(self.recorder.close)
        self.pool = self._opened.enter_context(open_pool(url, ConnectionSettings(role=SEAL_ROLE), max_size=4))
        self.store = SealStore(address)
        self.seals = Seals(self.pool)
        self.key = key
        self.sealer = Sealer(self.pool, self.recorder, key, self.store)

    def record(self, count: int) -> int:
        """So many events more. Returns the position of the last one."""
        head = self.recorder.head()
        events = [
            EventEnvelope(
                type="BonusEarned",
                data=orjson.dumps({"amount_minor": 5000 + number, "currency": "usd", "by": "Ada Ærø"}),
                tags=[f"payout:{number}"],
                occurred_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number),
            )
            for number in range(head + 1, head + count + 1)
        ]
        return self.recorder.append(events)

    def seal(self) -> Seal:
        seal = self.sealer.seal_now()
        assert seal is not None
        return seal

    def root_at(self, size: int) -> bytes:
        seal = self.seals.at_size(size)
        assert seal is not None
        return seal.root

    def record_and_seal(self, *counts: int) -> None:
        for count in counts:
            self.record(count)
            self.seal()

    def verify(
        self, *keys: PublicKey, processes: int = 1, at: datetime | None = None, kept: Sequence[Checkpoint] = ()
    ) -> Verdict:
        now = at or datetime.now(UTC) + LATER
        return verify(self.url, self.seals, self.store, keys or [self.key.public], now, processes=processes, kept=kept)

    def found(self) -> Found:
        return [(finding.kind, finding.first, finding.last) for finding in self.verify().findings]

    def close(self) -> None:
        self._opened.close()
