"""Why not yet: for each state a referral or its payout can be in, what it waits for, in words for two readers.

An instructor reads `for_instructor` and `next_step` and never sees a code. An operator sees the code and `for_operator`.
"""

from enum import StrEnum
from typing import Literal, NamedTuple

Actor = Literal["instructor", "referrer", "platform", "operator", "stripe", "nobody"]


class Reason(StrEnum):
    """Stable codes; part of the HTTP interface for finance and audit."""

    AWAITING_GO_LIVE = "awaiting_go_live"
    AWAITING_FIRST_LESSON = "awaiting_first_lesson"
    QUEUED = "queued"
    NO_PAYOUT_ACCOUNT = "no_payout_account"
    PAYOUT_ACCOUNT_INACTIVE = "payout_account_inactive"
    TRANSFER_IN_PROGRESS = "transfer_in_progress"
    CONFIRMING_WITH_STRIPE = "confirming_with_stripe"
    RECONCILIATION_REQUIRED = "reconciliation_required"
    STRIPE_CREDENTIALS_REJECTED = "stripe_credentials_rejected"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    ACCOUNT_DECLINED = "account_declined"
    REQUEST_DECLINED = "request_declined"
    RETRIES_EXHAUSTED = "retries_exhausted"
    STRIPE_UNAVAILABLE = "stripe_unavailable"
    SEARCH_REFUSED = "search_refused"
    TRANSFER_MISMATCHED = "transfer_mismatched"
    ABSENCE_CONFIRMED = "absence_confirmed"
    HOLD_PERIOD = "hold_period"
    HELD = "held"
    HELD_SAME_ACCOUNT = "held_same_account"
    HELD_MANY_BONUSES = "held_many_bonuses"
    APPROVAL_PENDING = "approval_pending"
    PAID = "paid"
    REVERSAL_IN_PROGRESS = "reversal_in_progress"
    PARTLY_REVERSED = "partly_reversed"
    PARTLY_GIVEN_UP = "partly_given_up"
    REVERSED = "reversed"
    CANCELLED = "cancelled"


class Explanation(NamedTuple):
    """`who` has to act for this to move on."""

    for_instructor: str
    next_step: str
    for_operator: str
    who: Actor


EXPLANATIONS: dict[Reason, Explanation] = {
    Reason.AWAITING_GO_LIVE: Explanation(
        "Your referral has signed up and is not live yet.",
        "They finish their profile and go live.",
        "No InstructorWentLive recorded for the referred instructor.",
        "instructor",
    ),
    Reason.AWAITING_FIRST_LESSON: Explanation(
        "Your referral is live and has not completed a lesson yet.",
        "They complete their first lesson; then your bonus is earned.",
        "No FirstLessonCompleted recorded for the referred instructor.",
        "instructor",
    ),
    Reason.QUEUED: Explanation(
        "Your bonus is earned and its payment is about to be sent.",
        "Nothing to do: we send it shortly.",
        "Owed; preflight passes; waiting for a worker.",
        "nobody",
    ),
    Reason.NO_PAYOUT_ACCOUNT: Explanation(
        "Your bonus is earned. We do not know yet where to pay it.",
        "Connect your payout account; we pay as soon as it is ready.",
        "No PayoutAccountUpdated recorded for the referrer.",
        "referrer",
    ),
    Reason.PAYOUT_ACCOUNT_INACTIVE: Explanation(
        "Your bonus is earned. Your payout account cannot receive payments yet.",
        "Finish setting up your payout account; we pay as soon as it is ready.",
        "The newest account fact says that the transfers capability is not active.",
        "referrer",
    ),
    Reason.TRANSFER_IN_PROGRESS: Explanation(
        "Your payment is being sent.",
        "Nothing to do: this takes moments.",
        "TransferRequested recorded, no outcome yet; the same key is sent again after a crash.",
        "nobody",
    ),
    Reason.CONFIRMING_WITH_STRIPE: Explanation(
        "Your payment was sent and we are confirming that it arrived.",
        "Nothing to do: we keep checking.",
        "Outcome unknown, for the reason in the newest TransferOutcomeUnknown: unheard (no_answer, unreadable), refused when it "
        "was repeated (repetition_refused), or broken at Stripe (server_error). Repeated under the same key, or searched for.",
        "stripe",
    ),
    Reason.RECONCILIATION_REQUIRED: Explanation(
        "Your payment is being checked by our team.",
        "Nothing to do: we will complete it or tell you.",
        "Outcome unknown and past the key's safe window (or the key was misused): never sent again, but searched for by itself. "
        "When several searches confirm that it is absent, retry or cancel it.",
        "operator",
    ),
    Reason.STRIPE_CREDENTIALS_REJECTED: Explanation(
        "Your payment is delayed on our side.",
        "Nothing to do: it is sent once we have solved this.",
        "Stripe rejected our API key (401). Mend STRIPE_API_KEY; the same request is then sent again.",
        "operator",
    ),
    Reason.INSUFFICIENT_FUNDS: Explanation(
        "Your payment is delayed on our side.",
        "Nothing to do: we try again automatically.",
        "Stripe: the platform's balance is insufficient. Top it up; retried when funds arrive, and with backoff.",
        "operator",
    ),
    Reason.ACCOUNT_DECLINED: Explanation(
        "Your payout account did not accept the payment.",
        "Check your payout account or connect another one; we pay as soon as it can receive payments.",
        "Stripe declined the destination account. Retried after a newer account fact or a favourable read at Stripe.",
        "referrer",
    ),
    Reason.REQUEST_DECLINED: Explanation(
        "Your payment needs attention from our team.",
        "Nothing to do: we are looking into it.",
        "Stripe declined the request itself. A person mends the cause; a newer account fact is tried as well.",
        "operator",
    ),
    Reason.RETRIES_EXHAUSTED: Explanation(
        "Your payment needs attention from our team.",
        "Nothing to do: we are looking into it.",
        "Declined for 7 days; no longer retried by itself. Mend the cause (see the last error), then retry it; an account fact or "
        "funds that arrive start it as well, if that was the cause.",
        "operator",
    ),
    Reason.STRIPE_UNAVAILABLE: Explanation(
        "Your payment is delayed by our payment provider.",
        "Nothing to do: it is sent as soon as they are back.",
        "Stripe does not answer; the circuit breaker is open and lets a probe through now and then.",
        "stripe",
    ),
    Reason.SEARCH_REFUSED: Explanation(
        "Your payment is being checked by our team.",
        "Nothing to do: we will complete it or tell you.",
        "Stripe lets our API key not read all that has to be searched; the newest TransferSearchRefused names the sources and "
        "has Stripe's words. Give the restricted key read permission for transfers, balance transactions and events.",
        "operator",
    ),
    Reason.TRANSFER_MISMATCHED: Explanation(
        "Your payment is being checked by our team.",
        "Nothing to do: we will complete it or tell you.",
        "Stripe holds a transfer that claims to be of this payout and has another amount, currency or destination; the newest "
        "TransferMismatched names it. Look at it at Stripe, and reverse it there in full; then the search goes on.",
        "operator",
    ),
    Reason.ABSENCE_CONFIRMED: Explanation(
        "Your payment is being checked by our team.",
        "Nothing to do: we will complete it or tell you.",
        "Several searches at Stripe, apart, did not find the transfer. Ask for a retry; a second person approves it.",
        "operator",
    ),
    Reason.HOLD_PERIOD: Explanation(
        "Your bonus is earned and is paid after a short waiting period.",
        "Nothing to do: we pay when the period is over.",
        "Within the hold period of the policy (PAYOUT_HOLD_DAYS).",
        "nobody",
    ),
    Reason.HELD: Explanation(
        "Your payment is being reviewed by our team.",
        "Nothing to do: we release it or get in touch.",
        "Held by a person; see the note in the timeline. Release it to go on.",
        "operator",
    ),
    Reason.HELD_SAME_ACCOUNT: Explanation(
        "Your payment is being reviewed by our team.",
        "Nothing to do: we release it or get in touch.",
        "Held by rule: referrer and referred instructor use the same Stripe account. Review, then release or cancel.",
        "operator",
    ),
    Reason.HELD_MANY_BONUSES: Explanation(
        "Your payment is being reviewed by our team.",
        "Nothing to do: we release it or get in touch.",
        "Held by rule: more bonuses of this referrer within a day than the policy allows. Review, then release or cancel.",
        "operator",
    ),
    Reason.APPROVAL_PENDING: Explanation(
        "Your payment is being reviewed by our team.",
        "Nothing to do: we release it or get in touch.",
        "A person asked for an action that a second person has to approve or refuse.",
        "operator",
    ),
    Reason.REVERSAL_IN_PROGRESS: Explanation(
        "A payment to you is being taken back.",
        "Nothing to do: our team has been in touch or will be.",
        "A reversal was approved and is being sent or confirmed.",
        "nobody",
    ),
    Reason.PARTLY_REVERSED: Explanation(
        "Paid to your payout account. A part of it was taken back since.",
        "Get in touch with us if you think that this is wrong.",
        "A part came back (TransferReversed), reversed by somebody at Stripe, and the books owe it again. Give that part up "
        "(cancel), or take back the rest as well (reverse); a second person approves either.",
        "operator",
    ),
    Reason.PARTLY_GIVEN_UP: Explanation(
        "Paid to your payout account. A part of it was taken back since.",
        "Get in touch with us if you think that this is wrong.",
        "A part came back (TransferReversed), and two persons gave it up (PayoutCancelled); the rest stays paid.",
        "nobody",
    ),
    Reason.REVERSED: Explanation(
        "This payment was taken back.",
        "Get in touch with us if you think that this is wrong.",
        "The transfer was reversed in full, and the books owe the bonus again. It is not paid anew: give it up (cancel); a second "
        "person approves it.",
        "operator",
    ),
    Reason.CANCELLED: Explanation(
        "This bonus was cancelled and will not be paid.",
        "Get in touch with us if you think that this is wrong.",
        "PayoutCancelled recorded, approved by two persons.",
        "nobody",
    ),
    Reason.PAID: Explanation(
        "Paid to your payout account.",
        "Nothing to do: it reaches your bank with your next bank payout.",
        "TransferSettled recorded.",
        "nobody",
    ),
}
