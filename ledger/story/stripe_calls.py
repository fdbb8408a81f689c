"""The request to Stripe that an intent led to, and what was heard of it."""

from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ledger.events import (
    Recorded,
    ReversalFailed,
    ReversalRequested,
    TransferFailed,
    TransferOutcomeUnknown,
    TransferRequested,
    TransferReversed,
    TransferSettled,
)
from ledger.major_units import money

__all__ = ["StripeAnswer", "StripeCall", "stripe_call"]


class StripeAnswer(BaseModel):
    """What was heard, and where the log has it. `request_id` is Stripe's own (`req_…`), as far as it is known."""

    model_config = ConfigDict(frozen=True)
    position: int
    answer: str
    request_id: str | None


class StripeCall(BaseModel):
    """Exactly what was asked of Stripe, once or repeatedly under the same key. `answers`: oldest first."""

    model_config = ConfigDict(frozen=True)
    call: Literal["create transfer", "reverse transfer"]
    idempotency_key: str
    amount_minor: int
    currency: str
    destination: str | None
    transfer_group: str | None
    transfer_id: str | None
    answers: tuple[StripeAnswer, ...]


def stripe_call(recorded: Recorded, afterwards: Sequence[Recorded]) -> StripeCall | None:
    """`afterwards`: what was recorded about the same payout since. None: the event is no intent to call Stripe."""
    match recorded.event:
        case TransferRequested() as event:
            return StripeCall(
                call="create transfer",
                idempotency_key=event.idempotency_key,
                amount_minor=event.amount_minor,
                currency=event.currency,
                destination=event.destination,
                transfer_group=event.transfer_group,
                transfer_id=None,
                answers=tuple(_of_attempt(event.attempt, afterwards)),
            )
        case ReversalRequested() as event:
            return StripeCall(
                call="reverse transfer",
                idempotency_key=event.idempotency_key,
                amount_minor=event.amount_minor,
                currency=event.currency,
                destination=None,
                transfer_group=None,
                transfer_id=event.transfer_id,
                answers=tuple(_of_reversal(afterwards)),
            )
        case _:
            return None


def _of_attempt(attempt: int, afterwards: Sequence[Recorded]) -> Iterator[StripeAnswer]:
    for recorded in afterwards:
        match recorded.event:
            case TransferSettled() as event if event.attempt == attempt:
                how = ", found by searching" if event.adopted else ", repeated" if event.replayed else ""
                yield _answer(recorded, f"transfer {event.transfer_id}{how}", None)
            case TransferFailed() as event if event.attempt == attempt:
                yield _answer(recorded, _declined(event), event.request_id)
            case TransferOutcomeUnknown() as event if event.attempt == attempt:
                said = f"{event.kind.value.replace('_', ' ')}{f': {event.detail}' if event.detail else ''}"
                yield _answer(recorded, said, event.request_id)


def _of_reversal(afterwards: Sequence[Recorded]) -> Iterator[StripeAnswer]:
    """Up to the next request: what comes back meanwhile may be somebody else's doing, and counts all the same."""
    for recorded in afterwards:
        match recorded.event:
            case TransferReversed() as event:
                yield _answer(recorded, f"{money(event.amount_minor, event.currency)} came back", None)
            case ReversalFailed() as event:
                yield _answer(recorded, _declined(event), event.request_id)
                return
            case ReversalRequested():
                return


def _declined(event: TransferFailed | ReversalFailed) -> str:
    return f"declined: {event.stripe_code or 'no code'}, HTTP {event.http_status}"


def _answer(recorded: Recorded, said: str, request_id: str | None) -> StripeAnswer:
    return StripeAnswer(position=recorded.position, answer=said, request_id=request_id)
