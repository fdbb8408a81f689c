"""Reconciliation for finance: Stripe's activity report against the log, past runs with their lines, and open exceptions.

Auditors read; finance reconciles and settles.
"""

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool

from api import composition, stripe_report
from api.decisions import Note
from api.http import cursors
from api.http.access import AUDIT, Finance
from api.http.bodies import decode_json, media_type, read_body
from api.http.caught_up import CaughtUpLog
from api.http.cursors import Cursor, Limit, Listing
from api.http.openapi import AUTHORIZED, POSITION_HEADER, STORED, problems, reads
from api.http.parts import Parts, PartsOfApp
from api.http.positions import HEADER, reflects
from api.http.problems import Kind, ProblemError
from api.http.routes import PREFIX
from api.stripe_report import MARGIN_MINUTES, reconcile_report
from ledger.events import LineClass
from ledger.reconciliation.reconciling import Reconciling, Run
from ledger.reconciliation.views import ExceptionView, LineView, OwnerName, PersonsResolution, RunView

router = APIRouter(prefix=f"{PREFIX}/finance", tags=["finance"], dependencies=[AUDIT])

CSV = "text/csv"
JSON = "application/json"
MOST_BYTES = 16 * 1024

REPORT = """balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,source_id
txn_1Pgc7B,2026-07-03 09:12:44,usd,-75.00,0.00,-75.00,transfer,tr_1Pgc7A
"""
REPORT_BODY = {"requestBody": {"required": True, "content": {CSV: {"schema": {"type": "string"}, "example": REPORT}}}}

FirstDay = Annotated[date | None, Query(alias="from", description="First day, UTC; default: the file's")]
LastDay = Annotated[date | None, Query(alias="to", description="Last day, included; default: the file's")]
MarginMinutes = Annotated[int, Query(ge=0, le=10_080, description="So far apart may Stripe and the log have the same")]
Complete = Annotated[
    bool,
    Query(
        description="The report was made for all of the range, also where it has no lines: what is not in it is missing"
    ),
]
EXCEPTION_ID = r"^exc_[a-z2-7]{20}$"
ExceptionId = Annotated[str, Path(pattern=EXCEPTION_ID)]
State = Annotated[Literal["open", "resolved", "all"], Query()]


class Reconciled(BaseModel):
    """`open`: how many exceptions are open now, of this run and of earlier ones. `unseen`: how many lines wait (`timing`) only
    because the report does not reach far enough.
    """

    run: RunView
    open: int
    unseen: int


class Assignment(BaseModel):
    model_config = ConfigDict(extra="forbid")
    owner: OwnerName


class StaffsNote(BaseModel):
    model_config = ConfigDict(extra="forbid")
    note: Note


class Settlement(StaffsNote):
    resolution: PersonsResolution = Field(
        description="`corrected`: somebody mended it; `accepted`: it stays as it is; `not_ours`: not of this program"
    )


class Noted(BaseModel):
    exception_id: str
    position: int = Field(description="A read that reflects this position reflects it")


@router.post(
    "/reconciliations",
    summary="Reconcile Stripe's activity report with the log",
    description=f"""The body is `balance_change_from_activity.itemized.3`, exactly as Stripe exports it, up to
{stripe_report.MOST_BYTES // 1024**2} MB. The same report, range and log again is the same run: 200, and nothing is recorded.""",
    openapi_extra=REPORT_BODY,
    response_model=Reconciled,
    responses={
        200: {"headers": POSITION_HEADER},
        201: {"headers": POSITION_HEADER, "model": Reconciled, "description": "Recorded"},
        **problems(
            *AUTHORIZED,
            *STORED,
            Kind.BODY_TIMEOUT,
            Kind.TOO_LARGE,
            Kind.UNSUPPORTED_MEDIA_TYPE,
            Kind.VALIDATION_FAILED,
            Kind.BAD_FILE,
            Kind.BAD_RANGE,
            Kind.TOO_MANY_EXCEPTIONS,
            Kind.LINES_DIFFER,
        ),
    },
)
async def reconcile(
    request: Request,
    parts: PartsOfApp,
    finance: Finance,
    first_day: FirstDay = None,
    last_day: LastDay = None,
    margin_minutes: MarginMinutes = MARGIN_MINUTES,
    complete: Complete = False,
) -> Response:
    media_type(request, (CSV,))
    body = await read_body(request, stripe_report.MOST_BYTES)
    days = (first_day, last_day)
    compare = partial(reconcile_report, margin_minutes=margin_minutes, is_complete=complete)
    outcome = await run_in_threadpool(compare, parts.services.reconciling, body, days, finance.subject)
    answer = Reconciled(run=RunView.of(outcome.run), open=len(outcome.open), unseen=outcome.unseen)
    headers = {HEADER: str(parts.services.log.recorder.head())}
    return Response(answer.model_dump_json(), 201 if outcome.is_new else 200, headers, JSON)


@router.get("/reconciliations", summary="Past runs, newest first", responses=reads(*AUTHORIZED, Kind.BAD_CURSOR))
def list_reconciliations(
    response: Response, parts: PartsOfApp, log: CaughtUpLog, limit: Limit = 50, cursor: Cursor = None
) -> Listing[RunView]:
    reflects(response, log.head())
    before = cursors.decode(cursor, "reconciliations")
    runs = [each for each in parts.services.reconciling.runs() if before is None or each.position < before]
    last = runs[limit - 1].position if len(runs) > limit else None
    return Listing(
        items=[RunView.of(each) for each in runs[:limit]], next_cursor=cursors.encode(last, "reconciliations")
    )


@router.get("/reconciliations/{run_id}", summary="One run", responses=reads(*AUTHORIZED, Kind.NOT_FOUND))
def get_reconciliation(response: Response, parts: PartsOfApp, log: CaughtUpLog, run_id: str) -> RunView:
    reflects(response, log.head())
    return RunView.of(_run(parts, run_id))


@router.get(
    "/reconciliations/{run_id}/lines",
    summary="The lines of a run",
    description="Without a cursor all of them are first held against the SHA-256 that the run's event has of them.",
    responses=reads(*AUTHORIZED, Kind.NOT_FOUND, Kind.BAD_CURSOR, Kind.LINES_DIFFER),
)
def list_reconciliation_lines(
    response: Response,
    parts: PartsOfApp,
    log: CaughtUpLog,
    run_id: str,
    line_class: Annotated[LineClass | None, Query(description="Of this class only")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Listing[LineView]:
    reflects(response, log.head())
    run = _run(parts, run_id)
    listed = ("reconciliation lines", run_id, line_class)
    after = cursors.decode(cursor, *listed) or 0
    reconciling = parts.services.reconciling
    if cursor is None and (difference := reconciling.lines().difference(run.completed)) is not None:
        raise ProblemError(Kind.LINES_DIFFER, f"{difference} Run ledger verify.")
    rows = reconciling.lines().read(run.completed, line_class=line_class, after=after, limit=limit + 1)
    last = rows[limit - 1].number if len(rows) > limit else None
    return Listing(items=[LineView.of(each) for each in rows[:limit]], next_cursor=cursors.encode(last, *listed))


@router.get(
    "/reconciliation-exceptions",
    summary="What somebody has to look at, oldest first",
    responses=reads(*AUTHORIZED, Kind.BAD_CURSOR),
)
def list_reconciliation_exceptions(
    response: Response,
    parts: PartsOfApp,
    log: CaughtUpLog,  # noqa: ARG001 - waits for the position that is asked for
    state: State = "open",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Listing[ExceptionView]:
    listed = ("reconciliation exceptions", state)
    after = cursors.decode(cursor, *listed) or 0
    records, position = parts.services.reconciling.exceptions()
    reflects(response, position)
    wanted = [each for each in enumerate(records, 1) if state in ("all", "open" if each[1].is_open else "resolved")]
    page = [each for each in wanted if each[0] > after]
    last = page[limit - 1][0] if len(page) > limit else None
    now = composition.now()
    items = [ExceptionView.of(record, now) for _, record in page[:limit]]
    return Listing(items=items, next_cursor=cursors.encode(last, *listed))


BodyT = TypeVar("BodyT", bound=BaseModel)


def _body_of(model: type[BodyT]) -> Callable[[Request], object]:
    async def read(request: Request) -> BodyT:
        media_type(request, (JSON,))
        content = decode_json(await read_body(request, MOST_BYTES))
        try:
            return model.model_validate(content)
        except ValidationError as error:
            raise RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in error.errors()]) from None

    return read


def _works(model: type[BaseModel]) -> dict[str, Any]:
    """What a route that works on an exception says of itself."""
    kinds = (Kind.MALFORMED_JSON, Kind.BODY_TIMEOUT, Kind.TOO_LARGE, Kind.UNSUPPORTED_MEDIA_TYPE)
    refused = (Kind.VALIDATION_FAILED, Kind.NOT_FOUND, Kind.EXCEPTION_RESOLVED)
    return {
        "openapi_extra": {"requestBody": {"required": True, "content": {JSON: {"schema": model.model_json_schema()}}}},
        "responses": {200: {"headers": POSITION_HEADER}, **problems(*AUTHORIZED, *STORED, *kinds, *refused)},
        "description": "The caller's `sub` goes into the log. Nothing personal about instructors belongs here.",
    }


@router.post("/reconciliation-exceptions/{exception_id}/assign", summary="Say who looks after it", **_works(Assignment))
def assign_exception(
    response: Response,
    parts: PartsOfApp,
    finance: Finance,
    exception_id: ExceptionId,
    body: Annotated[Assignment, Depends(_body_of(Assignment))],
) -> Noted:
    position = parts.services.reconciling.assign(exception_id, body.owner, actor=finance.subject)
    return _noted(response, exception_id, position)


@router.post("/reconciliation-exceptions/{exception_id}/note", summary="Note what was found out", **_works(StaffsNote))
def note_exception(
    response: Response,
    parts: PartsOfApp,
    finance: Finance,
    exception_id: ExceptionId,
    body: Annotated[StaffsNote, Depends(_body_of(StaffsNote))],
) -> Noted:
    position = parts.services.reconciling.note(exception_id, body.note, actor=finance.subject)
    return _noted(response, exception_id, position)


@router.post("/reconciliation-exceptions/{exception_id}/resolve", summary="Settle it", **_works(Settlement))
def resolve_exception(
    response: Response,
    parts: PartsOfApp,
    finance: Finance,
    exception_id: ExceptionId,
    body: Annotated[Settlement, Depends(_body_of(Settlement))],
) -> Noted:
    reconciling: Reconciling = parts.services.reconciling
    position = reconciling.resolve(exception_id, body.resolution, body.note, actor=finance.subject)
    return _noted(response, exception_id, position)


def _noted(response: Response, exception_id: str, position: int) -> Noted:
    reflects(response, position)
    return Noted(exception_id=exception_id, position=position)


def _run(parts: Parts, run_id: str) -> Run:
    for each in parts.services.reconciling.runs():
        if each.completed.run_id == run_id:
            return each
    raise ProblemError(Kind.NOT_FOUND, "No such run.")
