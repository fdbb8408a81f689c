"""The fold of the log into the read models. Pure: rows in, the same rows changed out; no clock, no database.

Folding the whole log into an empty `ReadModel` gives what the tables must hold (invariant 6). Two tables say by an event's type
what it changes, and which rows that will look at: looking a type up costs the same for the last of them as for the first.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ledger import identifiers
from ledger.events import (
    EVENT_TYPES,
    AboutPayout,
    AccountNoticed,
    BankPayoutReported,
    BonusEarned,
    Event,
    FirstLessonCompleted,
    InstructorWentLive,
    PayoutAccountUpdated,
    PeriodClosed,
    PeriodCutOff,
    PersonalDataErased,
    PlatformFundsAvailable,
    ProgramTermsSet,
    ReconciliationCompleted,
    ReconciliationExceptionAssigned,
    ReconciliationExceptionNoted,
    ReconciliationExceptionOpened,
    ReconciliationExceptionResolved,
    Recorded,
    ReferralAttributed,
    ReferralCodeIssued,
    StripeCredentialsAccepted,
    StripeCredentialsRejected,
    UnknownPayoutNoticed,
)
from projections import changes
from projections.changes import UndigestibleEventError
from projections.rows import ReadModel

__all__ = ["Keys", "UndigestibleEventError", "apply"]

ABOUT_PAYOUT = [kind for kind in EVENT_TYPES.values() if issubclass(kind, AboutPayout)]


def apply(model: ReadModel, recorded: Recorded) -> None:
    """Fold one event in. Raises UndigestibleEventError."""
    change = CHANGES.get(type(recorded.event))
    if change is None:
        raise UndigestibleEventError(recorded)
    change(model, recorded.event, recorded)
    model.program.position = recorded.position


def _nothing(_: ReadModel, __: Event, ___: Recorded) -> None:
    pass


# Any: an event of the type that the entry stands under, which types cannot say.
CHANGES: Mapping[type[Event], Callable[[ReadModel, Any, Recorded], None]] = MappingProxyType(
    {
        **dict.fromkeys(ABOUT_PAYOUT, changes.paid_or_not),
        BonusEarned: changes.earned,
        ProgramTermsSet: changes.terms_set,
        ReferralCodeIssued: changes.code_issued,
        PayoutAccountUpdated: changes.account_updated,
        InstructorWentLive: changes.went_live,
        FirstLessonCompleted: changes.lesson_completed,
        ReferralAttributed: changes.attributed,
        PlatformFundsAvailable: changes.funds_available,
        StripeCredentialsRejected: changes.credentials_rejected,
        StripeCredentialsAccepted: changes.credentials_accepted,
        BankPayoutReported: changes.bank_payout_reported,
        PeriodCutOff: changes.month_cut_off,
        # Only tell the payout process to look.
        AccountNoticed: _nothing,
        UnknownPayoutNoticed: _nothing,
        PeriodClosed: _nothing,  # says what the journal holds, and changes nothing in it
        PersonalDataErased: _nothing,  # nothing personal is in the read models
        # Finding that something does not fit changes nothing.
        ReconciliationCompleted: _nothing,
        ReconciliationExceptionOpened: _nothing,
        ReconciliationExceptionAssigned: _nothing,
        ReconciliationExceptionNoted: _nothing,
        ReconciliationExceptionResolved: _nothing,
    }
)


@dataclass(slots=True)
class Keys:
    """The rows that events will look at, to be loaded beforehand."""

    instructors: set[str] = field(default_factory=set)
    referrals: set[str] = field(default_factory=set)
    payouts: set[str] = field(default_factory=set)
    earnings: set[str] = field(default_factory=set)
    bank_accounts: set[str] = field(default_factory=set)

    def add(self, recorded: Recorded) -> None:
        look = LOOKS_AT.get(type(recorded.event))
        if look is not None:
            look(self, recorded.event)


def _instructor(keys: Keys, event: ReferralCodeIssued | PayoutAccountUpdated) -> None:
    keys.instructors.add(event.instructor_id)


def _progress(keys: Keys, event: InstructorWentLive | FirstLessonCompleted) -> None:
    keys.instructors.add(event.instructor_id)
    keys.referrals.add(identifiers.referral_id(event.instructor_id))


def _attribution(keys: Keys, event: ReferralAttributed) -> None:
    keys.instructors.add(event.referred_id)
    keys.earnings.add(event.referrer_id)


def _payout(keys: Keys, event: AboutPayout) -> None:
    keys.referrals.add(event.referral_id)
    keys.payouts.add(event.payout_id)
    keys.earnings.add(event.referrer_id)


def _bank_account(keys: Keys, event: BankPayoutReported) -> None:
    keys.bank_accounts.add(event.stripe_account_id)


LOOKS_AT: Mapping[type[Event], Callable[[Keys, Any], None]] = MappingProxyType(
    {
        **dict.fromkeys(ABOUT_PAYOUT, _payout),
        ReferralCodeIssued: _instructor,
        PayoutAccountUpdated: _instructor,
        InstructorWentLive: _progress,
        FirstLessonCompleted: _progress,
        ReferralAttributed: _attribution,
        BankPayoutReported: _bank_account,
    }
)
