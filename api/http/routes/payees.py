"""Who was paid how much in a calendar year. With names, hence for finance alone."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.http import cursors
from api.http.access import FINANCE
from api.http.caught_up import CaughtUpReadModels
from api.http.cursors import Cursor, Limit, Listing
from api.http.openapi import AUTHORIZED, reads
from api.http.parts import PartsOfApp
from api.http.positions import reflects
from api.http.problems import Kind
from api.http.routes import PREFIX
from api.payees import Payee, payees

router = APIRouter(prefix=f"{PREFIX}/finance/payees", tags=["finance"], dependencies=[FINANCE])


@router.get(
    "",
    summary="Totals of a calendar year by payee, most first",
    description="""Settled less reversed, each in the year (UTC) in which it happened; `reportable` where that reaches the year's
threshold (PAYEE_REPORTING_THRESHOLDS). All pages are of the moment of the first, whatever is recorded meanwhile.""",
    responses=reads(*AUTHORIZED, Kind.BAD_CURSOR),
)
def list_payees(
    response: Response,
    parts: PartsOfApp,
    _caught_up: CaughtUpReadModels,
    year: Annotated[int, Query(ge=1970, le=9998, examples=[2026])],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Listing[Payee]:
    listed = ("payees", year)
    services = parts.services
    as_of, offset = cursors.decode_as_of(cursor, *listed)
    page = services.journal.payees(year, limit=limit, offset=offset, as_of=as_of)
    reflects(response, page.position)
    thresholds = services.settings.payee_reporting_thresholds
    items = payees(page.items, year, thresholds, services.people)
    return Listing(items=items, next_cursor=cursors.encode_as_of(page.position, page.next_after, *listed))
