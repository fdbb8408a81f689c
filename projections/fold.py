"""What each event changes in the read models. Pure: rows in, the same rows changed out; no clock, no database.

Folding the whole log into an empty `ReadModel` gives what the tables must hold (invariant 6).
"""

from dataclasses import dataclass, field

from ledger import identifiers
from ledger.books.months import period_of
from ledger.books.posting import entry
from ledger.events import (
    AboutPayout,
    AccountNoticed,
    BankPayoutReported,
    BonusEarned,
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
    TransferSettled,
)
from ledger.payouts import payout as payouts
from ledger.payouts.payout import Payout
from ledger.status import payout_status, status_of
from projections.rows import BankAccountRow, InstructorRow, PayoutRow, ReadModel, ReferralRow


class UndigestibleEventError(Exception):
    """An event that the read models do not know what to do with. The projection stops there; nothing is skipped."""

    def __init__(self, recorded: Recorded) -> None:
        super().__init__(
            f"position {recorded.position}: {type(recorded.event).__name__} does not fit what came before it"
        )
        self.position = recorded.position


@dataclass(slots=True)
class Keys:
    """The rows that events will look at, to be loaded beforehand."""

    instructors: set[str] = field(default_factory=set)
    referrals: set[str] = field(default_factory=set)
    payouts: set[str] = field(default_factory=set)
    earnings: set[str] = field(default_factory=set)
    bank_accounts: set[str] = field(default_factory=set)

    def add(self, recorded: Recorded) -> None:
        match recorded.event:
            case ReferralCodeIssued(instructor_id=instructor_id) | PayoutAccountUpdated(instructor_id=instructor_id):
                self.instructors.add(instructor_id)
            case InstructorWentLive(instructor_id=instructor_id) | FirstLessonCompleted(instructor_id=instructor_id):
                self.instructors.add(instructor_id)
                self.referrals.add(identifiers.referral_id(instructor_id))
            case ReferralAttributed() as event:
                self.instructors.add(event.referred_id)
                self.earnings.add(event.referrer_id)
            case AboutPayout() as event:
                self.referrals.add(event.referral_id)
                self.payouts.add(event.payout_id)
                self.earnings.add(event.referrer_id)
            case BankPayoutReported() as event:
                self.bank_accounts.add(event.stripe_account_id)
            case _:
                pass


def apply(model: ReadModel, recorded: Recorded) -> None:
    """Fold one event in. Raises UndigestibleEventError."""
    event = recorded.event
    match event:
        case ProgramTermsSet():
            model.program.founding_cap = event.founding_cap
            model.program.founding_bonus_minor = event.founding_bonus_minor
            model.program.standard_bonus_minor = event.standard_bonus_minor
            model.program.currency = event.currency
        case ReferralCodeIssued():
            model.instructor(event.instructor_id).codes.append(event.code)
        case PayoutAccountUpdated():
            _account(model.instructor(event.instructor_id), event, recorded)
        case InstructorWentLive(instructor_id=instructor_id):
            model.instructor(instructor_id).live_at = recorded.occurred_at
            _moved(model, identifiers.referral_id(instructor_id))
        case FirstLessonCompleted(instructor_id=instructor_id):
            model.instructor(instructor_id).first_lesson_at = recorded.occurred_at
            _moved(model, identifiers.referral_id(instructor_id))
        case ReferralAttributed():
            _attributed(model, event, recorded)
        case BonusEarned():
            _earned(model, event, recorded)
        case AboutPayout():
            _paid_or_not(model, event.payout_id, recorded)
        case _:
            _told_by_stripe(model, recorded)
    model.program.position = recorded.position


def _told_by_stripe(model: ReadModel, recorded: Recorded) -> None:
    """What concerns no single payout."""
    event = recorded.event
    match event:
        case PlatformFundsAvailable():
            model.program.funds_position = recorded.position
        case StripeCredentialsRejected():
            model.program.credentials_rejected_at = recorded.recorded_at
        case StripeCredentialsAccepted():
            model.program.credentials_rejected_at = None
        case BankPayoutReported():
            _bank_payout(model, event, recorded)
        case AccountNoticed():
            pass  # only tells the payout process to look
        case PeriodCutOff(month=month):
            model.program.cut_off_month = month
        case PeriodClosed():
            pass  # says what the journal holds, and changes nothing in it
        case PersonalDataErased():
            pass  # nothing personal is in the read models
        case (
            ReconciliationCompleted()
            | ReconciliationExceptionOpened()
            | ReconciliationExceptionAssigned()
            | ReconciliationExceptionNoted()
            | ReconciliationExceptionResolved()
        ):
            pass  # finding that something does not fit changes nothing
        case _:
            raise UndigestibleEventError(recorded)


def _account(row: InstructorRow, event: PayoutAccountUpdated, recorded: Recorded) -> None:
    row.stripe_account_id = event.stripe_account_id
    row.transfers_active = event.transfers_active
    row.account_updated_at = recorded.occurred_at
    row.account_position = recorded.position


def _attributed(model: ReadModel, event: ReferralAttributed, recorded: Recorded) -> None:
    instructor = model.instructor(event.referred_id)
    referral = ReferralRow(
        referral_id=event.referral_id,
        referred_id=event.referred_id,
        referrer_id=event.referrer_id,
        code=event.code,
        status=status_of(instructor.live_at, None),
        attributed_at=recorded.occurred_at,
        attributed_position=recorded.position,
        live_at=instructor.live_at,
        first_lesson_at=instructor.first_lesson_at,
    )
    model.referrals[event.referral_id] = referral
    _count(model, referral, None, 1)


def _moved(model: ReadModel, referral_id: str) -> None:
    """Carry the referred instructor's progress over to the referral, if there is one."""
    referral = model.referrals.get(referral_id)
    if referral is None:
        return
    instructor = model.instructor(referral.referred_id)
    referral.live_at, referral.first_lesson_at = instructor.live_at, instructor.first_lesson_at
    status = status_of(referral.live_at, None)
    if referral.payout_id is None and status != referral.status:
        _count(model, referral, None, -1)
        referral.status = status
        _count(model, referral, None, 1)


def _earned(model: ReadModel, event: BonusEarned, recorded: Recorded) -> None:
    referral = model.referrals.get(event.referral_id)
    payout = payouts.evolve(None, recorded)
    if referral is None or payout is None or event.payout_id in model.payouts:
        raise UndigestibleEventError(recorded)
    _post(model, None, recorded)
    _count(model, referral, None, -1)
    referral.earned_at = recorded.occurred_at
    referral.tier, referral.founding_spot = event.tier, event.founding_spot
    referral.amount_minor, referral.currency = event.amount_minor, event.currency
    referral.payout_id = event.payout_id
    referral.status = payout_status(payout)
    row = model.payouts[event.payout_id] = PayoutRow(
        payout_id=event.payout_id,
        referral_id=event.referral_id,
        referrer_id=event.referrer_id,
        referred_id=event.referred_id,
        status=referral.status,
        earned_position=recorded.position,
        earned_at=recorded.occurred_at,
        amount_minor=event.amount_minor,
        currency=event.currency,
        tier=event.tier,
        attempt=0,
        destination=None,
        transfer_id=None,
        settled_at=None,
        state=payout,
    )
    _count(model, referral, row, 1)
    for sums in (model.earnings_of(event.referrer_id), model.program):
        sums.earned_minor += event.amount_minor
    if event.founding_spot is None:
        model.program.standard_bonuses += 1
    else:
        model.program.founding_bonuses += 1
        model.program.spots_filled = max(model.program.spots_filled, event.founding_spot)


def _paid_or_not(model: ReadModel, payout_id: str, recorded: Recorded) -> None:
    row = model.payouts.get(payout_id)
    state = payouts.evolve(row.state, recorded) if row is not None else None
    referral = model.referrals.get(row.referral_id) if row is not None else None
    if row is None or state is None or referral is None:
        raise UndigestibleEventError(recorded)
    _post(model, row.state, recorded)
    _count(model, referral, row, -1)
    _show(row, state, recorded)
    referral.status = row.status
    _count(model, referral, row, 1)


def _show(row: PayoutRow, state: Payout, recorded: Recorded) -> None:
    row.state = state
    row.status = payout_status(state)
    row.attempt = state.attempt
    row.reversed_minor = state.reversed_minor
    row.given_up_minor = max(0, state.reversed_minor - max(0, state.owed_minor))
    row.open_approval = state.approval.number if state.approval is not None and not state.approval.granted else None
    if state.unresolved is not None:
        row.destination = state.unresolved.request.destination
    if isinstance(recorded.event, TransferSettled):
        row.destination = recorded.event.destination
        row.transfer_id = recorded.event.transfer_id
        row.settled_at = recorded.occurred_at


def _bank_payout(model: ReadModel, event: BankPayoutReported, recorded: Recorded) -> None:
    """The newest that the bank said about this account, by the time at which it happened."""
    known = model.bank_accounts.get(event.stripe_account_id)
    if known is None or known.reported_at <= recorded.occurred_at:
        model.bank_accounts[event.stripe_account_id] = BankAccountRow(
            stripe_account_id=event.stripe_account_id,
            status=event.status,
            amount_minor=event.amount_minor,
            currency=event.currency,
            failure_code=event.failure_code,
            reported_at=recorded.occurred_at,
        )


def _post(model: ReadModel, before: Payout | None, recorded: Recorded) -> None:
    """Write the event into the journal, if it moves money or changes an obligation."""
    if model.journal is not None and (posted := entry(before, recorded)) is not None:
        model.journal.post(posted, recorded, period_of(recorded.occurred_at, model.program.cut_off_month))


def _count(model: ReadModel, referral: ReferralRow, payout: PayoutRow | None, sign: int) -> None:
    model.earnings_of(referral.referrer_id).count(referral.status, payout, sign)
    model.program.count(referral.status, payout, sign)
