"""A lively little history on any log: a generated season, and payouts that meet all that payouts can meet."""

from collections.abc import Callable, Iterator
from random import Random

from ledger import identifiers
from ledger.event_log import Draft, EventLog
from ledger.events import (
    ApprovalGranted,
    ApprovalRequested,
    BankPayoutReported,
    BonusEarned,
    Event,
    FailureKind,
    Happened,
    HoldReason,
    PayoutCancelled,
    PayoutHeld,
    PayoutReleased,
    PlatformFundsAvailable,
    ReversalRequested,
    StripeCredentialsAccepted,
    StripeCredentialsRejected,
    TransferFailed,
    TransferNotFound,
    TransferOutcomeUnknown,
    TransferRequested,
    TransferReversed,
    TransferSettled,
    UnknownKind,
)
from ledger.history import about
from ledger.ingestion import Ingestion
from ledger.lifecycle import parse_fact
from ledger.payouts.search import SOURCES
from sandbox.season.generator import generate

Fate = Callable[[BonusEarned], Iterator[Event]]


def live(log: EventLog, ingestion: Ingestion, seed: int, instructors: int) -> None:
    """Facts come in by and by; meanwhile every bonus that was earned goes its way, one event at a time."""
    lots = Random(seed)
    facts = [parse_fact(delivery) for delivery in generate(instructors, seed)]
    fates: list[Iterator[Event]] = [platform()]
    seen = 0
    while facts or fates:
        if facts:
            part = lots.randint(1, 4)
            ingestion.ingest(facts[:part], "marketplace")
            facts = facts[part:]
        for recorded in log.stream(after=seen):
            seen = recorded.position
            if isinstance(recorded.event, BonusEarned):
                fates.append(lots.choice(FATES)(recorded.event))
        for _ in range(min(len(fates), lots.randint(1, 3))):
            fate = lots.choice(fates)
            event = next(fate, None)
            if event is None:
                fates.remove(fate)
            else:
                record(log, event)


def record(log: EventLog, event: Event, actor: str = "payout-process") -> int:
    """Caused by the newest event of the log, which happened at the same time."""
    head = log.recorder.head()
    newest = next(log.stream(after=head - 1))
    draft = Draft(Happened(event, newest.occurred_at), actor, str(newest.event_id), None)
    return log.append([draft], [about("nothing-has-this-tag")], after=0).last_position


def platform() -> Iterator[Event]:
    yield PlatformFundsAvailable(stripe_event_id="evt_funds_1")
    yield StripeCredentialsRejected()
    yield StripeCredentialsAccepted()
    yield PlatformFundsAvailable(stripe_event_id="evt_funds_2")


def requested(bonus: BonusEarned, attempt: int = 1) -> TransferRequested:
    return TransferRequested.of(
        bonus,
        attempt=attempt,
        idempotency_key=identifiers.idempotency_key(bonus.payout_id, attempt),
        amount_minor=bonus.amount_minor,
        currency=bonus.currency,
        destination=f"acct_{bonus.referrer_id}",
        transfer_group=identifiers.transfer_group(bonus.payout_id),
        metadata={"payout_id": bonus.payout_id},
    )


def settled(request: TransferRequested, *, adopted: bool = False) -> TransferSettled:
    return TransferSettled.of(
        request,
        attempt=request.attempt,
        transfer_id=f"tr_{request.payout_id}",
        amount_minor=request.amount_minor,
        currency=request.currency,
        destination=request.destination,
        adopted=adopted,
    )


def declined(request: TransferRequested, kind: FailureKind = FailureKind.INSUFFICIENT_FUNDS) -> TransferFailed:
    return TransferFailed.of(
        request,
        attempt=request.attempt,
        kind=kind,
        stripe_code="balance_insufficient",
        http_status=400,
        message="Insufficient funds in your Stripe balance.",
        request_id=f"req_{request.attempt}",
    )


def unknown(request: TransferRequested) -> TransferOutcomeUnknown:
    return TransferOutcomeUnknown.of(
        request, attempt=request.attempt, kind=UnknownKind.NO_ANSWER, detail="timeout", request_id=None
    )


def came_back(bonus: BonusEarned, amount_minor: int, total_minor: int) -> TransferReversed:
    return TransferReversed.of(
        bonus,
        transfer_id=f"tr_{bonus.payout_id}",
        amount_minor=amount_minor,
        total_reversed_minor=total_minor,
        currency=bonus.currency,
    )


def paid(bonus: BonusEarned) -> Iterator[Event]:
    request = requested(bonus)
    yield request
    yield settled(request)
    yield bank_payout(request)


def bank_payout(request: TransferRequested) -> BankPayoutReported:
    return BankPayoutReported(
        stripe_account_id=request.destination,
        bank_payout_id=f"po_{request.payout_id}",
        status="paid",
        amount_minor=request.amount_minor,
        currency=request.currency,
        failure_code=None,
        failure_message=None,
        stripe_event_id=f"evt_{request.payout_id}",
    )


def declined_then_paid(bonus: BonusEarned) -> Iterator[Event]:
    first, second = requested(bonus), requested(bonus, 2)
    yield first
    yield declined(first)
    yield second
    yield settled(second)


def lost_then_found(bonus: BonusEarned) -> Iterator[Event]:
    request = requested(bonus)
    yield request
    yield unknown(request)
    yield TransferNotFound.of(request, attempt=1, searched=SOURCES)
    yield settled(request, adopted=True)


def held_and_released(bonus: BonusEarned) -> Iterator[Event]:
    yield PayoutHeld.of(bonus, reason=HoldReason.MANUAL, note="case 1")
    yield PayoutReleased.of(bonus, note="it is fine")
    yield from paid(bonus)


def cancelled(bonus: BonusEarned) -> Iterator[Event]:
    decided = {"number": 1, "action": "cancel", "note": "case 2"}
    yield ApprovalRequested.of(bonus, **decided)
    yield ApprovalGranted.of(bonus, **decided)
    yield PayoutCancelled.of(bonus, amount_minor=bonus.amount_minor, currency=bonus.currency, note="case 2")


def taken_back(bonus: BonusEarned) -> Iterator[Event]:
    yield from paid(bonus)
    yield came_back(bonus, 1000, 1000)
    yield ReversalRequested.of(
        bonus,
        number=1,
        idempotency_key=identifiers.reversal_key(bonus.payout_id, 1),
        transfer_id=f"tr_{bonus.payout_id}",
        amount_minor=bonus.amount_minor - 1000,
        currency=bonus.currency,
        metadata={},
    )
    yield came_back(bonus, bonus.amount_minor - 1000, bonus.amount_minor)


def taken_back_in_part(bonus: BonusEarned) -> Iterator[Event]:
    yield from paid(bonus)
    yield came_back(bonus, 1000, 1000)


def given_up_in_part(bonus: BonusEarned) -> Iterator[Event]:
    yield from taken_back_in_part(bonus)
    yield PayoutCancelled.of(bonus, amount_minor=1000, currency=bonus.currency, note="case 3")
    yield came_back(bonus, 500, 1500)


def left_open(bonus: BonusEarned) -> Iterator[Event]:
    yield requested(bonus)


FATES: tuple[Fate, ...] = (
    paid,
    paid,
    declined_then_paid,
    lost_then_found,
    held_and_released,
    cancelled,
    taken_back,
    taken_back_in_part,
    given_up_in_part,
    left_open,
)
