"""Earning: attribution, went-live and first lesson are all recorded, whichever arrives last. One bonus per referral."""

from ledger import identifiers, program
from ledger.events import BonusEarned, Happened
from ledger.history import History
from ledger.referrals import journey
from ledger.referrals.decision import Decision
from ledger.referrals.journey import Journey


def with_bonus(decision: Decision, before: Journey, history: History) -> Decision:
    """The decision, and the bonus if its events complete the instructor's journey, which was `before` until then.

    The bonus is earned at the latest of the three times; its amount follows the program as the log has it now.
    """
    now = journey.fold(decision.events, before)
    attribution = now.attribution
    attributed_at, live_at, first_lesson_at = now.attributed_at, now.live_at, now.first_lesson_at
    if attribution is None or attributed_at is None or live_at is None or first_lesson_at is None:
        return decision
    if now.bonus is not None:
        return decision
    current = program.of(history)
    bonus = BonusEarned(
        referral_id=attribution.referral_id,
        payout_id=identifiers.payout_id(attribution.referred_id),
        referred_id=attribution.referred_id,
        referrer_id=attribution.referrer_id,
        tier=current.tier,
        founding_spot=current.next_founding_spot,
        founding_cap=current.terms.founding_cap,
        amount_minor=current.amount_minor,
        currency=current.terms.currency,
    )
    earned_at = max(attributed_at, live_at, first_lesson_at)
    return Decision(decision.outcome, decision.reason, (*decision.events, Happened(bonus, earned_at)))
