"""What the read models said at an earlier moment, worked out from the log alone.

A whole replay keeps one processor busy for as long as the log is long, so there is one at a time in each process, and a limit
to what is replayed over HTTP; the command line has neither. One referral, payout or instructor takes a few reads by tag.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.decisions import PAYOUT_ID
from api.http.access import AUDIT
from api.http.caught_up import CaughtUpLog
from api.http.openapi import AUTHORIZED, reads
from api.http.parts import PartsOfApp
from api.http.positions import reflects
from api.http.problems import Kind, ProblemError
from api.http.routes import PREFIX
from ledger.lifecycle import InstructorId
from ledger.store import LogRecorder
from projections.as_of import AsOf, NotYetError, UnreadableMomentError, moment, parse
from projections.replay import Question
from projections.views import Replayed

router = APIRouter(prefix=f"{PREFIX}/audit", tags=["audit"], dependencies=[AUDIT])

MOST_EVENTS = 500_000
LONGEST_MOMENT = 40

_ONE_AT_A_TIME = threading.Lock()

Moment = Annotated[
    str | None,
    Query(
        max_length=LONGEST_MOMENT,
        description="A position; or a time by the log's own clock; or a date, which means its end in UTC. Without: now",
        openapi_examples={
            "a position": {"value": "3488"},
            "a time": {"value": "2026-03-31T18:00:00Z"},
            "the end of a day": {"value": "2026-03-31"},
        },
    ),
]
ReferralId = Annotated[str | None, Query(pattern=r"^ref_[a-z2-7]{1,100}$")]
PayoutId = Annotated[str | None, Query(pattern=f"^{PAYOUT_ID.pattern}$")]
MostReferred = Annotated[int, Query(ge=1, le=1000, description="Of an instructor's referrals, newest first")]


@router.get(
    "/replay",
    summary="Any read model's answer as of an earlier moment",
    response_model_exclude_unset=True,
    responses=reads(*AUTHORIZED, Kind.NOT_FOUND, Kind.NOT_YET, Kind.TOO_MUCH_TO_REPLAY),
)
def replay_log(
    response: Response,
    parts: PartsOfApp,
    log: CaughtUpLog,
    as_of: Moment = None,
    referral_id: ReferralId = None,
    instructor_id: InstructorId | None = None,
    payout_id: PayoutId = None,
    limit: MostReferred = 200,
) -> Replayed:
    """The totals, or one referral, instructor or payout: the same documents that the live reads give, folded from the log
    up to there. A whole replay (totals) is for one caller at a time.
    """
    question = Question(referral_id, instructor_id, payout_id)
    if len(question.named) > 1:
        raise ProblemError(Kind.VALIDATION_FAILED, "At most one of referral_id, instructor_id and payout_id.")
    then = _moment(log, as_of)
    reflects(response, then.position)
    if question.named:
        found = parts.services.replay.ask(question, then, most_referred=limit)
    else:
        with _whole_replay(then):
            found = parts.services.replay.ask(question, then)
    if found is None:
        raise ProblemError(Kind.NOT_FOUND, f"It did not exist at position {then.position}.")
    return found


def _moment(log: LogRecorder, text: str | None) -> AsOf:
    now = datetime.now(UTC)
    try:
        return moment(log, None if text is None else parse(text, now), now)
    except UnreadableMomentError as error:
        problem = {"at": "query.as_of", "problem": str(error)}
        raise ProblemError(Kind.VALIDATION_FAILED, "See errors.", {"errors": [problem]}) from None
    except NotYetError as error:
        raise ProblemError(Kind.NOT_YET, f"as_of: {error}.") from None


@contextmanager
def _whole_replay(then: AsOf) -> Iterator[None]:
    if then.position > MOST_EVENTS:
        detail = f"{then.position} events, and {MOST_EVENTS} at most: `ledger replay --as-of` does it."
        raise ProblemError(Kind.TOO_MUCH_TO_REPLAY, detail)
    if not _ONE_AT_A_TIME.acquire(blocking=False):
        raise ProblemError(Kind.BUSY, "Another replay of the whole log is under way.")
    try:
        yield
    finally:
        _ONE_AT_A_TIME.release()
