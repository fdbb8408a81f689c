"""An instructor's own referrals, as a page and, under /referrals/embedded, as a panel in a frame of the platform's."""

from fastapi import APIRouter

from api.pages.referrals import embedded, panel, timeline

router = APIRouter(include_in_schema=False)
for part in (embedded, panel, timeline):  # the timeline last: its address would match the others'
    router.include_router(part.router)
