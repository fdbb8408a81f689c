"""The changes that events make to the rows of a `ReadModel`; by which event each is made, says `fold`.

UndigestibleEventError   an event does not fit what came before it
"""

from collections.abc import Mapping
from types import MappingProxyType

from ledger import identifiers
from ledger.books.months import period_of
from ledger.books.posting import entry
from ledger.events import (
    AboutPayout,
    BankPayoutReported,
    BonusEarned,
    FirstLessonCompleted,
    InstructorWentLive,
    PayoutAccountUpdated,
    PeriodCutOff,
    PlatformFundsAvailable,
    ProgramTermsSet,
    Recorded,
    ReferralAttributed,
    ReferralCodeIssued,
    StripeCredentialsAccepted,
    StripeCredentialsRejected,
    TransferSettled,
)
from ledger.payouts import payout_fold as payouts
from ledger.payouts.payout import Payout
from ledger.status import payout_status, status_of
from projections.rows import BankAccountRow, PayoutRow, ReadModel, ReferralRow

NO_MONEY: Mapping[str, int] = MappingProxyType({})


class UndigestibleEventError(Exception):
    """An event that the read models do not know what to do with. The projection stops there; nothing is skipped."""

    def __init__(self, recorded: Recorded) -> None:
        super().__init__(
            f"position {recorded.position}: {type(recorded.event).__name__} does not fit what came before it"
        )
        self.position = recorded.position


def terms_set(model: ReadModel, event: ProgramTermsSet, _: Recorded) -> None:
    model.program.founding_cap = event.founding_cap
    model.program.founding_bonus_minor = event.founding_bonus_minor
    model.program.standard_bonus_minor = event.standard_bonus_minor
    model.program.currency = event.currency


def code_issued(model: ReadModel, event: ReferralCodeIssued, _: Recorded) -> None:
    model.instructor(event.instructor_id).codes.append(event.code)


def account_updated(model: ReadModel, event: PayoutAccountUpdated, recorded: Recorded) -> None:
    row = model.instructor(event.instructor_id)
    row.stripe_account_id = event.stripe_account_id
    row.transfers_active = event.transfers_active
    row.account_updated_at = recorded.occurred_at
    row.account_position = recorded.position


def went_live(model: ReadModel, event: InstructorWentLive, recorded: Recorded) -> None:
    model.instructor(event.instructor_id).live_at = recorded.occurred_at
    _moved(model, identifiers.referral_id(event.instructor_id))


def lesson_completed(model: ReadModel, event: FirstLessonCompleted, recorded: Recorded) -> None:
    model.instructor(event.instructor_id).first_lesson_at = recorded.occurred_at
    _moved(model, identifiers.referral_id(event.instructor_id))


def attributed(model: ReadModel, event: ReferralAttributed, recorded: Recorded) -> None:
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
    _count(model, referral, NO_MONEY, 1)


def _moved(model: ReadModel, referral_id: str) -> None:
    """Carry the referred instructor's progress over to the referral, if there is one."""
    referral = model.referrals.get(referral_id)
    if referral is None:
        return
    instructor = model.instructor(referral.referred_id)
    referral.live_at, referral.first_lesson_at = instructor.live_at, instructor.first_lesson_at
    status = status_of(referral.live_at, None)
    if referral.payout_id is None and status != referral.status:
        _count(model, referral, NO_MONEY, -1)
        referral.status = status
        _count(model, referral, NO_MONEY, 1)


def earned(model: ReadModel, event: BonusEarned, recorded: Recorded) -> None:
    referral = model.referrals.get(event.referral_id)
    payout = payouts.evolve(None, recorded)
    if referral is None or payout is None or event.payout_id in model.payouts:
        raise UndigestibleEventError(recorded)
    _post(model, None, recorded)
    _count(model, referral, NO_MONEY, -1)
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
    _count(model, referral, row.shares(), 1)
    for sums in (model.earnings_of(event.referrer_id), model.program):
        sums.earned_minor += event.amount_minor
    if event.founding_spot is None:
        model.program.standard_bonuses += 1
    else:
        model.program.founding_bonuses += 1
        model.program.spots_filled = max(model.program.spots_filled, event.founding_spot)


def paid_or_not(model: ReadModel, event: AboutPayout, recorded: Recorded) -> None:
    row = model.payouts.get(event.payout_id)
    state = payouts.evolve(row.state, recorded) if row is not None else None
    referral = model.referrals.get(row.referral_id) if row is not None else None
    if row is None or state is None or referral is None:
        raise UndigestibleEventError(recorded)
    _post(model, row.state, recorded)
    counted_before, shares_before = row.status, row.shares()
    _show(row, state, recorded)
    shares = row.shares()
    if (row.status, shares) != (counted_before, shares_before):  # most events leave the sums as they are
        _count(model, referral, shares_before, -1)
        referral.status = row.status
        _count(model, referral, shares, 1)


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


def funds_available(model: ReadModel, _: PlatformFundsAvailable, recorded: Recorded) -> None:
    model.program.funds_position = recorded.position


def credentials_rejected(model: ReadModel, _: StripeCredentialsRejected, recorded: Recorded) -> None:
    model.program.credentials_rejected_at = recorded.recorded_at


def credentials_accepted(model: ReadModel, _: StripeCredentialsAccepted, __: Recorded) -> None:
    model.program.credentials_rejected_at = None


def month_cut_off(model: ReadModel, event: PeriodCutOff, _: Recorded) -> None:
    model.program.cut_off_month = event.month


def bank_payout_reported(model: ReadModel, event: BankPayoutReported, recorded: Recorded) -> None:
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


def _count(model: ReadModel, referral: ReferralRow, shares: Mapping[str, int], sign: int) -> None:
    model.earnings_of(referral.referrer_id).count(referral.status, shares, sign)
    model.program.count(referral.status, shares, sign)
