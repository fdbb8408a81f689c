"""The program at a glance, for finance and auditors."""

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from api.http.caught_up import CaughtUpReadModels
from api.pages.rendering import page
from api.pages.session import StaffViewer

router = APIRouter(include_in_schema=False)


@router.get("/finance")
def overview(request: Request, viewer: StaffViewer, read_models: CaughtUpReadModels) -> HTMLResponse:
    return page(
        request, "finance/overview.html", viewer=viewer, totals=read_models.totals(), founding=read_models.founding()
    )
