"""The steps that the payout process may take. What each needs is in it; `next_step` chooses, `process` carries out."""

from dataclasses import dataclass, field
from datetime import datetime

from ledger.events import HoldReason, ReversalRequested, TransferRequested, UnknownPayoutNoticed
from ledger.reasons import Reason


@dataclass(frozen=True, slots=True)
class Finished:
    """Nothing is owed any more. `is_on_log`: a settlement that was just recorded, and takes the payout off the list by itself."""

    is_on_log: bool = field(default=False, compare=False)


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
    """Call Stripe with exactly this request: for the first time, or again under the same key, if it leaves before `until`."""

    request: TransferRequested
    until: datetime


@dataclass(frozen=True, slots=True)
class LookUp:
    """Never send; search Stripe for the transfer, and if it is not to be seen, again at `again_at`.

    `record`: an unsuccessful search is worth an event, because a person's decision may rest on it.
    """

    request: TransferRequested
    reason: Reason
    again_at: datetime
    record: bool


@dataclass(frozen=True, slots=True)
class TakeUp:
    """Record of this payout what Stripe had told of it before the log knew its bonus."""

    notices: tuple[UnknownPayoutNoticed, ...]


@dataclass(frozen=True, slots=True)
class CheckAccount:
    """Read the destination at Stripe, and if it is still unfavourable, again at `again_at`."""

    stripe_account_id: str
    again_at: datetime


@dataclass(frozen=True, slots=True)
class HoldBack:
    """A rule wants a person to look first: record the hold."""

    reason: HoldReason
    note: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """Two persons gave the payout up, and nothing is in flight any more: record it."""

    note: str


@dataclass(frozen=True, slots=True)
class RequestReversal:
    """Append this intent; it is sent afterwards."""

    intent: ReversalRequested


@dataclass(frozen=True, slots=True)
class SendReversal:
    """Ask Stripe to reverse, for the first time or again under the same key."""

    request: ReversalRequested


@dataclass(frozen=True, slots=True)
class CheckTransfer:
    """Read the transfer at Stripe and record what came back of it; if it cannot be read, again at `again_at`."""

    transfer_id: str
    again_at: datetime


Step = (
    Finished
    | Wait
    | Request
    | Send
    | LookUp
    | TakeUp
    | CheckAccount
    | HoldBack
    | Cancel
    | RequestReversal
    | SendReversal
    | CheckTransfer
)

WITHOUT_STRIPE = (Finished, Wait, TakeUp, HoldBack, Cancel)
"""Steps that can be taken while Stripe cannot be called."""
