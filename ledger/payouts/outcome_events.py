"""What is recorded of an outcome."""

from ledger.events import TransferFailed, TransferOutcomeUnknown, TransferRequested, TransferSettled
from ledger.payouts.outcome import Declined, Outcome, Settled, Transfer, Unknown


def outcome_event(
    request: TransferRequested, outcome: Outcome
) -> TransferSettled | TransferFailed | TransferOutcomeUnknown:
    """What is recorded for a definitive or an unknown outcome."""
    match outcome:
        case Settled(transfer=transfer, replayed=replayed):
            return settled(request, transfer, replayed=replayed, adopted=False)
        case Declined():
            return TransferFailed.of(
                request,
                attempt=request.attempt,
                kind=outcome.kind,
                stripe_code=outcome.stripe_code,
                http_status=outcome.http_status,
                message=outcome.message,
                request_id=outcome.request_id,
            )
        case Unknown():
            return TransferOutcomeUnknown.of(
                request,
                attempt=request.attempt,
                kind=outcome.kind,
                detail=outcome.detail,
                request_id=outcome.request_id,
            )
        case _:
            raise TypeError(f"{outcome!r} resolves nothing and is not recorded")


def settled(request: TransferRequested, transfer: Transfer, *, replayed: bool, adopted: bool) -> TransferSettled:
    return TransferSettled.of(
        request,
        attempt=request.attempt,
        transfer_id=transfer.transfer_id,
        amount_minor=transfer.amount_minor,
        currency=transfer.currency,
        destination=transfer.destination,
        replayed=replayed,
        adopted=adopted,
    )
