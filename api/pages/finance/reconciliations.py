"""Reconciliation: past runs with their lines, a new one from Stripe's report, and what it leaves to settle."""

from datetime import date
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api import composition, stripe_report
from api.http import cursors
from api.http.parts import Parts, PartsOfApp
from api.http.problems import Kind, ProblemError
from api.pages.finance.reconciliation_words import BOOKS, CLASSES
from api.pages.finance.staff import staff_page
from api.pages.session import FinanceViewer, StaffViewer, check_own_form
from api.pages.uploads import Uploaded, read_upload
from api.stripe_report import reconcile_report
from api.tokens import Principal
from ledger.events import LineClass
from ledger.reconciliation.csv_file import BadFileError
from ledger.reconciliation.inputs import BadRangeError
from ledger.reconciliation.reconciling import TooManyExceptionsError
from ledger.reconciliation.views import ExceptionView, LineView, RunView

router = APIRouter(include_in_schema=False)

RUNS_SHOWN = 25
LINES_SHOWN = 50
EXCEPTIONS_SHOWN = 50
PROBLEMS_SHOWN = 20
NO_REPORT = "Choose the file that Stripe exported."
NO_DAY = "Give days like 2026-07-31."


@router.get("/finance/reconciliations")
def list_runs(request: Request, parts: PartsOfApp, viewer: StaffViewer, cursor: str | None = None) -> HTMLResponse:
    return _runs_page(request, parts, viewer, before=cursors.decode(cursor, "reconciliations page"))


@router.post("/finance/reconciliations", dependencies=[Depends(check_own_form)])
async def reconcile(request: Request, parts: PartsOfApp, viewer: FinanceViewer) -> Response:
    sent = await read_upload(request, stripe_report.MOST_BYTES)
    return await run_in_threadpool(_reconcile, request, parts, viewer, sent)


def _reconcile(request: Request, parts: Parts, viewer: Principal, sent: Uploaded) -> Response:
    """To the run that it made, which may be an earlier one of the same; or back with what is wrong."""
    report = sent.parts.get("report", b"")
    if not report:
        return _runs_page(request, parts, viewer, problems=[NO_REPORT])
    try:
        days = _day(sent.text("first_day")), _day(sent.text("last_day"))
    except ValueError:
        return _runs_page(request, parts, viewer, problems=[NO_DAY])
    try:
        is_complete = sent.text("complete") == "yes"
        outcome = reconcile_report(parts.services.reconciling, report, days, viewer.subject, is_complete=is_complete)
    except BadFileError as error:
        shown = [f"{each.place}: {each.problem}; {each.remedy}." for each in error.problems[:PROBLEMS_SHOWN]]
        return _runs_page(request, parts, viewer, problems=shown)
    except (BadRangeError, TooManyExceptionsError) as error:
        words = str(error)
        return _runs_page(request, parts, viewer, problems=[f"{words[0].upper()}{words[1:]}."])
    return RedirectResponse(f"/finance/reconciliations/{outcome.run.completed.run_id}", status_code=303)


@router.get("/finance/reconciliations/exceptions")
def list_exceptions(
    request: Request, parts: PartsOfApp, viewer: StaffViewer, state: str = "open", cursor: str | None = None
) -> HTMLResponse:
    listed = ("reconciliation exceptions page", state)
    after = cursors.decode(cursor, *listed) or 0
    records, _ = parts.services.reconciling.exceptions()
    further = [each for each in enumerate(records, 1) if each[0] > after]
    found = [(number, record) for number, record in further if state == "all" or record.is_open]
    next_cursor = cursors.encode(found[EXCEPTIONS_SHOWN - 1][0] if len(found) > EXCEPTIONS_SHOWN else None, *listed)
    now = composition.now()
    return staff_page(
        request,
        "exceptions.html",
        viewer,
        exceptions=[ExceptionView.of(record, now) for _, record in found[:EXCEPTIONS_SHOWN]],
        state=state,
        is_first=not after,
        classes=CLASSES,
        next_page=next_cursor and urlencode({"state": state, "cursor": next_cursor}),
    )


@router.get("/finance/reconciliations/{run_id}")
def show_run(
    request: Request,
    parts: PartsOfApp,
    viewer: StaffViewer,
    run_id: str,
    line_class: Annotated[str, Query(max_length=40)] = "",
    cursor: str | None = None,
) -> HTMLResponse:
    reconciling = parts.services.reconciling
    run = next((each for each in reconciling.runs() if each.completed.run_id == run_id), None)
    if run is None:
        raise ProblemError(Kind.NOT_FOUND, "No such run.")
    chosen = next((each for each in LineClass if each.value == line_class), None)
    listed = ("reconciliation lines page", run_id, chosen)
    after = cursors.decode(cursor, *listed) or 0
    rows = reconciling.lines().read(run.completed, line_class=chosen, after=after, limit=LINES_SHOWN + 1)
    next_cursor = cursors.encode(rows[LINES_SHOWN - 1].number if len(rows) > LINES_SHOWN else None, *listed)
    view = RunView.of(run)
    return staff_page(
        request,
        "run.html",
        viewer,
        run=view,
        books=BOOKS,
        classes=CLASSES,
        found_classes=sorted({each.line_class for comparison in view.comparisons for each in comparison.classes}),
        chosen=chosen,
        lines=[LineView.of(row) for row in rows[:LINES_SHOWN]],
        difference=None if after else reconciling.lines().difference(run.completed),
        next_page=next_cursor and urlencode({"line_class": line_class, "cursor": next_cursor}),
    )


def _runs_page(
    request: Request,
    parts: Parts,
    viewer: Principal,
    *,
    before: int | None = None,
    problems: list[str] | None = None,
) -> HTMLResponse:
    reconciling = parts.services.reconciling
    runs = [each for each in reconciling.runs() if before is None or each.position < before]
    last = runs[RUNS_SHOWN - 1].position if len(runs) > RUNS_SHOWN else None
    records, _ = reconciling.exceptions()
    next_cursor = cursors.encode(last, "reconciliations page")
    return staff_page(
        request,
        "reconciliations.html",
        viewer,
        status=422 if problems else 200,
        runs=[RunView.of(each) for each in runs[:RUNS_SHOWN]],
        open_exceptions=sum(each.is_open for each in records),
        problems=problems or [],
        most_megabytes=stripe_report.MOST_BYTES // 1024**2,
        next_page=next_cursor and urlencode({"cursor": next_cursor}),
    )


def _day(text: str) -> date | None:
    """Raises ValueError."""
    return date.fromisoformat(text) if text else None
