"""The decision of the payout process: from (payout, account, platform, now) to the next step. Pure.

The rows of Stripe's decision table that say "send again?" are here; those that say what an answer means are in
`outcome.py`. The sharpest rule: while an attempt is unresolved, nothing but its own key is ever sent, unless two persons
said so after Stripe had been searched in vain.
"""

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from ledger.events import FailureKind, HoldReason, TransferSettled, UnknownKind
from ledger.payouts.actions import absence_confirmed
from ledger.payouts.intents import reversal_intent, transfer_intent
from ledger.payouts.payout import Failure, Payout, Unresolved
from ledger.payouts.policy import ORDINARY, PAY_AT_ONCE, Circumstances, Policy, rule_hit
from ledger.payouts.schedule import (
    DECLINED_DELAYS_SECONDS,
    KEY_WINDOW,
    LOOKUP_DELAYS_SECONDS,
    RETRY_WINDOW,
    UNANSWERED_DELAYS_SECONDS,
    delay,
    next_point,
)
from ledger.payouts.steps import (
    WITHOUT_STRIPE,
    Cancel,
    CheckAccount,
    CheckTransfer,
    Finished,
    HoldBack,
    LookUp,
    Request,
    RequestReversal,
    Send,
    SendReversal,
    Step,
    TakeUp,
    Wait,
)
from ledger.reasons import Reason
from ledger.referrals.payout_account import Account

CHECK_AGAIN = timedelta(minutes=1)

HOLD_REASONS = {
    HoldReason.MANUAL: Reason.HELD,
    HoldReason.SAME_STRIPE_ACCOUNT: Reason.HELD_SAME_ACCOUNT,
    HoldReason.MANY_BONUSES_IN_A_DAY: Reason.HELD_MANY_BONUSES,
}


class Platform(BaseModel):
    """What concerns all payouts at once: when funds last arrived (log position), and whether Stripe takes our API key."""

    model_config = ConfigDict(frozen=True)
    funds_position: int = 0
    credentials_rejected_at: datetime | None = None


def next_step(
    payout: Payout,
    account: Account | None,
    platform: Platform,
    now: datetime,
    policy: Policy = PAY_AT_ONCE,
    circumstances: Circumstances = ORDINARY,
) -> Step:
    """What to do for this payout at this moment."""
    step = _ungated(payout, account, platform, now, policy, circumstances)
    if platform.credentials_rejected_at is not None and not isinstance(step, WITHOUT_STRIPE):
        return Wait(Reason.STRIPE_CREDENTIALS_REJECTED)
    return step


def _ungated(
    payout: Payout,
    account: Account | None,
    platform: Platform,
    now: datetime,
    policy: Policy,
    circumstances: Circumstances,
) -> Step:
    if circumstances.told_before:
        return TakeUp(circumstances.told_before)
    if payout.settlement is not None:
        return _after_settlement(payout, payout.settlement, now)
    if payout.phase == "cancelled":
        return _after_cancellation(payout, now)
    if payout.unresolved is not None and not _is_given_up(payout, payout.unresolved):
        return _resolve(payout, payout.unresolved, now)
    if payout.granted == "cancel" and payout.approval is not None:
        return Cancel(payout.approval.note)
    if payout.hold is not None:
        return Wait(HOLD_REASONS[payout.hold.reason])
    if payout.approval is not None:
        return Wait(Reason.APPROVAL_PENDING)
    if payout.failure is not None:
        step = _after_failure(payout, payout.failure, account, platform, now, circumstances)
    else:
        step = _preflight(payout, account)
    if not isinstance(step, Request):
        return step
    if payout.unresolved is None and payout.noticed_position > payout.confirmed_position:
        return _look_first(step, payout, now)
    return _reviewed(step, payout, account, now, policy, circumstances)


def _is_given_up(payout: Payout, unresolved: Unresolved) -> bool:
    """Whether two persons decided that an attempt which Stripe was searched for in vain is not waited for any longer.

    A retry is off again if something was heard of the transfer before the new attempt was made.
    """
    retried = payout.retry_authorized_position > max(unresolved.requested_position, payout.noticed_position)
    return retried or (payout.granted == "cancel" and absence_confirmed(unresolved))


def _preflight(payout: Payout, account: Account | None) -> Request | Wait:
    if account is None:
        return Wait(Reason.NO_PAYOUT_ACCOUNT)
    if not account.transfers_active:
        return Wait(Reason.PAYOUT_ACCOUNT_INACTIVE)
    return Request(transfer_intent(payout, payout.attempt + 1, account.stripe_account_id))


def _look_first(request: Request, payout: Payout, now: datetime) -> LookUp:
    """Stripe told of a transfer of this payout, and the log knows of none that may be: the log was restored to a moment before it,
    an attempt that two persons had given up was carried out after all, or somebody paid by hand. A new attempt could pay twice.
    """
    again_at = next_point(LOOKUP_DELAYS_SECONDS, payout.earned_at, now, payout.payout_id)
    return LookUp(request.intent, Reason.CONFIRMING_WITH_STRIPE, again_at, record=True)


def _reviewed(
    request: Request,
    payout: Payout,
    account: Account | None,
    now: datetime,
    policy: Policy,
    circumstances: Circumstances,
) -> Request | Wait | HoldBack:
    """A new attempt, unless the policy has it wait or wants a person to look first."""
    hit = rule_hit(policy, payout, account, circumstances)
    if hit is not None:
        return HoldBack(hit.reason, hit.note)
    if policy.hold and now < payout.earned_at + policy.hold:
        return Wait(Reason.HOLD_PERIOD, payout.earned_at + policy.hold)
    return request


def _resolve(payout: Payout, unresolved: Unresolved, now: datetime) -> Step:
    seed = payout.payout_id
    reason = _search_reason(unresolved, now)
    if payout.noticed_position > max(unresolved.requested_position, unresolved.looked_position):
        again_at = next_point(LOOKUP_DELAYS_SECONDS, unresolved.first_sent_at, now, seed)
        reason = reason or _obstacle(unresolved) or Reason.CONFIRMING_WITH_STRIPE
        return LookUp(unresolved.request, reason, again_at, record=True)
    if reason is not None:
        anchor = unresolved.last_unanswered_at or unresolved.first_sent_at
        first_look_at = anchor + delay(LOOKUP_DELAYS_SECONDS, 1, seed)
        if now < first_look_at:
            return Wait(reason, first_look_at)
        again_at = next_point(LOOKUP_DELAYS_SECONDS, anchor, now, seed)
        return LookUp(unresolved.request, reason, again_at, record=not absence_confirmed(unresolved))
    if unresolved.last_unanswered_at is not None:
        again_at = unresolved.last_unanswered_at + delay(UNANSWERED_DELAYS_SECONDS, unresolved.unanswered, seed)
        if now < again_at:
            return Wait(Reason.CONFIRMING_WITH_STRIPE, again_at)
    return Send(unresolved.request, until=unresolved.first_sent_at + KEY_WINDOW)


def _search_reason(unresolved: Unresolved, now: datetime) -> Reason | None:
    """Why this attempt may only be searched for; None: it may be sent again under its key."""
    expired = now >= unresolved.first_sent_at + KEY_WINDOW
    if not expired and unresolved.kinds.isdisjoint({UnknownKind.KEY_MISUSE, UnknownKind.SERVER_ERROR}):
        return None
    if absence_confirmed(unresolved):
        return Reason.ABSENCE_CONFIRMED
    if (obstacle := _obstacle(unresolved)) is not None:
        return obstacle
    if expired or UnknownKind.KEY_MISUSE in unresolved.kinds:
        return Reason.RECONCILIATION_REQUIRED
    return Reason.CONFIRMING_WITH_STRIPE


def _obstacle(unresolved: Unresolved) -> Reason | None:
    """What only a person can clear away before a search comes to an end."""
    if unresolved.mismatched:
        return Reason.TRANSFER_MISMATCHED
    return Reason.SEARCH_REFUSED if unresolved.refused_sources else None


def _after_failure(
    payout: Payout,
    failure: Failure,
    account: Account | None,
    platform: Platform,
    now: datetime,
    circumstances: Circumstances,
) -> Step:
    if payout.retry_authorized_position > failure.position:
        return _preflight(payout, account)
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
            return _check_account(payout, failure, now, circumstances, exhausted=exhausted)
        case FailureKind.INVALID_REQUEST:
            if newer_account and account is not None and account.stripe_account_id != failure.destination:
                return _preflight(payout, account)
            return Wait(Reason.REQUEST_DECLINED)


def _check_account(
    payout: Payout, failure: Failure, now: datetime, circumstances: Circumstances, *, exhausted: bool
) -> CheckAccount | Wait:
    first_check_at = failure.failed_at + delay(DECLINED_DELAYS_SECONDS, failure.count, payout.payout_id)
    noticed = circumstances.account_noticed_position > failure.position
    if noticed or (now >= first_check_at and not exhausted):
        again_at = next_point(DECLINED_DELAYS_SECONDS, first_check_at, now, payout.payout_id)
        return CheckAccount(failure.destination, first_check_at if now < first_check_at else again_at)
    return Wait(Reason.RETRIES_EXHAUSTED) if exhausted else Wait(Reason.ACCOUNT_DECLINED, first_check_at)


def _after_cancellation(payout: Payout, now: datetime) -> Step:
    """Nothing is sent any more; but what is heard of a transfer that was given up as absent is looked up: money may have moved."""
    unresolved = payout.unresolved
    if unresolved is None or payout.noticed_position <= max(unresolved.requested_position, unresolved.looked_position):
        return Finished()
    return _resolve(payout, unresolved, now)


def _after_settlement(payout: Payout, settlement: TransferSettled, now: datetime) -> Step:
    """A settled payout is left alone unless people want it back, or Stripe says that something happened to it."""
    if payout.phase in ("reversed", "cancelled"):
        return Finished()
    if payout.reversal is not None:
        if now < payout.reversal.first_sent_at + KEY_WINDOW:
            return SendReversal(payout.reversal.request)
        return CheckTransfer(settlement.transfer_id, now + CHECK_AGAIN)
    if payout.granted == "reverse":
        return RequestReversal(reversal_intent(payout, settlement))
    if payout.reversal_noticed_position > payout.confirmed_position:
        return CheckTransfer(settlement.transfer_id, now + CHECK_AGAIN)
    return Finished()
