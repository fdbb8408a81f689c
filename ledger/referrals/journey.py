"""One instructor's journey: their codes, who referred them, going live, the first lesson, the bonus earned with them."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from ledger.events import (
    BonusEarned,
    FirstLessonCompleted,
    InstructorWentLive,
    Occurred,
    ReferralAttributed,
    ReferralCodeIssued,
    instructor_tag,
)
from ledger.history import History

EVENTS = (ReferralCodeIssued, ReferralAttributed, InstructorWentLive, FirstLessonCompleted, BonusEarned)


class Journey(NamedTuple):
    """Times are when it happened, by the platform's clock. None: not yet."""

    codes: tuple[str, ...] = ()
    attribution: ReferralAttributed | None = None
    attributed_at: datetime | None = None
    live_at: datetime | None = None
    first_lesson_id: str | None = None
    first_lesson_at: datetime | None = None
    bonus: BonusEarned | None = None


def evolve(journey: Journey, happened: Occurred) -> Journey:
    match happened.event:
        case ReferralCodeIssued(code=code):
            return journey._replace(codes=(*journey.codes, code))
        case ReferralAttributed() as attribution:
            return journey._replace(attribution=attribution, attributed_at=happened.occurred_at)
        case InstructorWentLive():
            return journey._replace(live_at=happened.occurred_at)
        case FirstLessonCompleted(lesson_id=lesson_id):
            return journey._replace(first_lesson_id=lesson_id, first_lesson_at=happened.occurred_at)
        case BonusEarned() as bonus:
            return journey._replace(bonus=bonus)
        case _:
            return journey


def fold(events: Iterable[Occurred]) -> Journey:
    journey = Journey()
    for happened in events:
        journey = evolve(journey, happened)
    return journey


def of(history: History, instructor_id: str) -> Journey:
    return fold(history.tagged(instructor_tag(instructor_id)))
