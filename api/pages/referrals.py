"""An instructor's own referrals."""

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from api.http.caught_up import CaughtUpReadModels
from api.http.parts import PartsOfApp, referral_link
from api.pages.rendering import page
from api.pages.session import SessionInstructorId

SHOWN = 100

router = APIRouter(include_in_schema=False)


@router.get("/referrals")
def own_referrals(
    request: Request, parts: PartsOfApp, instructor_id: SessionInstructorId, read_models: CaughtUpReadModels
) -> HTMLResponse:
    stats = read_models.stats(instructor_id)
    listed = read_models.referred(instructor_id, limit=SHOWN)
    return page(
        request,
        "referrals.html",
        link=referral_link(request, stats.codes[0]) if stats.codes else None,
        stats=stats,
        founding=read_models.founding(),
        referrals=listed.items,
        is_all=listed.next_after is None,
        names=parts.services.people.names_of([view.referred_id for view in listed.items]),
    )
