"""The decision of the payout process: from (payout, account, platform, now) to the next step. Pure.

The rows of Stripe's decision table that say "send again?" are here; those that say what an answer means are in
`outcome.py`. The sharpest rule: while an attempt is unresolved, nothing but its own key is ever sent.
"""

from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from ledger import identifiers
from ledger.events import FailureKind, TransferRequested, UnknownKind
from ledger.payouts.payout import Failure, Payout, Unresolved
from ledger.payouts.schedule import (
    DECLINED_DELAYS_SECONDS,
    KEY_WINDOW,
    LOOKUP_DELAYS_SECONDS,
    RETRY_WINDOW,
    UNANSWERED_DELAYS_SECONDS,
    delay,
    next_point,
)
from ledger.reasons import Reason
from ledger.referrals.payout_account import Account


class Platform(BaseModel):
    """What concerns all payouts at once: when funds last arrived (log position), and whether Stripe takes our API key."""

    model_config = ConfigDict(frozen=True)
    funds_position: int = 0
    credentials_rejected_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """Nothing is owed any more."""


@dataclass(frozen=True, slots=True)
class Wait:
    """`until` None: only an event moves it on."""

    reason: Reason
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """Append this intent; it is sent afterwards."""

    intent: TransferRequested


@dataclass(frozen=True, slots=True)
class Send:
    """Call Stripe with exactly this request: for the first time, or again under the same key."""

    request: TransferRequested


@dataclass(frozen=True, slots=True)
class LookUp:
    """Never send; look for the transfer at Stripe, and if it is not to be seen, again at `again_at`."""

    request: TransferRequested
    reason: Reason
    again_at: datetime


@dataclass(frozen=True, slots=True)
class CheckAccount:
    """Read the destination at Stripe, and if it is still unfavourable, again at `again_at`."""

    stripe_account_id: str
    again_at: datetime


Step = Finished | Wait | Request | Send | LookUp | CheckAccount


def next_step(payout: Payout, account: Account | None, platform: Platform, now: datetime) -> Step:
    """What to do for this payout at this moment."""
    if payout.phase == "settled":
        return Finished()
    step = _ungated(payout, account, platform, now)
    if platform.credentials_rejected_at is not None and not isinstance(step, Wait):
        return Wait(Reason.STRIPE_CREDENTIALS_REJECTED)  # every other step calls Stripe
    return step


def _ungated(payout: Payout, account: Account | None, platform: Platform, now: datetime) -> Step:
    if payout.unresolved is not None:
        return _resolve(payout.payout_id, payout.unresolved, now)
    if payout.failure is not None:
        return _after_failure(payout, payout.failure, account, platform, now)
    return _preflight(payout, account)


def _preflight(payout: Payout, account: Account | None) -> Request | Wait:
    if account is None:
        return Wait(Reason.NO_PAYOUT_ACCOUNT)
    if not account.transfers_active:
        return Wait(Reason.PAYOUT_ACCOUNT_INACTIVE)
    return Request(intent(payout, payout.attempt + 1, account.stripe_account_id))


def _resolve(payout_id: str, unresolved: Unresolved, now: datetime) -> Step:
    request = unresolved.request
    expired = now >= unresolved.first_sent_at + KEY_WINDOW
    misused = UnknownKind.KEY_MISUSE in unresolved.kinds
    if expired or misused or UnknownKind.SERVER_ERROR in unresolved.kinds:
        reason = Reason.RECONCILIATION_REQUIRED if expired or misused else Reason.CONFIRMING_WITH_STRIPE
        anchor = unresolved.last_unanswered_at or unresolved.first_sent_at
        first_look_at = anchor + delay(LOOKUP_DELAYS_SECONDS, 1, payout_id)
        if now < first_look_at:
            return Wait(reason, first_look_at)
        return LookUp(request, reason, next_point(LOOKUP_DELAYS_SECONDS, anchor, now, payout_id))
    if unresolved.last_unanswered_at is not None:
        again_at = unresolved.last_unanswered_at + delay(UNANSWERED_DELAYS_SECONDS, unresolved.unanswered, payout_id)
        if now < again_at:
            return Wait(Reason.CONFIRMING_WITH_STRIPE, again_at)
    return Send(request)


def _after_failure(
    payout: Payout, failure: Failure, account: Account | None, platform: Platform, now: datetime
) -> Step:
    newer_account = account is not None and account.position > failure.requested_position
    exhausted = now >= failure.first_failed_at + RETRY_WINDOW
    match failure.event.kind:
        case FailureKind.INSUFFICIENT_FUNDS:
            again_at = failure.failed_at + delay(DECLINED_DELAYS_SECONDS, failure.count, payout.payout_id)
            if platform.funds_position > failure.requested_position or (now >= again_at and not exhausted):
                return _preflight(payout, account)
            return Wait(Reason.RETRIES_EXHAUSTED) if exhausted else Wait(Reason.INSUFFICIENT_FUNDS, again_at)
        case FailureKind.ACCOUNT:
            if newer_account or payout.account_verified_position > failure.position:
                return _preflight(payout, account)
            if exhausted:
                return Wait(Reason.RETRIES_EXHAUSTED)
            first_check_at = failure.failed_at + delay(DECLINED_DELAYS_SECONDS, failure.count, payout.payout_id)
            if now < first_check_at:
                return Wait(Reason.ACCOUNT_DECLINED, first_check_at)
            again_at = next_point(DECLINED_DELAYS_SECONDS, first_check_at, now, payout.payout_id)
            return CheckAccount(failure.destination, again_at)
        case FailureKind.INVALID_REQUEST:
            if newer_account and account is not None and account.stripe_account_id != failure.destination:
                return _preflight(payout, account)
            return Wait(Reason.REQUEST_DECLINED)


def intent(payout: Payout, attempt: int, destination: str) -> TransferRequested:
    """The exact request of one attempt. The amount is the bonus's, whatever the program's terms are by now."""
    bonus = payout.bonus
    return TransferRequested(
        payout_id=bonus.payout_id,
        referral_id=bonus.referral_id,
        referrer_id=bonus.referrer_id,
        attempt=attempt,
        idempotency_key=identifiers.idempotency_key(bonus.payout_id, attempt),
        amount_minor=bonus.amount_minor,
        currency=bonus.currency,
        destination=destination,
        transfer_group=identifiers.transfer_group(bonus.payout_id),
        metadata={
            "payout_id": bonus.payout_id,
            "referral_id": bonus.referral_id,
            "attempt": str(attempt),
            "position": str(payout.earned_position),
        },
    )


def explain(payout: Payout, account: Account | None, platform: Platform, now: datetime) -> Wait:
    """Why this payout is not settled yet, and when it is tried next (None: when something happens)."""
    match next_step(payout, account, platform, now):
        case Wait() as wait:
            return wait
        case Request():
            return Wait(Reason.QUEUED, now)
        case Send():
            return Wait(
                Reason.TRANSFER_IN_PROGRESS if payout.phase == "requested" else Reason.CONFIRMING_WITH_STRIPE, now
            )
        case LookUp(reason=reason, again_at=again_at):
            return Wait(reason, again_at)
        case CheckAccount(again_at=again_at):
            return Wait(Reason.ACCOUNT_DECLINED, again_at)
        case Finished():
            return Wait(Reason.PAID)
