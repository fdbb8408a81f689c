"""What an event says, as a sentence: one for each type about referrals, payouts, months of the books or the platform; the
rest describe themselves.
"""

from functools import singledispatch

from ledger.events import (
    AccountNoticed,
    ApprovalGranted,
    ApprovalRefused,
    ApprovalRequested,
    BankPayoutReported,
    BonusEarned,
    Event,
    FirstLessonCompleted,
    HoldReason,
    InstructorWentLive,
    PayoutAccountUpdated,
    PayoutAccountVerified,
    PayoutCancelled,
    PayoutHeld,
    PayoutReleased,
    PayoutRetryAuthorized,
    PeriodClosed,
    PeriodCutOff,
    PlatformFundsAvailable,
    ProgramTermsSet,
    ReferralAttributed,
    ReferralCodeIssued,
    ReversalFailed,
    ReversalRequested,
    StripeCredentialsAccepted,
    StripeCredentialsRejected,
    TransferConfirmed,
    TransferFailed,
    TransferMismatched,
    TransferNotFound,
    TransferNoticed,
    TransferOutcomeUnknown,
    TransferRequested,
    TransferReversed,
    TransferSearchRefused,
    TransferSettled,
    UnknownKind,
    UnknownPayoutNoticed,
)
from ledger.major_units import money
from ledger.story.words import name_of

__all__ = ["sentence"]

_UNKNOWN = {
    UnknownKind.NO_ANSWER: "there was no answer",
    UnknownKind.UNREADABLE: "the answer could not be read",
    UnknownKind.SERVER_ERROR: "something broke at Stripe",
    UnknownKind.KEY_MISUSE: "Stripe holds something else under this key",
    UnknownKind.REPETITION_REFUSED: "a repetition was refused before Stripe looked at its key",
}
_HELD = {
    HoldReason.MANUAL: "by a person",
    HoldReason.SAME_STRIPE_ACCOUNT: "by the rule on one account for both",
    HoldReason.MANY_BONUSES_IN_A_DAY: "by the rule on many bonuses in a day",
}


@singledispatch
def sentence(event: Event) -> str:
    """The event's own description and its values, unless there is a better sentence for its type."""
    described = " ".join((type(event).__doc__ or "").split(". ")[0].split()).rstrip(".")
    values = ", ".join(
        f"{name} {value}"
        for name, value in event.model_dump(mode="json").items()
        if value is not None and not isinstance(value, dict | list)
    )
    return f"{described or name_of(event).capitalize()}{f' ({values})' if values else ''}."


@sentence.register
def _(event: ProgramTermsSet) -> str:
    founding = money(event.founding_bonus_minor, event.currency)
    standard = money(event.standard_bonus_minor, event.currency)
    return f"The terms were set: {founding} for each of {event.founding_cap} founding spots, {standard} after them."


@sentence.register
def _(event: ReferralCodeIssued) -> str:
    return f"{event.instructor_id} got the referral code {event.code}."


@sentence.register
def _(event: ReferralAttributed) -> str:
    return f"{event.referred_id} signed up with the code {event.code} of {event.referrer_id}."


@sentence.register
def _(event: InstructorWentLive) -> str:
    return f"{event.instructor_id} went live."


@sentence.register
def _(event: FirstLessonCompleted) -> str:
    return f"{event.instructor_id} completed a first lesson ({event.lesson_id})."


@sentence.register
def _(event: PayoutAccountUpdated) -> str:
    able = "which can receive transfers" if event.transfers_active else "which cannot receive transfers yet"
    return f"{event.instructor_id} is paid to {event.stripe_account_id}, {able}."


@sentence.register
def _(event: BonusEarned) -> str:
    earned = money(event.amount_minor, event.currency)
    return f"{event.referrer_id} earned {earned} for {event.referred_id}; it is owed as {event.payout_id}."


@sentence.register
def _(event: TransferRequested) -> str:
    return f"Attempt {event.attempt} was about to begin: {money(event.amount_minor, event.currency)} to {event.destination}."


@sentence.register
def _(event: TransferSettled) -> str:
    how = ""
    if event.adopted:
        how = " It was found there after its answer had been lost."
    elif event.replayed:
        how = " Stripe repeated the answer to an earlier sending."
    paid = money(event.amount_minor, event.currency)
    return f"{paid} were paid to {event.destination}: Stripe holds transfer {event.transfer_id}.{how}"


@sentence.register
def _(event: TransferFailed) -> str:
    return f"Stripe declined attempt {event.attempt}, and no money moved: {_refusal(event)}"


@sentence.register
def _(event: TransferOutcomeUnknown) -> str:
    why = _UNKNOWN[event.kind] + (f" ({event.detail})" if event.detail else "")
    return f"What became of attempt {event.attempt} is not known: {why}. The money may have moved."


@sentence.register
def _(event: PayoutAccountVerified) -> str:
    return f"Stripe was asked about {event.stripe_account_id}: it can receive transfers."


@sentence.register
def _(event: TransferNotFound) -> str:
    return f"Stripe was searched for attempt {event.attempt}, in vain: {', '.join(event.searched)}."


@sentence.register
def _(event: TransferMismatched) -> str:
    found = ", ".join(event.transfer_ids)
    return (
        f"Stripe holds for this payout what attempt {event.attempt} did not ask for, or what the log has not: {found}."
    )


@sentence.register
def _(event: TransferSearchRefused) -> str:
    sources = ", ".join(event.sources)
    return f"Stripe did not let our API key search for attempt {event.attempt} ({sources}): {event.message}"


@sentence.register
def _(event: TransferNoticed) -> str:
    return f"Stripe said that something happened to the transfer ({event.stripe_event_type})."


@sentence.register
def _(event: TransferConfirmed) -> str:
    return f"Transfer {event.transfer_id} was looked up at Stripe, and is as the log has it."


@sentence.register
def _(event: ReversalRequested) -> str:
    back = money(event.amount_minor, event.currency)
    return f"Reversal {event.number} was about to begin: {back} back from transfer {event.transfer_id}."


@sentence.register
def _(event: ReversalFailed) -> str:
    return f"Stripe declined reversal {event.number}, and the money stayed where it was: {_refusal(event)}"


@sentence.register
def _(event: TransferReversed) -> str:
    back, total = money(event.amount_minor, event.currency), money(event.total_reversed_minor, event.currency)
    return f"{back} of transfer {event.transfer_id} came back, {total} of it altogether."


@sentence.register
def _(event: PayoutHeld) -> str:
    return f"The payout was held {_HELD[event.reason]}: {event.note}"


@sentence.register
def _(event: PayoutReleased) -> str:
    return f"The payout was looked at and released: {event.note}"


@sentence.register
def _(event: ApprovalRequested) -> str:
    return f"Request {event.number}, to {event.action} the payout, awaits a second person: {event.note}"


@sentence.register
def _(event: ApprovalGranted) -> str:
    return f"Request {event.number}, to {event.action} the payout, was approved by a second person: {event.note}"


@sentence.register
def _(event: ApprovalRefused) -> str:
    return f"Request {event.number}, to {event.action} the payout, was refused: {event.note}"


@sentence.register
def _(event: PayoutRetryAuthorized) -> str:
    after = "an unknown outcome" if event.after == "unknown" else "a decline"
    return f"A new attempt was allowed after {after}: {event.note}"


@sentence.register
def _(event: PayoutCancelled) -> str:
    return f"{money(event.amount_minor, event.currency)} were given up and are owed no more: {event.note}"


@sentence.register
def _(event: UnknownPayoutNoticed) -> str:
    told = f"Stripe told of transfer {event.transfer_id or 'without an id'} for this payout ({event.stripe_event_type})"
    return f"{told}, and the log knew of no bonus that it could be for."


@sentence.register
def _(_event: PlatformFundsAvailable) -> str:
    return "Stripe said that the platform's balance had changed."


@sentence.register
def _(_event: StripeCredentialsRejected) -> str:
    return "Stripe refused our API key. Nothing is sent until it is taken again."


@sentence.register
def _(_event: StripeCredentialsAccepted) -> str:
    return "Stripe took our API key again."


@sentence.register
def _(event: AccountNoticed) -> str:
    return f"Stripe said that {event.stripe_account_id} had changed."


@sentence.register
def _(event: BankPayoutReported) -> str:
    sent = f"{money(event.amount_minor, event.currency)} from {event.stripe_account_id} to its bank ({event.bank_payout_id})"
    if event.status == "paid":
        return f"Stripe sent {sent}."
    return f"Stripe could not send {sent}: {event.failure_message or event.failure_code or 'the bank did not say why'}"


@sentence.register
def _(event: PeriodCutOff) -> str:
    return f"{event.month} was cut off: what is recorded of it from here on goes to the month after it, under its own date."


@sentence.register
def _(event: PeriodClosed) -> str:
    entries = "1 entry" if event.entries == 1 else f"{event.entries} entries"
    return f"The books of {event.month} were closed with {entries}, as of position {event.cut_off_position}."


def _refusal(event: TransferFailed | ReversalFailed) -> str:
    code = event.stripe_code or "no code"
    return f"{code}, HTTP {event.http_status}. {event.message}".strip()
