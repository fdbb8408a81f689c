"""Forget a person: idempotent. Consistency boundary: whether that was recorded of them already.

What is personal goes first, then the log says that it went. Dying in between leaves a person forgotten and no event; asking
again, as whoever got no answer does, records it.
"""

from datetime import datetime
from typing import NamedTuple

from ledger.decide_again import decide_again
from ledger.event_log import Draft, EventLog
from ledger.events import ErasureReason, Happened, PersonalDataErased, instructor_tag
from ledger.history import about
from ledger.people import PeopleDirectory


class Forgotten(NamedTuple):
    """`position`: of the event. `changed`: whether it was recorded just now."""

    position: int
    changed: bool


@decide_again
def forget_person(
    log: EventLog, people: PeopleDirectory, instructor_id: str, reason: ErasureReason, *, actor: str, now: datetime
) -> Forgotten:
    """Erase what is personal about an instructor, known or not: their sign-up may still be on its way.

    Raises ConflictError if others kept recording the same, and the database's errors; asking again is right then.
    """
    people.forget(instructor_id)
    boundary = about(instructor_tag(instructor_id), PersonalDataErased)
    newest = log.read_last(boundary)
    if newest is not None:
        return Forgotten(newest.position, changed=False)
    draft = Draft(
        Happened(PersonalDataErased(instructor_id=instructor_id, reason=reason), now),
        actor,
        causation_id=f"forget:{instructor_id}",
        correlation_id=None,
    )
    return Forgotten(log.append([draft], [boundary], after=0).last_position, changed=True)
