"""A ledger in memory: the real log and the real ingestion, over the recorder that needs no server."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from ledger.event_log import EventLog
from ledger.events import BonusEarned, ProgramTermsSet, Recorded, ReferralAttributed
from ledger.ingestion import Ingestion, Receipt
from ledger.lifecycle import parse_fact
from ledger.set_terms import set_terms
from ledger.store import InMemoryRecorder, LogRecorder
from tests.ingestion.names import Names
from tests.rules.vocabulary import minute


class SmallLedger:
    def __init__(self, terms: ProgramTermsSet, recorder: LogRecorder | None = None) -> None:
        self.log = EventLog(recorder or InMemoryRecorder())
        self.names = Names()
        self.ingestion = Ingestion(self.log, self.names, patience_seconds=0)  # nobody else is here
        set_terms(self.log, terms, actor="tests", now=minute(0))

    def deliver(self, deliveries: Sequence[object], sizes: Iterable[int] = ()) -> list[Receipt]:
        """In batches of these sizes, what is left over in one batch more."""
        receipts: list[Receipt] = []
        for batch in in_batches(deliveries, sizes):
            receipts += self.ingestion.ingest([parse_fact(item) for item in batch], "tests")
        return receipts

    def events(self) -> list[Recorded]:
        return self.log.read()[0]

    def referrals(self) -> dict[str, dict[str, Any]]:
        """Who referred whom, and what it earned."""
        referrals: dict[str, dict[str, Any]] = {}
        for recorded in self.events():
            match recorded.event:
                case ReferralAttributed() as attribution:
                    referrals[attribution.referred_id] = {
                        "referrer": attribution.referrer_id,
                        "tier": None,
                        "amount_minor": None,
                    }
                case BonusEarned() as bonus:
                    referrals[bonus.referred_id] |= {"tier": bonus.tier, "amount_minor": bonus.amount_minor}
        return referrals


def in_batches(items: Sequence[object], sizes: Iterable[int]) -> Iterator[list[object]]:
    left = iter(items)
    for size in (*sizes, len(items)):
        yield list(islice(left, size))
