"""Everything about one's referrals on one page: link, offer, money, and where each referral stands."""

from typing import NamedTuple

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from api.http.caught_up import CaughtUpReadModels
from api.http.own_referrals import is_popup_due, own_code, own_referred, way_in
from api.http.parts import PartsOfApp
from api.http.problems import Kind, ProblemError
from api.pages.embedding import EMBEDDED, is_embedded
from api.pages.reader import ReaderOfPage
from api.pages.referrals.months import money_by_month
from api.pages.rendering import page
from api.pages.session import SessionInstructorId, check_own_form
from ledger.status import Status

SHOWN = 20

router = APIRouter(include_in_schema=False)


class Step(NamedTuple):
    """How a status is called on the pages of its referrer, and what it means."""

    name: str
    meaning: str


STEPS: dict[Status, Step] = {
    "pending_live": Step("Signed up", "not live yet"),
    "pending_lesson": Step("Live", "first lesson to come"),
    "pending_transfer": Step("On its way", "earned, to be paid"),
    "paid": Step("Paid", "in your payout account"),
    "failed": Step("Needs attention", "earned, could not be paid yet"),
    "cancelled": Step("Cancelled", "will not be paid"),
    "reversed": Step("Taken back", "was paid, and is not yours any more"),
}
ALWAYS_SHOWN: tuple[Status, ...] = ("pending_live", "pending_lesson", "pending_transfer", "paid")


def place(request: Request) -> str:
    """Where the reader's pages begin: links and forms lead to where they are, in the frame or outside it."""
    return EMBEDDED if is_embedded(request) else "/referrals"


@router.get("/referrals")
@router.get(EMBEDDED)
def panel(
    request: Request,
    parts: PartsOfApp,
    reader: ReaderOfPage,
    instructor_id: SessionInstructorId,
    read_models: CaughtUpReadModels,
    cursor: str | None = None,
) -> Response:
    stats = read_models.stats(instructor_id)
    try:
        listed = own_referred(parts, read_models, instructor_id, limit=SHOWN, cursor=cursor)
    except ProblemError as problem:
        if problem.kind is not Kind.BAD_CURSOR:
            raise
        return RedirectResponse(place(request), status_code=303)  # an old bookmark: the list from its beginning
    code, link = way_in(request, stats.codes)
    founding = read_models.founding()
    return page(
        request,
        "referrals/panel.html",
        here=place(request),
        instructor_id=instructor_id,
        code=code,
        link=link,
        stats=stats,
        founding=founding,
        reward_minor=founding.founding_bonus_minor if founding.is_founding_phase else founding.standard_bonus_minor,
        is_popup_due=is_popup_due(parts, stats, instructor_id),
        months=money_by_month(read_models.months_of(instructor_id), stats.currency, reader),
        steps=STEPS,
        shown_steps=[each for each in STEPS if stats.counts[each] or each in ALWAYS_SHOWN],
        referrals=listed.items,
        names=listed.names,
        is_newest=cursor is None,
        older=listed.next_cursor,
    )


@router.post("/referrals/code", dependencies=[Depends(check_own_form)])
@router.post(f"{EMBEDDED}/code", dependencies=[Depends(check_own_form)])
def get_code(request: Request, parts: PartsOfApp, instructor_id: SessionInstructorId) -> Response:
    """Back to the page as soon as it shows the code."""
    _, position = own_code(parts, instructor_id)
    return RedirectResponse(f"{place(request)}?min_position={position}", status_code=303)


@router.post("/referrals/popup-seen", dependencies=[Depends(check_own_form)])
@router.post(f"{EMBEDDED}/popup-seen", dependencies=[Depends(check_own_form)])
def mark_popup_seen(request: Request, parts: PartsOfApp, instructor_id: SessionInstructorId) -> Response:
    parts.services.people.mark_popup_seen(instructor_id)
    return RedirectResponse(place(request), status_code=303)
