"""What happens between us and Stripe about one payout: attempts, outcomes, searches, reversals."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from ledger.events.event import AboutPayout, Currency, MinorUnits, stripe_event_tag, transfer_tag


class TransferRequested(AboutPayout):
    """The intent to call Stripe: appended before the call, with all that is needed to make exactly this call again."""

    attempt: Annotated[int, Field(ge=1)]
    idempotency_key: str
    amount_minor: MinorUnits
    currency: Currency
    destination: str
    transfer_group: str
    metadata: Mapping[str, str]


class TransferSettled(AboutPayout):
    """Stripe holds the transfer: by its answer (`replayed` when it repeated an earlier one), or found there and `adopted`."""

    attempt: int
    transfer_id: str
    amount_minor: MinorUnits
    currency: Currency
    destination: str
    replayed: bool = False
    adopted: bool = False

    def tags(self) -> tuple[str, ...]:
        return (*super().tags(), transfer_tag(self.transfer_id))


class FailureKind(StrEnum):
    """Why Stripe definitively declined an attempt. Each needs something else before a new attempt."""

    INSUFFICIENT_FUNDS = "insufficient_funds"
    ACCOUNT = "account"
    INVALID_REQUEST = "invalid_request"


class UnknownKind(StrEnum):
    """Why the outcome of a call is not known."""

    NO_ANSWER = "no_answer"  # timeout, reset, cancelled, 502/503/504
    UNREADABLE = "unreadable"  # an answer that is not Stripe's JSON
    SERVER_ERROR = "server_error"  # 500: saved under the key, so sending again only repeats it
    KEY_MISUSE = "key_misuse"  # idempotency_error, or Stripe holds something else than we asked for: our defect
    REPETITION_REFUSED = (
        "repetition_refused"  # a refusal given before Stripe looked at the key: silent on the first sending
    )


class TransferFailed(AboutPayout):
    """Stripe declined this attempt, definitively: no transfer exists under its key, and none will."""

    attempt: int
    kind: FailureKind
    stripe_code: str | None
    http_status: int
    message: str
    request_id: str | None = None


class TransferOutcomeUnknown(AboutPayout):
    """A call ended without a definitive answer: the transfer may exist. Only that key's answer, or finding it, resolves this."""

    attempt: int
    kind: UnknownKind
    detail: str
    request_id: str | None = None


class PayoutAccountVerified(AboutPayout):
    """A fresh read of the destination at Stripe, after it had declined a transfer, found it able to receive transfers."""

    stripe_account_id: str


class TransferNotFound(AboutPayout):
    """A search at Stripe for an attempt of unknown outcome found nothing. One search proves nothing; several, apart, may."""

    attempt: int
    searched: tuple[str, ...]


class TransferMismatched(AboutPayout):
    """Stripe holds transfers that claim to be of this payout, and none is what was requested. A person has to look."""

    attempt: int
    transfer_ids: tuple[str, ...]


class TransferSearchRefused(AboutPayout):
    """Our API key may not read these sources of a search, and without them nothing is proven. `message` is Stripe's own."""

    attempt: int
    sources: tuple[str, ...]
    message: str


class TransferNoticed(AboutPayout):
    """Stripe told us that something happened to a transfer of this payout. What it was is looked up, never believed."""

    stripe_event_id: str
    stripe_event_type: str

    def tags(self) -> tuple[str, ...]:
        return (*super().tags(), stripe_event_tag(self.stripe_event_id))


class TransferConfirmed(AboutPayout):
    """After a notice of Stripe's, the transfer was looked up and is as the log has it."""

    transfer_id: str


class ReversalRequested(AboutPayout):
    """The intent to reverse what is left of a transfer: appended before the call, like the transfer's own."""

    number: Annotated[int, Field(ge=1)]
    idempotency_key: str
    transfer_id: str
    amount_minor: MinorUnits
    currency: Currency
    metadata: Mapping[str, str]


class ReversalFailed(AboutPayout):
    """Stripe declined to reverse. The money stays where it is; a person decides anew."""

    number: int
    stripe_code: str | None
    http_status: int
    message: str
    request_id: str | None = None


class TransferReversed(AboutPayout):
    """Money came back: `amount_minor` by this event, `total_reversed_minor` of the transfer altogether. May repeat."""

    transfer_id: str
    amount_minor: MinorUnits
    total_reversed_minor: MinorUnits
    currency: Currency

    def tags(self) -> tuple[str, ...]:
        return (*super().tags(), transfer_tag(self.transfer_id))
