"""`instructor.referral_code_issued`. Consistency boundary: the code."""

from eventsourcing.dcb.api import DCBQueryItem

from ledger.events import ReferralCodeIssued, code_tag
from ledger.history import History, about
from ledger.lifecycle import CodeIssued
from ledger.referrals.decision import DUPLICATE, Decision, recorded, rejected


def boundary(fact: CodeIssued) -> tuple[DCBQueryItem, ...]:
    return (code_boundary(fact.data.code),)


def decide(fact: CodeIssued, history: History) -> Decision:
    owner = owner_of(fact.data.code, history)
    if owner == fact.subject:
        return DUPLICATE
    if owner is not None:
        return rejected("code_taken")
    return recorded(fact, ReferralCodeIssued(instructor_id=fact.subject, code=fact.data.code))


def code_boundary(code: str) -> DCBQueryItem:
    return about(code_tag(code), ReferralCodeIssued)


def owner_of(code: str, history: History) -> str | None:
    """The instructor to whom this code was issued."""
    for happened in history.tagged(code_tag(code)):
        if isinstance(happened.event, ReferralCodeIssued):
            return happened.event.instructor_id
    return None
