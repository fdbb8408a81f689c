"""What it all comes to."""

from fastapi import APIRouter, Response

from api.http.access import FINANCE
from api.http.caught_up import CaughtUpReadModels
from api.http.openapi import AUTHORIZED, reads
from api.http.positions import reflects
from api.http.routes import PREFIX
from projections.views import ProgramTotals

router = APIRouter(prefix=f"{PREFIX}/finance", tags=["finance"], dependencies=[FINANCE])


@router.get("/totals", summary="Referrals by status, bonuses by tier, money", responses=reads(*AUTHORIZED))
def get_totals(response: Response, read_models: CaughtUpReadModels) -> ProgramTotals:
    found = read_models.totals()
    reflects(response, found.position)
    return found
