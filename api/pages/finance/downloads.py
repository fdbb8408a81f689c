"""Files for whoever is signed in: what the JSON routes send to those who have a token, by the very same functions."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response

from api.http.caught_up import CaughtUpLog, CaughtUpReadModels
from api.http.parts import PartsOfApp
from api.http.routes import exports, periods, proof
from api.pages.session import StaffViewer
from ledger.books.months import Month

router = APIRouter(prefix="/finance/download", include_in_schema=False)

Format = Annotated[Literal["csv", "ndjson", "parquet", "beancount", "journal-csv"], Query(alias="format")]
End = Annotated[str, Query(max_length=20)]


@router.get("/export/{what}")
def download_export(
    parts: PartsOfApp,
    viewer: StaffViewer,  # noqa: ARG001 - lets nobody else in
    reached: CaughtUpReadModels,
    what: Literal["events", "journal", "payouts"],
    written_as: Format = "csv",
    begin: Annotated[End, Query(alias="from")] = "",
    end: Annotated[End, Query(alias="to")] = "",
) -> Response:
    return exports.export(parts, reached, what, written_as, begin or None, end or None)


@router.get("/period/{month}")
def download_period(
    parts: PartsOfApp,
    viewer: StaffViewer,  # noqa: ARG001
    log: CaughtUpLog,
    month: Annotated[Month, Path()],
) -> Response:
    sent = periods.get_period(Response(), parts, log, month, periods.CSV)
    assert isinstance(sent, Response)  # noqa: S101 - it is asked for as a file
    return sent


@router.get("/checkpoint")
def download_checkpoint(
    parts: PartsOfApp,
    viewer: StaffViewer,  # noqa: ARG001
    size: proof.Size = None,
) -> Response:
    note = proof.get_checkpoint(parts, size)
    note.headers["Content-Disposition"] = f'attachment; filename="checkpoint-{note.headers["Ledger-Position"]}.txt"'
    return note


@router.get("/proof/{position}")
def download_proof(
    parts: PartsOfApp,
    viewer: StaffViewer,  # noqa: ARG001
    position: Annotated[int, Path(ge=1, le=2**62)],
    size: proof.Size = None,
) -> Response:
    found = proof.get_proof(Response(), parts, position, size)
    return _json_file(f"proof-{found.position}-of-{found.tree_size}.json", found.model_dump_json(indent=2))


@router.get("/consistency")
def download_consistency(
    parts: PartsOfApp,
    viewer: StaffViewer,  # noqa: ARG001
    from_size: Annotated[int | None, Query(alias="from", ge=1, le=2**62)] = None,
    to_size: Annotated[int | None, Query(alias="to", ge=1, le=2**62)] = None,
) -> Response:
    found = proof.get_consistency(Response(), parts, from_size, to_size)
    return _json_file(f"consistency-{found.from_size}-{found.to_size}.json", found.model_dump_json(indent=2))


def _json_file(name: str, content: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, headers=headers, media_type="application/json")
