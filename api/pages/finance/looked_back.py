"""How it was, and why it is so: the totals as of any position, and the story of anything that has an id."""

from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import HTMLResponse

from api.http.caught_up import CaughtUpLog, CaughtUpReadModels
from api.http.parts import PartsOfApp
from api.http.positions import HEADER
from api.http.problems import Kind, ProblemError
from api.http.routes import replay
from api.pages.finance.payout_words import WHO
from api.pages.finance.staff import staff_page
from api.pages.session import StaffViewer
from ledger.status import STATUSES
from projections.sums import TOTALS
from projections.views import ProgramTotals

router = APIRouter(include_in_schema=False)

MONEY = {"earned_minor": "Earned", "paid_minor": "Paid", "pending_minor": "On its way", "failed_minor": "Declined"}
BUSY = (
    "Another replay is under way, maybe the one you asked for a moment ago. The log is replayed for one reader at a time, "
    "which takes seconds."
)


@router.get("/finance/log/replay")
def show_replay(
    request: Request,
    parts: PartsOfApp,
    viewer: StaffViewer,
    log: CaughtUpLog,
    read_models: CaughtUpReadModels,
    as_of: Annotated[str, Query(max_length=replay.LONGEST_MOMENT)] = "",
) -> HTMLResponse:
    """`as_of`: a position, as the slider sends it; also a time or a date, as for the JSON route."""
    head, answer = log.head(), Response()
    then: ProgramTotals | None = None
    at: datetime | None = None
    problem = None
    status = 200
    try:
        replayed = replay.replay_log(answer, parts, log, as_of.strip() or str(head))
        then, at = replayed.totals, replayed.at
    except ProblemError as error:
        is_busy = error.kind is Kind.BUSY
        status = error.kind.status if is_busy else 422
        problem = BUSY if is_busy else f"{error.kind.title}. {error.detail or ''}"
    asked = answer.headers.get(HEADER)  # which is known as soon as the moment is, also where it is not replayed
    return staff_page(
        request,
        "replay.html",
        viewer,
        status=status,
        head=head,
        position=head if asked is None else int(asked),
        again=urlencode({"as_of": asked}) if status == Kind.BUSY.status else None,
        at=at,
        then=then,
        now=read_models.totals(),
        statuses=STATUSES,
        money=MONEY,
        problem=problem,
    )


@router.get("/finance/log/explain")
def show_story(
    request: Request,
    parts: PartsOfApp,
    viewer: StaffViewer,
    name: Annotated[str, Query(alias="id", max_length=200)] = "",
) -> HTMLResponse:
    wanted = name.strip()
    is_name = wanted.isascii() and wanted.isprintable() and " " not in wanted
    story = parts.services.stories.explain(wanted) if wanted and is_name else None
    return staff_page(request, "explain.html", viewer, name=wanted, story=story, totals=TOTALS, who=WHO)
