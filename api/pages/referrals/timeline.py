"""What happened to one referral of one's own, in order. Somebody else's is as unknown as one that never was."""

import re

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.http.caught_up import CaughtUpReadModels
from api.http.parts import PartsOfApp
from api.pages.embedding import EMBEDDED
from api.pages.referrals.panel import STEPS, place
from api.pages.rendering import page
from api.pages.session import SessionInstructorId
from ledger.story.for_referrer import told_to_referrer
from projections.referral_events import events_of_referral

_ID = re.compile(r"[\x21-\x7e]{1,100}")

router = APIRouter(include_in_schema=False)


@router.get(f"{EMBEDDED}/{{referral_id}}")
@router.get("/referrals/{referral_id}")
def timeline(
    request: Request,
    parts: PartsOfApp,
    instructor_id: SessionInstructorId,
    read_models: CaughtUpReadModels,
    referral_id: str,
) -> Response:
    is_name = _ID.fullmatch(referral_id) is not None
    referral, position = read_models.referral_of(instructor_id, referral_id) if is_name else (None, 0)
    if referral is None:
        return page(request, "referrals/missing.html", status=404, here=place(request))
    # No further than where it stands is known, or the page would contradict itself.
    found = events_of_referral(parts.services.log, referral_id, position)
    return page(
        request,
        "referrals/timeline.html",
        here=place(request),
        referral=referral,
        steps=STEPS,
        name=parts.services.people.names_of([referral.referred_id]).get(referral.referred_id),
        told=told_to_referrer(found.events if found is not None else []),
    )
