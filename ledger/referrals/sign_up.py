"""`instructor.signed_up`. Consistency boundary: the instructor's journey and the code's owner."""

from eventsourcing.dcb.api import DCBQueryItem

from ledger import identifiers
from ledger.events import ReferralAttributed
from ledger.history import History
from ledger.lifecycle import SignedUp
from ledger.referrals import journey
from ledger.referrals.decision import DUPLICATE, Decision, ignored, recorded, rejected
from ledger.referrals.earning import with_bonus
from ledger.referrals.issue_code import code_boundary, owner_of


def boundary(fact: SignedUp) -> tuple[DCBQueryItem, ...]:
    code = fact.data.referral_code
    return (journey.boundary(fact.subject), *((code_boundary(code),) if code else ()))


def decide(fact: SignedUp, history: History) -> Decision:
    code = fact.data.referral_code
    if code is None:
        return ignored("no_referral_code")
    known = journey.of(history, fact.subject)
    if known.attribution is not None:
        return DUPLICATE if known.attribution.code == code else rejected("already_attributed")
    referrer_id = owner_of(code, history)
    if referrer_id is None:
        return rejected("unknown_referral_code")
    if referrer_id == fact.subject:
        return rejected("self_referral")
    if known.first_lesson_at is not None and known.first_lesson_at < fact.time:
        return rejected("already_teaching")
    attributed = ReferralAttributed(
        referral_id=identifiers.referral_id(fact.subject),
        referred_id=fact.subject,
        referrer_id=referrer_id,
        code=code,
    )
    return with_bonus(recorded(fact, attributed), known, history)
