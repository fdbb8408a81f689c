"""What happens to referrals, from a code to a bonus earned, and the terms under which."""

from typing import Annotated

from pydantic import Field

from ledger.events.event import (
    AboutPayout,
    Currency,
    Event,
    MinorUnits,
    Tier,
    account_tag,
    code_tag,
    instructor_tag,
    referral_tag,
    referrer_tag,
)

PROGRAM_TERMS_TAG = "program-terms"
FOUNDING_BONUS_TAG = "founding-bonus"


class ProgramTermsSet(Event):
    """The terms of the program changed; they hold for bonuses earned after this event."""

    founding_cap: Annotated[int, Field(ge=0, le=1_000_000_000, strict=True)]
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
        return (instructor_tag(self.referred_id), referrer_tag(self.referrer_id), referral_tag(self.referral_id))


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
        return (instructor_tag(self.instructor_id), account_tag(self.stripe_account_id))


class BonusEarned(AboutPayout):
    """The referrer earned a bonus, and the payout of it became our obligation."""

    referred_id: str
    tier: Tier
    founding_spot: Annotated[int, Field(ge=1)] | None  # the n-th founding bonus of the program, in log order
    founding_cap: Annotated[int, Field(ge=0, le=1_000_000_000, strict=True)]
    amount_minor: MinorUnits
    currency: Currency

    def tags(self) -> tuple[str, ...]:
        about = (instructor_tag(self.referred_id), *super().tags())
        return (*about, FOUNDING_BONUS_TAG) if self.tier == "founding" else about
