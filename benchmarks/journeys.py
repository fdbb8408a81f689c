"""A log of whole journeys: eight events for each referral, from the code to the settled transfer, as the ledger records them.

Each referrer has five referrals however long the log is: what grows is the log, not what is asked of it.
"""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import chain, count, islice

from benchmarks.declaration import Progress
from ledger.events import (
    BonusEarned,
    Event,
    FirstLessonCompleted,
    InstructorWentLive,
    PayoutAccountUpdated,
    ReferralAttributed,
    ReferralCodeIssued,
    TransferRequested,
    TransferSettled,
)
from ledger.store import EventEnvelope, PostgresRecorder

__all__ = ["EVENTS_OF_A_JOURNEY", "REFERRALS_OF_A_REFERRER", "fill", "journey", "referrer_of"]

EVENTS_OF_A_JOURNEY = 8
REFERRALS_OF_A_REFERRER = 5
BATCH = 1000
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


def fill(database_url: str, events: int, progress: Progress, *, first: int = 0) -> None:
    """So many events more; journeys are numbered from `first`."""
    with closing(PostgresRecorder(database_url)) as recorder:
        recorded = islice(chain.from_iterable(journey(number) for number in count(first)), events)
        done = 0
        while batch := [_envelope(event) for event in islice(recorded, BATCH)]:
            recorder.append(batch)
            done += len(batch)
            if done % 100_000 == 0:
                progress(f"{done:,} of {events:,} events stored")


def referrer_of(number: int) -> str:
    return f"ins_{number // REFERRALS_OF_A_REFERRER}"


def journey(number: int) -> Iterator[Event]:
    """Of the referral of that number; where the referrer's money goes is told each time."""
    referrer, referred = referrer_of(number), f"new_{number}"
    about = {"payout_id": f"pay_{number}", "referral_id": f"ref_{number}", "referrer_id": referrer}
    money = {"amount_minor": 7500, "currency": "usd"}
    sent = {**about, **money, "attempt": 1, "destination": f"acct_{referrer}"}
    yield ReferralCodeIssued(instructor_id=referred, code=f"CODE{number}")
    yield PayoutAccountUpdated(instructor_id=referrer, stripe_account_id=f"acct_{referrer}", transfers_active=True)
    yield ReferralAttributed(
        referral_id=f"ref_{number}", referred_id=referred, referrer_id=referrer, code=f"CODE{number}"
    )
    yield InstructorWentLive(instructor_id=referred)
    yield FirstLessonCompleted(instructor_id=referred, lesson_id=f"lesson_{number}")
    yield BonusEarned.model_validate(
        {**about, **money, "referred_id": referred, "tier": "standard", "founding_spot": None, "founding_cap": 0}
    )
    yield TransferRequested.model_validate(
        {
            **sent,
            "idempotency_key": f"payout:pay_{number}:a1",
            "transfer_group": f"payout_pay_{number}",
            "metadata": {"payout_id": f"pay_{number}"},
        }
    )
    yield TransferSettled.model_validate({**sent, "transfer_id": f"tr_{number}"})


def _envelope(event: Event) -> EventEnvelope:
    return EventEnvelope(
        type=type(event).__name__,
        data=event.model_dump_json().encode(),
        tags=list(event.tags()),
        schema_version=event.version,
        occurred_at=BEGUN + timedelta(seconds=1),
        actor="benchmark",
    )
