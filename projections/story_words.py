"""The first line of a story and its last: what it is about, and where it stands."""

from ledger.major_units import money
from ledger.reasons import EXPLANATIONS
from projections.referral_events import ReferralEvents
from projections.story_views import Now, StoryKind, Sum
from projections.views import FoundingStatus, ReferralView

__all__ = ["headline_of_referral", "headline_of_total", "where_it_stands"]


def headline_of_referral(kind: StoryKind, referral: ReferralEvents) -> str:
    who = f"{referral.attribution.referrer_id} referred {referral.attribution.referred_id}"
    bonus = referral.bonus
    if bonus is None:
        return f"{who}; no bonus is earned yet."
    earned = money(bonus.amount_minor, bonus.currency)
    if kind == "referral":
        return f"{who}, and earned {earned} ({bonus.tier})."
    if kind == "transfer" and referral.settlement is not None:
        paid = money(referral.settlement.amount_minor, referral.settlement.currency)
        return f"{paid} to {referral.settlement.destination}, for {bonus.payout_id} of {bonus.referrer_id}."
    return f"{earned} owed to {bonus.referrer_id} ({bonus.tier}), for referring {bonus.referred_id}."


def headline_of_total(found: Sum, founding: FoundingStatus) -> str:
    count = sum(part.count for part in found.parts)
    counted = f"{count} bonus{'' if count == 1 else 'es'}"
    if found.unit == "minor":
        return f"{found.name} is {money(found.figure, found.currency)}, made up of {counted}."
    worth = money(sum(part.sum_minor for part in found.parts), found.currency)
    if found.name == "founding":
        return f"{founding.spots_filled} of {founding.total_founding_spots} founding spots are filled, for {worth}."
    return f"{counted} of the tier {found.name}, for {worth}."


def where_it_stands(view: ReferralView) -> Now:
    return Now(
        status=view.status,
        reason=view.reason,
        who=view.who,
        explanation=EXPLANATIONS[view.reason].for_operator,
        next_attempt_at=view.next_attempt_at,
    )
