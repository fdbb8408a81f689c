"""Who was paid how much in a calendar year. With names, hence for finance alone: auditors do not see this page."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import HTMLResponse, StreamingResponse

from api import composition
from api.http.caught_up import CaughtUpReadModels
from api.http.parts import PartsOfApp
from api.http.routes.payees import list_payees
from api.pages.finance.staff import staff_page
from api.pages.session import FinanceViewer
from api.payees import as_csv, paid_in, payees, threshold_minor

router = APIRouter(include_in_schema=False)

SHOWN = 50

Year = Annotated[int, Query(ge=1970, le=9998)]


@router.get("/finance/payees")
def show_payees(
    request: Request,
    parts: PartsOfApp,
    viewer: FinanceViewer,
    read_models: CaughtUpReadModels,
    year: Year | None = None,
    cursor: str | None = None,
) -> HTMLResponse:
    services = parts.services
    this_year = composition.now().year
    chosen = year or this_year
    first = services.months.first_period()
    page = list_payees(Response(), parts, read_models, chosen, SHOWN, cursor)
    years = range(min(int(first[:4]) if first else this_year, chosen), max(this_year, chosen) + 1)
    return staff_page(
        request,
        "payees.html",
        viewer,
        payees=page.items,
        year=chosen,
        years=years[::-1],
        threshold_minor=threshold_minor(services.settings.payee_reporting_thresholds, chosen),
        currency=read_models.totals().currency,
        next_page=page.next_cursor and urlencode({"year": chosen, "cursor": page.next_cursor}),
        is_first=cursor is None,
    )


@router.get("/finance/download/payees")
def download_payees(
    parts: PartsOfApp,
    viewer: FinanceViewer,  # noqa: ARG001 - lets nobody else in
    _read_models: CaughtUpReadModels,
    year: Year,
) -> StreamingResponse:
    """All of them, as of one moment."""
    services = parts.services
    thresholds = services.settings.payee_reporting_thresholds
    rows = (
        payee
        for page in paid_in(services.journal, year)
        for payee in payees(page.items, year, thresholds, services.people)
    )
    headers = {"Content-Disposition": f'attachment; filename="payees-{year}.csv"'}
    return StreamingResponse(as_csv(rows), headers=headers, media_type="text/csv; charset=utf-8")
