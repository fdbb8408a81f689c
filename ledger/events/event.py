"""What every event is, and the tags by which events are found."""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

MinorUnits = Annotated[int, Field(gt=0, lt=10**15, strict=True)]
Currency = Annotated[str, Field(pattern=r"^[a-z]{3}$")]
Tier = Literal["founding", "standard"]


class Event(BaseModel):
    """Something that happened. `version` is the schema version it is written with."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    version: ClassVar[int] = 1

    def tags(self) -> tuple[str, ...]:
        """What the event is about: the keys by which it is found, and on which conditions are checked."""
        raise NotImplementedError


class AboutPayout(Event):
    """An event about one payout, the referral it rewards and the referrer it is owed to."""

    payout_id: str
    referral_id: str
    referrer_id: str

    def tags(self) -> tuple[str, ...]:
        return (payout_tag(self.payout_id), referral_tag(self.referral_id), referrer_tag(self.referrer_id))

    @classmethod
    def of(cls, payout: "AboutPayout", **fields: Any) -> Self:
        """One more event about the same payout."""
        return cls(payout_id=payout.payout_id, referral_id=payout.referral_id, referrer_id=payout.referrer_id, **fields)


def instructor_tag(instructor_id: str) -> str:
    """Tag of the events about one instructor's own journey."""
    return f"instructor:{instructor_id}"


def code_tag(code: str) -> str:
    """Tag of the event that issued a referral code."""
    return f"code:{code}"


def payout_tag(payout_id: str) -> str:
    """Tag of everything that happened to one payout."""
    return f"payout:{payout_id}"


def referral_tag(referral_id: str) -> str:
    """Tag of one referral, and of all that happened to its payout."""
    return f"referral:{referral_id}"


def referrer_tag(instructor_id: str) -> str:
    """Tag of all referrals of one referrer, and of all that happened to their payouts."""
    return f"referrer:{instructor_id}"


def account_tag(stripe_account_id: str) -> str:
    """Tag of what concerns one connected account of Stripe's."""
    return f"account:{stripe_account_id}"


def transfer_tag(transfer_id: str) -> str:
    """Tag of one transfer of Stripe's: what it settled, and what came back of it."""
    return f"transfer:{transfer_id}"


def stripe_event_tag(stripe_event_id: str) -> str:
    """Tag of what was recorded because of one of Stripe's events, so that hearing it again records nothing."""
    return f"stripe-event:{stripe_event_id}"


class Happened(NamedTuple):
    """An event and when it happened, by the clock of whoever reported it."""

    event: Event
    occurred_at: datetime


class Recorded(NamedTuple):
    """An event as the log holds it. A tuple, because whoever follows the log makes a million of them."""

    event: Event
    occurred_at: datetime
    position: int
    event_id: UUID
    recorded_at: datetime
    actor: str
    causation_id: str | None
    correlation_id: str | None


Occurred = Happened | Recorded
"""An event and when it happened, be it in the log or about to be."""


def type_names(*kinds: type[Event]) -> list[str]:
    """The stored names of event classes, for a query."""
    return [kind.__name__ for kind in kinds]
