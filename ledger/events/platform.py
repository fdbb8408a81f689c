"""What concerns our Stripe account as a whole, or somebody's connected account."""

from typing import Literal

from ledger.events.event import Currency, Event, MinorUnits, account_tag, payout_tag, stripe_event_tag

PLATFORM_FUNDS_TAG = "platform-funds"
STRIPE_CREDENTIALS_TAG = "stripe-credentials"


class PlatformFundsAvailable(Event):
    """Stripe said that the platform's balance changed: payouts that were declined for want of funds may be tried again."""

    stripe_event_id: str

    def tags(self) -> tuple[str, ...]:
        return (PLATFORM_FUNDS_TAG, stripe_event_tag(self.stripe_event_id))


class StripeCredentialsRejected(Event):
    """Stripe refused our API key (401). Recorded once; no transfer is sent until it is accepted again."""

    def tags(self) -> tuple[str, ...]:
        return (STRIPE_CREDENTIALS_TAG,)


class StripeCredentialsAccepted(Event):
    """Stripe accepts our API key again."""

    def tags(self) -> tuple[str, ...]:
        return (STRIPE_CREDENTIALS_TAG,)


class AccountNoticed(Event):
    """Stripe told us that a connected account, or one of its capabilities, changed. What it is by now is read there."""

    stripe_account_id: str
    stripe_event_id: str

    def tags(self) -> tuple[str, ...]:
        return (account_tag(self.stripe_account_id), stripe_event_tag(self.stripe_event_id))


class UnknownPayoutNoticed(Event):
    """Stripe told us of a transfer for a payout of which the log knows no bonus: it was restored to a moment before that bonus, or
    another ledger pays from this Stripe account. Should the bonus be earned again, this is followed up before anything is sent.
    """

    payout_id: str
    transfer_id: str | None
    stripe_event_id: str
    stripe_event_type: str

    def tags(self) -> tuple[str, ...]:
        return (payout_tag(self.payout_id), stripe_event_tag(self.stripe_event_id))


class BankPayoutReported(Event):
    """Stripe's leg from a connected account to the instructor's bank: `paid`, or `failed` with the bank's reason."""

    stripe_account_id: str
    bank_payout_id: str
    status: Literal["paid", "failed"]
    amount_minor: MinorUnits
    currency: Currency
    failure_code: str | None
    failure_message: str | None
    stripe_event_id: str

    def tags(self) -> tuple[str, ...]:
        return (account_tag(self.stripe_account_id), stripe_event_tag(self.stripe_event_id))
