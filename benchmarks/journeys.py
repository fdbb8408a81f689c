"""A history of any length, for benchmarks that read the log: whole journeys, thousands of them under way at once.

Each referred instructor signs up, goes live, teaches, and earns somebody a bonus, over some weeks; nine in ten payouts are paid at
once, the others meet a decline, an unknown outcome, a hold, a cancellation or a reversal first. The same length gives the same
history. It is copied into the log's table directly, without the tags' index: followers read by position.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count, islice
from random import Random
from uuid import UUID

import psycopg

from ledger import identifiers
from ledger.events import (
    ApprovalGranted,
    ApprovalRequested,
    BonusEarned,
    Event,
    FailureKind,
    FirstLessonCompleted,
    HoldReason,
    InstructorWentLive,
    PayoutAccountUpdated,
    PayoutCancelled,
    PayoutHeld,
    PayoutReleased,
    ReferralAttributed,
    ReferralCodeIssued,
    ReversalRequested,
    TransferFailed,
    TransferOutcomeUnknown,
    TransferRequested,
    TransferReversed,
    TransferSettled,
    UnknownKind,
)
from ledger.program import INITIAL_TERMS

__all__ = ["fill", "history"]

BEGINS = datetime(2025, 1, 1, tzinfo=UTC)
SIGN_UPS_APART_SECONDS = 240.0
UNDER_WAY_DAYS = 14.0
ACTOR = "benchmark"

Step = tuple[float, Event]
"""Days after the step before it, and what happens then."""

EVENTS_OF_LOG = """
COPY ledger.event (
    position, event_id, type, schema_version, tags, data, occurred_at, recorded_at, actor, causation_id, correlation_id
) FROM STDIN
"""


def history(events: int) -> Iterator[tuple[datetime, Event]]:
    """So many events, and when each was recorded, in the order of the log."""
    return islice(_endless(Random(events)), events)


def fill(database_url: str, events: int) -> None:
    """Write a history into the empty log of a migrated database."""
    with psycopg.connect(database_url) as connection:
        with connection.cursor() as cursor, cursor.copy(EVENTS_OF_LOG) as copy:
            for position, (at, event) in enumerate(history(events), start=1):
                copy.write_row(
                    (
                        position,
                        UUID(int=position),
                        type(event).__name__,
                        event.version,
                        list(event.tags()),
                        event.model_dump_json(),
                        at,
                        at,
                        ACTOR,
                        str(UUID(int=max(1, position - 1))),
                        None,
                    )
                )
        connection.execute("UPDATE ledger.log_head SET position = %s, recorded_at = %s", [position, at])
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE, FREEZE) ledger.event")


def _endless(random: Random) -> Iterator[tuple[datetime, Event]]:
    """Journeys side by side: the step that is due next, from a heap; each begins when the sign-up before it has come."""
    yield BEGINS, INITIAL_TERMS
    founding = count(1)
    due: list[tuple[datetime, int, Iterator[Step], Event]] = []
    order = count()

    def go_on(journey: Iterator[Step], after: datetime) -> None:
        for days, event in islice(journey, 1):
            heappush(due, (after + timedelta(days=days, microseconds=random.randint(1, 999)), next(order), journey, event))

    signs_up_at = BEGINS
    for number in count(1):
        signs_up_at += timedelta(seconds=random.uniform(0, 2 * SIGN_UPS_APART_SECONDS))
        while due and due[0][0] < signs_up_at:
            at, _, journey, event = heappop(due)
            yield at, event
            go_on(journey, at)
        go_on(_journey(random, number, founding), signs_up_at)


def _journey(random: Random, number: int, founding: Iterator[int]) -> Iterator[Step]:
    referred_id = f"ins_{number}"
    # Some refer many: whoever came early.
    referrer_id = f"ins_{1 + int((number - 1) * random.random() ** 2)}" if number > 1 else "ins_0"
    some_days = UNDER_WAY_DAYS / 4
    yield (
        0.0,
        ReferralAttributed(
            referral_id=identifiers.referral_id(referred_id),
            referred_id=referred_id,
            referrer_id=referrer_id,
            code=identifiers.code_candidates(referrer_id)[0],
        ),
    )
    yield (
        random.uniform(0, some_days),
        PayoutAccountUpdated(instructor_id=referred_id, stripe_account_id=f"acct_{number}", transfers_active=True),
    )
    yield random.uniform(0, some_days), InstructorWentLive(instructor_id=referred_id)
    yield 0.0, ReferralCodeIssued(instructor_id=referred_id, code=identifiers.code_candidates(referred_id)[0])
    yield random.uniform(0, some_days), FirstLessonCompleted(instructor_id=referred_id, lesson_id=f"les_{number}")
    spot = next(founding)
    is_founding = spot <= INITIAL_TERMS.founding_cap
    bonus = BonusEarned(
        payout_id=identifiers.payout_id(referred_id),
        referral_id=identifiers.referral_id(referred_id),
        referrer_id=referrer_id,
        referred_id=referred_id,
        tier="founding" if is_founding else "standard",
        founding_spot=spot if is_founding else None,
        founding_cap=INITIAL_TERMS.founding_cap,
        amount_minor=INITIAL_TERMS.founding_bonus_minor if is_founding else INITIAL_TERMS.standard_bonus_minor,
        currency=INITIAL_TERMS.currency,
    )
    yield 0.0, bonus
    yield from _payout(random, bonus, some_days)


def _payout(random: Random, bonus: BonusEarned, some_days: float) -> Iterator[Step]:
    lot = random.random()
    if lot < 0.02:
        yield 0.001, PayoutHeld.of(bonus, reason=HoldReason.MANUAL, note="looks odd")
        yield random.uniform(0, some_days), PayoutReleased.of(bonus, note="it is fine")
    elif lot < 0.03:
        decided = {"number": 1, "action": "cancel", "note": "not a real lesson"}
        yield 0.5, ApprovalRequested.of(bonus, **decided)
        yield 0.5, ApprovalGranted.of(bonus, **decided)
        yield (
            0.001,
            PayoutCancelled.of(
                bonus, amount_minor=bonus.amount_minor, currency=bonus.currency, note="not a real lesson"
            ),
        )
        return
    request = _request(bonus, 1)
    yield 0.001, request
    if lot > 0.96:
        yield (
            0.001,
            TransferFailed.of(
                bonus,
                attempt=1,
                kind=FailureKind.INSUFFICIENT_FUNDS,
                stripe_code="balance_insufficient",
                http_status=400,
                message="Insufficient funds in your Stripe balance.",
                request_id=f"req_{bonus.payout_id}",
            ),
        )
        request = _request(bonus, 2)
        yield random.uniform(0, some_days), request
    elif lot > 0.93:
        yield 0.001, TransferOutcomeUnknown.of(bonus, attempt=1, kind=UnknownKind.NO_ANSWER, detail="timeout")
    transfer_id = f"tr_{bonus.payout_id}"
    yield (
        0.001,
        TransferSettled.of(
            bonus,
            attempt=request.attempt,
            transfer_id=transfer_id,
            amount_minor=request.amount_minor,
            currency=request.currency,
            destination=request.destination,
        ),
    )
    if 0.5 < lot < 0.51:
        yield (
            random.uniform(0, some_days),
            ReversalRequested.of(
                bonus,
                number=1,
                idempotency_key=identifiers.reversal_key(bonus.payout_id, 1),
                transfer_id=transfer_id,
                amount_minor=bonus.amount_minor,
                currency=bonus.currency,
                metadata={"payout_id": bonus.payout_id},
            ),
        )
        yield (
            0.001,
            TransferReversed.of(
                bonus,
                transfer_id=transfer_id,
                amount_minor=bonus.amount_minor,
                total_reversed_minor=bonus.amount_minor,
                currency=bonus.currency,
            ),
        )


def _request(bonus: BonusEarned, attempt: int) -> TransferRequested:
    return TransferRequested.of(
        bonus,
        attempt=attempt,
        idempotency_key=identifiers.idempotency_key(bonus.payout_id, attempt),
        amount_minor=bonus.amount_minor,
        currency=bonus.currency,
        destination=f"acct_{bonus.referrer_id}",
        transfer_group=identifiers.transfer_group(bonus.payout_id),
        metadata={"payout_id": bonus.payout_id, "referral_id": bonus.referral_id, "attempt": str(attempt)},
    )
