"""`instructor.went_live`. Consistency boundary: the instructor's journey and the codes that may be issued to them."""

from eventsourcing.dcb.api import DCBQueryItem

from ledger import identifiers
from ledger.events import InstructorWentLive, ReferralCodeIssued
from ledger.history import History
from ledger.lifecycle import WentLive
from ledger.referrals import journey
from ledger.referrals.decision import DUPLICATE, Decision, recorded
from ledger.referrals.earning import with_bonus
from ledger.referrals.issue_code import code_boundary, owner_of


def boundary(fact: WentLive) -> tuple[DCBQueryItem, ...]:
    candidates = (code_boundary(code) for code in identifiers.code_candidates(fact.subject))
    return (journey.boundary(fact.subject), *candidates)


def decide(fact: WentLive, history: History) -> Decision:
    known = journey.of(history, fact.subject)
    if known.live_at is not None:
        return DUPLICATE
    went_live = InstructorWentLive(instructor_id=fact.subject)
    codes = () if known.codes else mint(fact.subject, history)
    return with_bonus(recorded(fact, went_live, *codes), known, history)


def mint(instructor_id: str, history: History) -> tuple[ReferralCodeIssued, ...]:
    """A code of our own making. Empty only if others own every candidate; the platform can still issue one."""
    free = (code for code in identifiers.code_candidates(instructor_id) if owner_of(code, history) is None)
    return tuple(ReferralCodeIssued(instructor_id=instructor_id, code=code) for code in free)[:1]
