"""The events of the ledger: what the log says, in the field's words.

Each is frozen and stored under its class name, never under a module path, so code may move and the log stays readable.
Events carry opaque ids only; personal data never enters the log. Money is an integer in minor units beside its ISO 4217
currency in Stripe's lower-case spelling.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

MinorUnits = Annotated[int, Field(gt=0, strict=True)]
Currency = Annotated[str, Field(pattern=r"^[a-z]{3}$")]
Tier = Literal["founding", "standard"]


class Event(BaseModel):
    """Something that happened. `version` is the schema version it is written with."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    version: ClassVar[int] = 1

    def tags(self) -> tuple[str, ...]:
        """What the event is about: the keys by which it is found, and on which conditions are checked."""
        raise NotImplementedError


class ProgramTermsSet(Event):
    """The terms of the program changed; they hold for bonuses earned after this event."""

    founding_cap: Annotated[int, Field(ge=0)]
    founding_bonus_minor: MinorUnits
    standard_bonus_minor: MinorUnits
    currency: Currency

    def tags(self) -> tuple[str, ...]:
        return (PROGRAM_TERMS_TAG,)


class ReferralCodeIssued(Event):
    instructor_id: str
    code: str

    def tags(self) -> tuple[str, ...]:
        return (instructor_tag(self.instructor_id), code_tag(self.code))


class ReferralAttributed(Event):
    """The referred instructor signed up with a referrer's code."""

    referral_id: str
    referred_id: str
    referrer_id: str
    code: str

    def tags(self) -> tuple[str, ...]:
        return (instructor_tag(self.referred_id), f"referrer:{self.referrer_id}", f"referral:{self.referral_id}")


class InstructorWentLive(Event):
    instructor_id: str

    def tags(self) -> tuple[str, ...]:
        return (instructor_tag(self.instructor_id),)


class FirstLessonCompleted(Event):
    instructor_id: str
    lesson_id: str

    def tags(self) -> tuple[str, ...]:
        return (instructor_tag(self.instructor_id),)


class PayoutAccountUpdated(Event):
    """Where an instructor's money goes, and whether Stripe's transfers capability is active there."""

    instructor_id: str
    stripe_account_id: str
    transfers_active: bool

    def tags(self) -> tuple[str, ...]:
        return (instructor_tag(self.instructor_id), f"account:{self.stripe_account_id}")


class BonusEarned(Event):
    """The referrer earned a bonus, and the payout of it became our obligation."""

    referral_id: str
    payout_id: str
    referred_id: str
    referrer_id: str
    tier: Tier
    founding_spot: Annotated[int, Field(ge=1)] | None  # the n-th founding bonus of the program, in log order
    founding_cap: Annotated[int, Field(ge=0)]
    amount_minor: MinorUnits
    currency: Currency

    def tags(self) -> tuple[str, ...]:
        about = (instructor_tag(self.referred_id), *_payout_tags(self))
        return (*about, FOUNDING_BONUS_TAG) if self.tier == "founding" else about


class TransferRequested(Event):
    """The intent to call Stripe: appended before the call, with all that is needed to make exactly this call again."""

    payout_id: str
    referral_id: str
    referrer_id: str
    attempt: Annotated[int, Field(ge=1)]
    idempotency_key: str
    amount_minor: MinorUnits
    currency: Currency
    destination: str
    transfer_group: str
    metadata: Mapping[str, str]

    def tags(self) -> tuple[str, ...]:
        return _payout_tags(self)


class TransferSettled(Event):
    """Stripe holds the transfer: by its answer (`replayed` when it repeated an earlier one), or found there and `adopted`."""

    payout_id: str
    referral_id: str
    referrer_id: str
    attempt: int
    transfer_id: str
    amount_minor: MinorUnits
    currency: Currency
    destination: str
    replayed: bool = False
    adopted: bool = False

    def tags(self) -> tuple[str, ...]:
        return (*_payout_tags(self), f"transfer:{self.transfer_id}")


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


class TransferFailed(Event):
    """Stripe declined this attempt, definitively: no transfer exists under its key, and none will."""

    payout_id: str
    referral_id: str
    referrer_id: str
    attempt: int
    kind: FailureKind
    stripe_code: str | None
    http_status: int
    message: str
    request_id: str | None = None

    def tags(self) -> tuple[str, ...]:
        return _payout_tags(self)


class TransferOutcomeUnknown(Event):
    """A call ended without a definitive answer: the transfer may exist. Only that key's answer, or finding it, resolves this."""

    payout_id: str
    referral_id: str
    referrer_id: str
    attempt: int
    kind: UnknownKind
    detail: str
    request_id: str | None = None

    def tags(self) -> tuple[str, ...]:
        return _payout_tags(self)


class PayoutAccountVerified(Event):
    """A fresh read of the destination at Stripe, after it had declined a transfer, found it able to receive transfers."""

    payout_id: str
    referral_id: str
    referrer_id: str
    stripe_account_id: str

    def tags(self) -> tuple[str, ...]:
        return _payout_tags(self)


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


PayoutEvent = TransferRequested | TransferSettled | TransferFailed | TransferOutcomeUnknown | PayoutAccountVerified

PROGRAM_TERMS_TAG = "program-terms"
FOUNDING_BONUS_TAG = "founding-bonus"
PLATFORM_FUNDS_TAG = "platform-funds"
STRIPE_CREDENTIALS_TAG = "stripe-credentials"


def instructor_tag(instructor_id: str) -> str:
    """Tag of the events about one instructor's own journey."""
    return f"instructor:{instructor_id}"


def code_tag(code: str) -> str:
    """Tag of the event that issued a referral code."""
    return f"code:{code}"


def payout_tag(payout_id: str) -> str:
    """Tag of everything that happened to one payout."""
    return f"payout:{payout_id}"


def stripe_event_tag(stripe_event_id: str) -> str:
    """Tag of what was recorded because of one of Stripe's events, so that hearing it again records nothing."""
    return f"stripe-event:{stripe_event_id}"


def _payout_tags(event: "BonusEarned | PayoutEvent") -> tuple[str, ...]:
    return (payout_tag(event.payout_id), f"referral:{event.referral_id}", f"referrer:{event.referrer_id}")


EVENT_TYPES: Mapping[str, type[Event]] = MappingProxyType({kind.__name__: kind for kind in Event.__subclasses__()})

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
UPCASTERS: Mapping[tuple[str, int], Upcaster] = MappingProxyType({})
"""(type, stored version) → the function that turns its data into that of the next version. A stored event never changes."""


@dataclass(frozen=True, slots=True)
class Happened:
    """An event and when it happened, by the clock of whoever reported it."""

    event: Event
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Recorded(Happened):
    """An event as the log holds it."""

    position: int
    event_id: UUID
    recorded_at: datetime
    actor: str
    causation_id: str | None
    correlation_id: str | None


class UnknownEventTypeError(Exception):
    """The log holds an event of a type or version that this code does not know. It is never skipped: deploy newer code."""

    def __init__(self, event_type: str, version: int) -> None:
        super().__init__(
            f"the log holds {event_type} version {version}, which this release cannot read; deploy a newer one"
        )
        self.event_type = event_type
        self.version = version


def decode(event_type: str, version: int, data: bytes) -> Event:
    """The event of a stored row, upcast to today's schema.

    Raises UnknownEventTypeError for what this code does not know, pydantic.ValidationError for data that does not fit.
    """
    kind = EVENT_TYPES.get(event_type)
    if kind is None or version > kind.version:
        raise UnknownEventTypeError(event_type, version)
    if version == kind.version:
        return kind.model_validate_json(data)
    fields: dict[str, Any] = json.loads(data)
    for stored_version in range(version, kind.version):
        fields = UPCASTERS[event_type, stored_version](fields)
    return kind.model_validate(fields)


def type_names(*kinds: type[Event]) -> list[str]:
    """The stored names of event classes, for a query."""
    return [kind.__name__ for kind in kinds]
