"""`instructor.lesson_completed`. Consistency boundary: the instructor's journey."""

from eventsourcing.dcb.api import DCBQueryItem

from ledger.events import FirstLessonCompleted
from ledger.history import History
from ledger.lifecycle import LessonCompleted
from ledger.referrals import journey
from ledger.referrals.decision import DUPLICATE, Decision, ignored, recorded
from ledger.referrals.earning import with_bonus


def boundary(fact: LessonCompleted) -> tuple[DCBQueryItem, ...]:
    return (journey.boundary(fact.subject),)


def decide(fact: LessonCompleted, history: History) -> Decision:
    known = journey.of(history, fact.subject)
    if known.first_lesson_id is not None:
        return DUPLICATE if known.first_lesson_id == fact.data.lesson_id else ignored("not_first_lesson")
    lesson = FirstLessonCompleted(instructor_id=fact.subject, lesson_id=fact.data.lesson_id)
    return with_bonus(recorded(fact, lesson), known, history)
