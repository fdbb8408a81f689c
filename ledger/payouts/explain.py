"""Why a payout is not paid yet, worked out by the worker's own decision, as of this moment and in ordinary circumstances.

The circumstances are what a worker also reads of other stories (see `policy`). So a payout that it is about to hold back by rule is
queued until the hold is on the log, and one that it checks at once because of news about the account says when it would else.
"""

from datetime import datetime

from ledger.payouts.next_step import Platform, next_step
from ledger.payouts.payout import Payout
from ledger.payouts.policy import PAY_AT_ONCE, Policy
from ledger.payouts.steps import (
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
    TakeUp,
    Wait,
)
from ledger.reasons import Reason
from ledger.referrals.payout_account import Account


def explain(
    payout: Payout,
    account: Account | None,
    platform: Platform,
    now: datetime,
    policy: Policy = PAY_AT_ONCE,
) -> Wait:
    """What this payout waits for, and when it is tried next (None: when something happens)."""
    match next_step(payout, account, platform, now, policy):
        case Wait() as wait:
            return wait
        case Request():
            return Wait(Reason.QUEUED, now)
        case Send():
            sending = payout.phase == "requested"
            return Wait(Reason.TRANSFER_IN_PROGRESS if sending else Reason.CONFIRMING_WITH_STRIPE, now)
        case LookUp(reason=reason, again_at=again_at):
            return Wait(reason, again_at)
        case CheckAccount(again_at=again_at):
            return Wait(Reason.ACCOUNT_DECLINED, again_at)
        case HoldBack() | TakeUp():
            return Wait(Reason.QUEUED, now)
        case Cancel():
            return Wait(Reason.CANCELLED)
        case RequestReversal() | SendReversal() | CheckTransfer():
            return Wait(Reason.REVERSAL_IN_PROGRESS if payout.reversal or payout.granted else _final(payout), now)
        case Finished():
            return Wait(_final(payout))


def _final(payout: Payout) -> Reason:
    match payout.phase:
        case "cancelled":
            return Reason.CANCELLED
        case "reversed":
            return Reason.REVERSED if payout.owed_minor > 0 else Reason.CANCELLED
        case _ if payout.reversed_minor:
            return Reason.PARTLY_REVERSED if payout.owed_minor > 0 else Reason.PARTLY_GIVEN_UP
        case _:
            return Reason.PAID
