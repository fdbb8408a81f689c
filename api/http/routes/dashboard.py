"""What an instructor's dashboard asks for all the time: their own sums and referrals, in words, answered on the event loop.

Reason codes are for operators and stay out of these answers. The models are the document; what is written of them is made of
plain values, since a model for each referral takes longer than its row.
"""

from datetime import datetime

import orjson
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from api.http import cursors
from api.http.access import OwnInstructorId
from api.http.cursors import Cursor, Limit, Listing
from api.http.openapi import AUTHORIZED, reads
from api.http.own_referrals import LIST, way_in
from api.http.own_route import OwnRoute
from api.http.parts import parts
from api.http.positions import HEADER, MinPosition
from api.http.problems import Kind
from api.http.routes import PREFIX
from ledger.events import Tier
from ledger.reasons import Actor
from ledger.status import Status
from projections.answers import ReferralFields

router = APIRouter(prefix=f"{PREFIX}/instructor-referrals", tags=["instructors"], route_class=OwnRoute)


class StatusCounts(BaseModel):
    """How many of the referrals are in each status."""

    pending_live: int = 0
    pending_lesson: int = 0
    pending_transfer: int = 0
    paid: int = 0
    failed: int = 0
    cancelled: int = 0
    reversed: int = 0


class Stats(BaseModel):
    """Amounts in minor units of `currency`. `code` and `link` are null as long as the instructor has no code."""

    code: str | None = Field(examples=["ANNA"])
    link: str | None = Field(examples=["https://lessons.example/join?ref=ANNA"])
    codes: list[str] = Field(description="All codes of the instructor, oldest first")
    live_at: datetime | None
    counts: StatusCounts
    earned_minor: int = Field(examples=[15000])
    paid_minor: int = Field(examples=[7500])
    pending_minor: int = Field(examples=[7500])
    failed_minor: int = Field(examples=[0])
    currency: str = Field(examples=["usd"])


class Referred(BaseModel):
    """A referral in its referrer's eyes. `next_attempt_at`: when we try to pay next; null: when something else happens."""

    referral_id: str
    referred_id: str
    display_name: str | None
    status: Status
    reason: str = Field(description="Why it is in this status, in words")
    next_step: str
    who: Actor = Field(description="Who has to act")
    next_attempt_at: datetime | None
    attributed_at: datetime
    live_at: datetime | None
    first_lesson_at: datetime | None
    earned_at: datetime | None
    paid_at: datetime | None
    tier: Tier | None
    amount_minor: int | None
    currency: str | None
    payout_id: str | None
    transfer_id: str | None
    bank: str | None = Field(
        description="Of a paid referral: the way from the payout account to the bank, in words",
        examples=["On its way to your bank."],
    )


OF_STATS, OF_REFERRED = tuple(Stats.model_fields), tuple(Referred.model_fields)


@router.get("/stats", summary="My code, counts and amounts", response_model=Stats, responses=reads(*AUTHORIZED))
async def get_stats(request: Request, instructor_id: OwnInstructorId, min_position: MinPosition = None) -> Response:
    known = parts(request)
    await known.read_models.reach(min_position)
    found = await known.services.own_reads.stats(instructor_id)
    code, link = way_in(request, found.codes)
    shown = {**vars(found), "code": code, "link": link}
    return _answer({name: shown[name] for name in OF_STATS}, found.position)


@router.get(
    "/referred",
    summary="My referrals, newest first",
    response_model=Listing[Referred],
    responses=reads(*AUTHORIZED, Kind.BAD_CURSOR),
)
async def list_referred(
    request: Request,
    instructor_id: OwnInstructorId,
    limit: Limit = 50,
    cursor: Cursor = None,
    min_position: MinPosition = None,
) -> Response:
    known, after = parts(request), cursors.decode(cursor, LIST, instructor_id)
    await known.read_models.reach(min_position)
    page = await known.services.own_reads.referred(instructor_id, limit=limit, after=after)
    items = [_shown(each, page.names) for each in page.items]
    next_cursor = cursors.encode(page.next_after, LIST, instructor_id)
    return _answer({"items": items, "next_cursor": next_cursor}, page.position)


def _shown(fields: ReferralFields, names: dict[str, str]) -> dict[str, object]:
    """The values of a `Referred`."""
    shown = fields | {"display_name": names.get(str(fields["referred_id"])), "reason": fields["explanation"]}
    return {name: shown[name] for name in OF_REFERRED}


def _answer(values: dict[str, object], position: int) -> Response:
    """JSON as FastAPI would have written it, and the position that it reflects."""
    body = orjson.dumps(values, option=orjson.OPT_UTC_Z)
    return Response(body, headers={HEADER: str(position)}, media_type="application/json")
