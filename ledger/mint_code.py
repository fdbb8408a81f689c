"""An instructor asks for their own code: idempotent. Consistency boundary: their codes, and the codes that may be issued."""

from datetime import datetime

from ledger import identifiers
from ledger.decide_again import decide_again
from ledger.event_log import Draft, EventLog
from ledger.events import Happened, ReferralCodeIssued, instructor_tag
from ledger.history import History, about
from ledger.referrals import journey
from ledger.referrals.go_live import mint
from ledger.referrals.issue_code import code_boundary


class NoFreeCodeError(Exception):
    """Others own every code we would issue to this instructor: the platform has to issue one."""


@decide_again
def mint_code(log: EventLog, instructor_id: str, *, actor: str, now: datetime) -> tuple[str, int]:
    """The instructor's oldest code, or a new one, and the position up to which that is known.

    Raises NoFreeCodeError, and ConflictError if others kept issuing these codes.
    """
    boundary = (
        about(instructor_tag(instructor_id), ReferralCodeIssued),
        *(code_boundary(code) for code in identifiers.code_candidates(instructor_id)),
    )
    events, head = log.read(boundary)
    history = History.of(events)
    known = journey.of(history, instructor_id)
    if known.codes:
        return known.codes[0], head
    issued = mint(instructor_id, history)
    if not issued:
        raise NoFreeCodeError(instructor_id)
    drafts = [
        Draft(Happened(event, now), actor, causation_id=f"code:{instructor_id}", correlation_id=None)
        for event in issued
    ]
    return issued[0].code, log.append(drafts, boundary, after=head).last_position
