"""The one stylesheet, the one script and the icon of the pages."""

from pathlib import Path

from fastapi import APIRouter
from starlette.responses import Response

FOLDER = Path(__file__).with_name("assets")

router = APIRouter(include_in_schema=False)


@router.get("/pages.css")
def stylesheet() -> Response:
    return Response((FOLDER / "pages.css").read_bytes(), media_type="text/css")


@router.get("/pages.js")
def script() -> Response:
    return Response((FOLDER / "pages.js").read_bytes(), media_type="text/javascript")


@router.get("/icon.svg")
def icon() -> Response:
    return Response((FOLDER / "icon.svg").read_bytes(), media_type="image/svg+xml")
