"""Payouts for finance, with the reason codes that operators work by."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from api.decisions import PAYOUT_ID
from api.http import cursors
from api.http.access import FINANCE
from api.http.caught_up import CaughtUpReadModels
from api.http.cursors import Cursor, Limit, Listing
from api.http.openapi import AUTHORIZED, reads
from api.http.parts import PartsOfApp
from api.http.positions import HEADER, reflects
from api.http.problems import Kind, ProblemError
from api.http.routes import PREFIX
from api.http.routes.audit import LoggedEvent, events_of
from ledger.events import payout_tag
from ledger.history import about
from ledger.lifecycle import InstructorId
from ledger.status import Status
from projections.views import PayoutView

router = APIRouter(prefix=f"{PREFIX}/payouts", tags=["finance"], dependencies=[FINANCE])


class PayoutWithTimeline(PayoutView):
    timeline: list[LoggedEvent] = Field(description="All that was recorded about it, up to the answer's position")


@router.get("", summary="Payouts, newest first", responses=reads(*AUTHORIZED, Kind.BAD_CURSOR))
def list_payouts(
    response: Response,
    read_models: CaughtUpReadModels,
    status: Status | None = None,
    referrer_id: Annotated[InstructorId | None, Query(description="The instructor who is paid")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Listing[PayoutView]:
    listed = ("payouts", status, referrer_id)
    page = read_models.payouts(
        limit=limit, after=cursors.decode(cursor, *listed), status=status, referrer_id=referrer_id
    )
    reflects(response, page.position)
    return Listing(items=page.items, next_cursor=cursors.encode(page.next_after, *listed))


@router.get("/{payout_id}", summary="One payout, with its timeline", responses=reads(*AUTHORIZED, Kind.NOT_FOUND))
def get_payout(
    response: Response, parts: PartsOfApp, read_models: CaughtUpReadModels, payout_id: str
) -> PayoutWithTimeline:
    if not PAYOUT_ID.fullmatch(payout_id):
        raise ProblemError(Kind.NOT_FOUND, "Not a payout id.")
    found, position = read_models.payout(payout_id)
    if found is None:
        raise ProblemError(Kind.NOT_FOUND, f"No such payout at position {position}.", headers={HEADER: str(position)})
    reflects(response, position)
    recorded = events_of(parts.services.log.recorder, about(payout_tag(payout_id)))
    timeline = [event for event in recorded if event.position <= position]
    return PayoutWithTimeline(**found.model_dump(), timeline=timeline)
