"""What an instructor is told and can do about the program: the popup, the founding spots, a code. Their referrals: `dashboard`."""

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from api.http.access import OwnInstructorId
from api.http.caught_up import CaughtUpReadModels
from api.http.openapi import AUTHORIZED, POSITION_HEADER, STORED, problems, reads
from api.http.own_referrals import is_popup_due, own_code, way_in
from api.http.parts import PartsOfApp, referral_link
from api.http.positions import reflects
from api.http.problems import Kind
from api.http.routes import PREFIX
from projections.views import FoundingStatus

router = APIRouter(prefix=f"{PREFIX}/instructor-referrals", tags=["instructors"])


class PopupData(BaseModel):
    """`show`: the instructor is live and has not seen it yet."""

    show: bool
    code: str | None
    link: str | None
    founding: FoundingStatus


class Code(BaseModel):
    code: str = Field(examples=["K7PM2XQA"])
    link: str = Field(examples=["https://lessons.example/join?ref=K7PM2XQA"])


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
