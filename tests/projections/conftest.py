"""A small ledger on real PostgreSQL: facts in, payouts carried out by hand, read models looked at."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from psycopg_pool import ConnectionPool

from ledger import identifiers
from ledger.event_log import Draft, EventLog
from ledger.events import (
    AboutPayout,
    Event,
    FailureKind,
    Happened,
    TransferFailed,
    TransferOutcomeUnknown,
    TransferRequested,
    TransferSettled,
    UnknownKind,
    payout_tag,
)
from ledger.history import about
from ledger.ingestion import Ingestion, Receipt
from ledger.lifecycle import parse_fact
from ledger.payouts import payout_fold as payouts
from ledger.payouts.intents import transfer_intent
from ledger.people import PeopleDirectory
from ledger.store import PostgresRecorder
from ledger.store.connection import ConnectionSettings, open_pool
from projections.projector import Projector
from projections.queries import ReadModels

NOW = datetime(2026, 4, 1, 12, 0, tzinfo=UTC)


@dataclass
class SmallLedger:
    """`pool` connects as the application, `owner_pool` as the owner of the tables."""

    url: str
    log: EventLog
    pool: ConnectionPool
    owner_pool: ConnectionPool
    ingestion: Ingestion
    projector: Projector
    read_models: ReadModels

    def tell(self, *facts: tuple[str, str, dict[str, Any]]) -> list[Receipt]:
        """Facts as (kind, instructor, data), a minute apart."""
        deliveries = [
            parse_fact(
                {
                    "specversion": "1.0",
                    "id": f"evt-{place}",
                    "source": "/tests",
                    "type": f"instructor.{kind}",
                    "subject": instructor_id,
                    "time": f"2026-03-01T09:{place:02}:00Z",
                    "data": data,
                }
            )
            for place, (kind, instructor_id, data) in enumerate(facts)
        ]
        return self.ingestion.ingest(deliveries, "tests")

    def record(self, *events: Event) -> int:
        drafts = [Draft(Happened(event, NOW), "tests", "cause", None) for event in events]
        return self.log.append(drafts, [about("nothing-has-this-tag")], after=0).last_position

    def request(self, payout_id: str) -> TransferRequested:
        """Record the next attempt of a payout."""
        events, _ = self.log.read([about(payout_tag(payout_id))])
        payout = payouts.fold(events)
        assert payout is not None
        request = transfer_intent(payout, payout.attempt + 1, "acct_ok1")
        self.record(request)
        return request

    def answer(self, request: TransferRequested, outcome: str) -> AboutPayout:
        """Record how an attempt ended: settled, declined or unknown."""
        about_payout = {
            "payout_id": request.payout_id,
            "referral_id": request.referral_id,
            "referrer_id": request.referrer_id,
            "attempt": request.attempt,
        }
        event: AboutPayout
        if outcome == "settled":
            event = TransferSettled.model_validate(
                {
                    **about_payout,
                    "transfer_id": f"tr_{request.payout_id}",
                    "amount_minor": request.amount_minor,
                    "currency": request.currency,
                    "destination": request.destination,
                }
            )
        elif outcome == "declined":
            event = TransferFailed.model_validate(
                {
                    **about_payout,
                    "kind": FailureKind.ACCOUNT,
                    "stripe_code": "account_closed",
                    "http_status": 400,
                    "message": "closed",
                }
            )
        else:
            event = TransferOutcomeUnknown.model_validate(
                {**about_payout, "kind": UnknownKind.NO_ANSWER, "detail": "timeout"}
            )
        self.record(event)
        return event

    def earn_bonus(self, referrer_id: str, referred_id: str) -> str:
        """A referral from code to bonus; the payout's id."""
        self.tell(
            ("referral_code_issued", referrer_id, {"code": f"CODE-{referrer_id}"}),
            ("signed_up", referred_id, {"referral_code": f"CODE-{referrer_id}"}),
            ("went_live", referred_id, {}),
            ("lesson_completed", referred_id, {"lesson_id": f"les-{referred_id}"}),
        )
        return identifiers.payout_id(referred_id)


@pytest.fixture
def ledger(database_url: str) -> Iterator[SmallLedger]:
    recorder = PostgresRecorder(database_url)
    pool = open_pool(database_url)
    owner_pool = open_pool(database_url, ConnectionSettings(role=None))
    log = EventLog(recorder)
    try:
        yield SmallLedger(
            url=database_url,
            log=log,
            pool=pool,
            owner_pool=owner_pool,
            ingestion=Ingestion(log, PeopleDirectory(pool)),
            projector=Projector(pool, log),
            read_models=ReadModels(pool, lambda: NOW),
        )
    finally:
        recorder.close()
        pool.close()
        owner_pool.close()
