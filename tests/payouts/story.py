"""What happened to one payout, told event by event, and what the next step would be: the language of the decision tests."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, Self
from uuid import uuid4

from ledger.events import (
    ActionKind,
    ApprovalGranted,
    ApprovalRefused,
    ApprovalRequested,
    BonusEarned,
    Event,
    FailureKind,
    HoldReason,
    PayoutAccountUpdated,
    PayoutAccountVerified,
    PayoutCancelled,
    PayoutHeld,
    PayoutReleased,
    PayoutRetryAuthorized,
    PlatformFundsAvailable,
    Recorded,
    ReversalFailed,
    ReversalRequested,
    StripeCredentialsAccepted,
    StripeCredentialsRejected,
    TransferConfirmed,
    TransferFailed,
    TransferMismatched,
    TransferNotFound,
    TransferNoticed,
    TransferOutcomeUnknown,
    TransferRequested,
    TransferReversed,
    TransferSearchRefused,
    TransferSettled,
    UnknownKind,
)
from ledger.payouts import payout_fold as payouts
from ledger.payouts.next_step import Platform, next_step
from ledger.payouts.payout import Payout
from ledger.payouts.policy import ORDINARY, PAY_AT_ONCE, Circumstances, Policy
from ledger.payouts.search import SOURCES
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
    Step,
    TakeUp,
    Wait,
)
from ledger.referrals import payout_account
from ledger.referrals.payout_account import Account

START = datetime(2026, 3, 1, 9, tzinfo=UTC)
IDS = {"payout_id": "pay_1", "referral_id": "ref_1", "referrer_id": "ins_referrer"}

BONUS = BonusEarned(
    **IDS,
    referred_id="ins_referred",
    tier="founding",
    founding_spot=1,
    founding_cap=100,
    amount_minor=7500,
    currency="usd",
)


def requested(attempt: int = 1, destination: str = "acct_ok1") -> TransferRequested:
    return TransferRequested(
        **IDS,
        attempt=attempt,
        idempotency_key=f"payout:pay_1:a{attempt}",
        amount_minor=7500,
        currency="usd",
        destination=destination,
        transfer_group="payout_pay_1",
        metadata={"payout_id": "pay_1", "referral_id": "ref_1", "attempt": str(attempt), "position": "1"},
    )


def settled(attempt: int = 1) -> TransferSettled:
    return TransferSettled(
        payout_id="pay_1",
        referral_id="ref_1",
        referrer_id="ins_referrer",
        attempt=attempt,
        transfer_id="tr_1",
        amount_minor=7500,
        currency="usd",
        destination="acct_ok1",
    )


def unknown(kind: UnknownKind = UnknownKind.NO_ANSWER, attempt: int = 1) -> TransferOutcomeUnknown:
    return TransferOutcomeUnknown(**IDS, attempt=attempt, kind=kind, detail="")


def failed(kind: FailureKind, attempt: int = 1) -> TransferFailed:
    return TransferFailed(**IDS, attempt=attempt, kind=kind, stripe_code=None, http_status=400, message="")


def account(stripe_account_id: str = "acct_ok1", *, active: bool = True) -> PayoutAccountUpdated:
    return PayoutAccountUpdated(
        instructor_id="ins_referrer", stripe_account_id=stripe_account_id, transfers_active=active
    )


def verified(stripe_account_id: str = "acct_ok1") -> PayoutAccountVerified:
    return PayoutAccountVerified(**IDS, stripe_account_id=stripe_account_id)


def funds() -> PlatformFundsAvailable:
    return PlatformFundsAvailable(stripe_event_id="evt_1")


def searched(attempt: int = 1) -> TransferNotFound:
    return TransferNotFound(**IDS, attempt=attempt, searched=SOURCES)


def search_refused(*sources: str, attempt: int = 1) -> TransferSearchRefused:
    return TransferSearchRefused(**IDS, attempt=attempt, sources=sources or ("events",), message="no permission")


def mismatched(attempt: int = 1) -> TransferMismatched:
    return TransferMismatched(**IDS, attempt=attempt, transfer_ids=("tr_by_hand",))


def noticed(kind: str = "transfer.created") -> TransferNoticed:
    return TransferNoticed(**IDS, stripe_event_id="evt_2", stripe_event_type=kind)


def held(reason: HoldReason = HoldReason.MANUAL) -> PayoutHeld:
    return PayoutHeld(**IDS, reason=reason, note="looks odd")


def released() -> PayoutReleased:
    return PayoutReleased(**IDS, note="it is fine")


def asked(action: ActionKind, number: int = 1) -> ApprovalRequested:
    return ApprovalRequested(**IDS, number=number, action=action, note="why")


def granted(action: ActionKind, number: int = 1) -> ApprovalGranted:
    return ApprovalGranted(**IDS, number=number, action=action, note="agreed")


def refused(action: ActionKind, number: int = 1) -> ApprovalRefused:
    return ApprovalRefused(**IDS, number=number, action=action, note="no")


def authorized(after: Literal["decline", "unknown"]) -> PayoutRetryAuthorized:
    return PayoutRetryAuthorized(**IDS, after=after, note="agreed")


def cancelled(amount_minor: int = 7500) -> PayoutCancelled:
    return PayoutCancelled(**IDS, amount_minor=amount_minor, currency="usd", note="agreed")


def reversal(number: int = 1, amount_minor: int = 7500) -> ReversalRequested:
    return ReversalRequested(
        **IDS,
        number=number,
        idempotency_key=f"payout:pay_1:r{number}",
        transfer_id="tr_1",
        amount_minor=amount_minor,
        currency="usd",
        metadata={},
    )


def reversal_failed(number: int = 1) -> ReversalFailed:
    return ReversalFailed(**IDS, number=number, stripe_code=None, http_status=400, message="")


def came_back(amount_minor: int, total_minor: int | None = None) -> TransferReversed:
    total = amount_minor if total_minor is None else total_minor
    return TransferReversed(
        **IDS, transfer_id="tr_1", amount_minor=amount_minor, total_reversed_minor=total, currency="usd"
    )


def confirmed() -> TransferConfirmed:
    return TransferConfirmed(**IDS, transfer_id="tr_1")


REJECTED = StripeCredentialsRejected()
ACCEPTED = StripeCredentialsAccepted()


@dataclass
class Story:
    """A log about one payout, whose bonus comes first, what it comes to, and a clock that `later` moves."""

    now: datetime = START
    log: list[Recorded] = field(default_factory=list)
    account: Account | None = None
    platform: Platform = field(default_factory=Platform)
    policy: Policy = PAY_AT_ONCE
    circumstances: Circumstances = ORDINARY
    _payout: Payout | None = None

    def __post_init__(self) -> None:
        self.happened(BONUS)

    @classmethod
    def of(cls, happened: Iterable[Event | timedelta]) -> Self:
        """Events, and the time that passes between them."""
        story = cls()
        for each in happened:
            if isinstance(each, timedelta):
                story.later(each)
            else:
                story.happened(each)
        return story

    @property
    def payout(self) -> Payout:
        assert self._payout is not None
        return self._payout

    def later(self, time: timedelta) -> None:
        self.now += time

    def happened(self, event: Event, actor: str = "maker") -> None:
        recorded = Recorded(event, self.now, len(self.log) + 1, uuid4(), self.now, actor, None, None)
        self.log.append(recorded)
        match event:
            case PayoutAccountUpdated():
                self.account = payout_account.evolve(self.account, recorded)
            case PlatformFundsAvailable():
                self.platform = self.platform.model_copy(update={"funds_position": recorded.position})
            case StripeCredentialsRejected():
                self.platform = self.platform.model_copy(update={"credentials_rejected_at": recorded.recorded_at})
            case StripeCredentialsAccepted():
                self.platform = self.platform.model_copy(update={"credentials_rejected_at": None})
            case _:
                self._payout = payouts.evolve(self._payout, recorded)

    def next_step(self) -> Step:
        return next_step(self.payout, self.account, self.platform, self.now, self.policy, self.circumstances)


PLAIN = {Finished: "finished", TakeUp: "take up", CheckTransfer: "check transfer", Cancel: "cancel"}


def said(step: Step) -> str:
    """A step in words, as the tables have it."""
    match step:
        case Finished() | TakeUp() | CheckTransfer() | Cancel():
            return PLAIN[type(step)]
        case Wait(reason=reason, until=until):
            return f"wait: {reason}" + (", then again" if until is not None else "")
        case Request(intent=intent):
            return f"request a{intent.attempt} to {intent.destination}"
        case Send(request=request):
            return f"send a{request.attempt} to {request.destination}"
        case LookUp(request=request, reason=reason):
            return f"look up a{request.attempt}: {reason}"
        case CheckAccount(stripe_account_id=stripe_account_id):
            return f"check {stripe_account_id}"
        case HoldBack(reason=reason):
            return f"hold back: {reason}"
        case RequestReversal(intent=intended):
            return f"request reversal r{intended.number} of {intended.amount_minor}"
        case SendReversal(request=wanted):
            return f"send reversal r{wanted.number}"
