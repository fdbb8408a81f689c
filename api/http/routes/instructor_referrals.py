"""What an instructor sees: their own referrals, in words. Reason codes are for operators and stay out of these answers."""

from datetime import datetime
from typing import Self

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from api.http.access import OwnInstructorId
from api.http.caught_up import CaughtUpReadModels
from api.http.cursors import Cursor, Limit, Listing
from api.http.openapi import AUTHORIZED, POSITION_HEADER, STORED, problems, reads
from api.http.own_referrals import is_popup_due, own_code, own_referred, way_in
from api.http.parts import PartsOfApp, referral_link
from api.http.positions import reflects
from api.http.problems import Kind
from api.http.routes import PREFIX
from ledger.events import Tier
from ledger.reasons import Actor
from ledger.status import Status
from projections.views import FoundingStatus, ReferralView

router = APIRouter(prefix=f"{PREFIX}/instructor-referrals", tags=["instructors"])


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

    @classmethod
    def of(cls, view: ReferralView, display_name: str | None) -> Self:
        known = view.model_dump(include=set(cls.model_fields) - {"reason", "display_name"})
        return cls(**known, reason=view.explanation, display_name=display_name)


class PopupData(BaseModel):
    """`show`: the instructor is live and has not seen it yet."""

    show: bool
    code: str | None
    link: str | None
    founding: FoundingStatus


class Code(BaseModel):
    code: str = Field(examples=["K7PM2XQA"])
    link: str = Field(examples=["https://lessons.example/join?ref=K7PM2XQA"])


@router.get("/stats", summary="My code, counts and amounts", responses=reads(*AUTHORIZED))
def get_stats(
    request: Request, response: Response, instructor_id: OwnInstructorId, read_models: CaughtUpReadModels
) -> Stats:
    found = read_models.stats(instructor_id)
    reflects(response, found.position)
    code, link = way_in(request, found.codes)
    return Stats(
        code=code,
        link=link,
        counts=StatusCounts.model_validate(found.counts),
        **found.model_dump(exclude={"position", "counts"}),
    )


@router.get("/referred", summary="My referrals, newest first", responses=reads(*AUTHORIZED, Kind.BAD_CURSOR))
def list_referred(
    response: Response,
    parts: PartsOfApp,
    instructor_id: OwnInstructorId,
    read_models: CaughtUpReadModels,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Listing[Referred]:
    page = own_referred(parts, read_models, instructor_id, limit=limit, cursor=cursor)
    reflects(response, page.position)
    items = [Referred.of(view, page.names.get(view.referred_id)) for view in page.items]
    return Listing(items=items, next_cursor=page.next_cursor)


@router.get("/popup-data", summary="Whether to tell me about referrals, and what", responses=reads(*AUTHORIZED))
def get_popup_data(
    request: Request,
    response: Response,
    parts: PartsOfApp,
    instructor_id: OwnInstructorId,
    read_models: CaughtUpReadModels,
) -> PopupData:
    found = read_models.stats(instructor_id)
    reflects(response, found.position)
    code, link = way_in(request, found.codes)
    is_due = is_popup_due(parts, found, instructor_id)
    return PopupData(show=is_due, code=code, link=link, founding=read_models.founding())


@router.post(
    "/popup-seen",
    summary="Do not show it again (idempotent)",
    status_code=204,
    responses=problems(*AUTHORIZED, *STORED),
)
def mark_popup_seen(parts: PartsOfApp, instructor_id: OwnInstructorId) -> None:
    parts.services.people.mark_popup_seen(instructor_id)


@router.get("/founding-status", summary="How many founding spots are left; public", responses=reads())
def get_founding_status(response: Response, read_models: CaughtUpReadModels) -> FoundingStatus:
    found = read_models.founding()
    reflects(response, found.position)
    return found


@router.post(
    "/code",
    summary="My code; issues one if I have none (idempotent)",
    responses={200: {"headers": POSITION_HEADER}, **problems(*AUTHORIZED, *STORED, Kind.NO_FREE_CODE)},
)
def ensure_code(request: Request, response: Response, parts: PartsOfApp, instructor_id: OwnInstructorId) -> Code:
    code, position = own_code(parts, instructor_id)
    reflects(response, position)
    return Code(code=code, link=referral_link(request, code))
