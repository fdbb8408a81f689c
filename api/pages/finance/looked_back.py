"""How it was, and why it is so: the totals as of any position, and the story of anything that has an id."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import HTMLResponse

from api.http.caught_up import CaughtUpLog, CaughtUpReadModels
from api.http.parts import PartsOfApp
from api.http.problems import ProblemError
from api.http.routes import replay
from api.pages.finance.payout_words import WHO
from api.pages.finance.staff import staff_page
from api.pages.session import StaffViewer
from projections.answers import STATUSES
from projections.sums import TOTALS
from projections.views import ProgramTotals

router = APIRouter(include_in_schema=False)

MONEY = {"earned_minor": "Earned", "paid_minor": "Paid", "pending_minor": "On its way", "failed_minor": "Declined"}


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
    head = log.head()
    then: ProgramTotals | None = None
    at: datetime | None = None
    problem = None
    try:
        replayed = replay.replay_log(Response(), parts, log, as_of.strip() or str(head))
        then, at = replayed.totals, replayed.at
    except ProblemError as error:
        problem = f"{error.kind.title}. {error.detail or ''}"
    return staff_page(
        request,
        "replay.html",
        viewer,
        status=200 if then is not None else 422,
        head=head,
        position=then.position if then is not None else head,
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
