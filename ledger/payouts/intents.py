"""The exact requests to Stripe: everything in them follows from the payout, so that they can be made again to the letter."""

from ledger import identifiers
from ledger.events import ReversalRequested, TransferRequested, TransferSettled
from ledger.payouts.payout import Payout


def transfer_intent(payout: Payout, attempt: int, destination: str) -> TransferRequested:
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


def reversal_intent(payout: Payout, settlement: TransferSettled) -> ReversalRequested:
    """The request to reverse what is left of a payout's transfer."""
    number = payout.reversals + 1
    return ReversalRequested.of(
        payout.bonus,
        number=number,
        idempotency_key=identifiers.reversal_key(payout.payout_id, number),
        transfer_id=settlement.transfer_id,
        amount_minor=settlement.amount_minor - payout.reversed_minor,
        currency=settlement.currency,
        metadata={"payout_id": payout.payout_id, "referral_id": payout.bonus.referral_id, "number": str(number)},
    )
