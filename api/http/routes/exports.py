"""Files for finance and auditors, sent while they are written: what `ledger export` writes, to whoever has no shell."""

from itertools import chain
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from api.export.exports import FORMATS, ExportError, open_export
from api.export.span import SpanError
from api.http.access import AUDIT
from api.http.caught_up import CaughtUpReadModels
from api.http.openapi import AUTHORIZED, POSITION_HEADER, READ, problems
from api.http.parts import PartsOfApp
from api.http.positions import HEADER
from api.http.problems import Kind, ProblemError
from api.http.routes import PREFIX

router = APIRouter(prefix=f"{PREFIX}/finance/exports", tags=["finance"], dependencies=[AUDIT])

End = Annotated[
    str | None,
    Query(max_length=20, description="A date (a day in UTC, by the clock of recording) or a position; included"),
]

CONTENT: dict[str, Any] = {
    "description": "The file. A transfer that breaks off ends without its last chunk: what arrived is not the file",
    "headers": {
        **POSITION_HEADER,
        "Content-Disposition": {
            "description": "Names the file by its stretch of the log",
            "schema": {"type": "string"},
            "example": 'attachment; filename="payouts-1-3488.csv"',
        },
    },
    "content": {
        each.media_type.partition(";")[0]: {"schema": {"type": "string", "format": "binary"}}
        for each in FORMATS.values()
    },
}


@router.get(
    "/{what}",
    summary="Events, journal or payouts as a file",
    description="""`csv`, `ndjson` and `parquet` for each; the journal also as `beancount`, and as `journal-csv` for accounting
packages. A date is the day (UTC) of recording, which may be later than that of happening. Payouts are those earned between the
ends, as they stood at the last one. The same ends give the same bytes. Its `Ledger-Position` is the last one of the stretch.""",
    response_class=StreamingResponse,
    responses={200: CONTENT, **problems(*AUTHORIZED, *READ)},
)
def export(
    parts: PartsOfApp,
    _caught_up: CaughtUpReadModels,
    what: Literal["events", "journal", "payouts"],
    written_as: Annotated[
        Literal["csv", "ndjson", "parquet", "beancount", "journal-csv"], Query(alias="format")
    ] = "csv",
    begin: Annotated[End, Query(alias="from")] = None,
    end: Annotated[End, Query(alias="to")] = None,
) -> StreamingResponse:
    try:
        opened = open_export(parts.services, what, written_as, begin, end)
    except ExportError as error:
        raise _unfit("format", str(error)) from None
    except SpanError as error:
        raise _unfit(error.end, error.problem) from None
    headers = {
        "Content-Disposition": f'attachment; filename="{opened.file_name}"',
        HEADER: str(opened.span.until),
    }
    chunks = opened.chunks()
    first = next(chunks, b"")  # what goes wrong at once is still answered with a problem
    return StreamingResponse(chain((first,), chunks), headers=headers, media_type=opened.format.media_type)


def _unfit(parameter: str, problem: str) -> ProblemError:
    errors = [{"at": f"query.{parameter}", "problem": problem}]
    return ProblemError(Kind.VALIDATION_FAILED, "See errors.", {"errors": errors})
