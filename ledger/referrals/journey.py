"""One instructor's journey: their codes, who referred them, going live, the first lesson, the bonus earned with them."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from eventsourcing.dcb.api import DCBQueryItem

from ledger.events import (
    BonusEarned,
    FirstLessonCompleted,
    InstructorWentLive,
    Occurred,
    ReferralAttributed,
    ReferralCodeIssued,
    instructor_tag,
    type_names,
)
from ledger.history import History

_EVENTS = type_names(ReferralCodeIssued, ReferralAttributed, InstructorWentLive, FirstLessonCompleted, BonusEarned)


class Journey(NamedTuple):
    """Times are when it happened, by the platform's clock. None: not yet."""

    codes: tuple[str, ...] = ()
    attribution: ReferralAttributed | None = None
    attributed_at: datetime | None = None
    live_at: datetime | None = None
    first_lesson_id: str | None = None
    first_lesson_at: datetime | None = None
    bonus: BonusEarned | None = None


NOT_BEGUN = Journey()


def fold(events: Iterable[Occurred], journey: Journey = NOT_BEGUN) -> Journey:
    """The journey after these events, which was `journey` before them. Made once, not anew for each event."""
    codes, attribution, attributed_at, live_at, first_lesson_id, first_lesson_at, bonus = journey
    for happened in events:
        event = happened.event
        if isinstance(event, ReferralCodeIssued):
            codes = (*codes, event.code)
        elif isinstance(event, ReferralAttributed):
            attribution, attributed_at = event, happened.occurred_at
        elif isinstance(event, InstructorWentLive):
            live_at = happened.occurred_at
        elif isinstance(event, FirstLessonCompleted):
            first_lesson_id, first_lesson_at = event.lesson_id, happened.occurred_at
        elif isinstance(event, BonusEarned):
            bonus = event
    return Journey(codes, attribution, attributed_at, live_at, first_lesson_id, first_lesson_at, bonus)


def boundary(instructor_id: str) -> DCBQueryItem:
    """The events that a journey is made of."""
    return DCBQueryItem(types=_EVENTS, tags=[instructor_tag(instructor_id)])


def of(history: History, instructor_id: str) -> Journey:
    return fold(history.tagged(instructor_tag(instructor_id)))
