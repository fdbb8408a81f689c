"""Months of the books: what each was posted with, those that are closed, and closing the next one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api import composition
from api.closed_periods import PeriodView
from api.http.caught_up import CaughtUpReadModels
from api.http.parts import Parts, PartsOfApp
from api.http.problems import Kind, ProblemError
from api.http.routes import periods
from api.pages.finance.staff import staff_page
from api.pages.forms import Fields
from api.pages.session import FinanceViewer, StaffViewer, check_own_form
from api.tokens import Principal
from ledger.books.accounts import CHART, Account
from ledger.books.months import Month, following, month_of
from ledger.books.periods import Periods
from ledger.events import PeriodBalance
from projections.journal_month import Turnover

router = APIRouter(include_in_schema=False)

NOT_LOOKED_AT = "Tick that you have looked at the month. Nothing was recorded."
NOT_CAUGHT_UP = "The books are still catching up with the log. Close it again in a moment: it goes on where it stopped."
SAID = (Kind.PERIOD_NOT_OVER, Kind.PERIOD_NOT_NEXT, Kind.NOTHING_TO_CLOSE, Kind.POSITION_TIMEOUT)
"""What can come of it, said on the page."""

MonthInPath = Annotated[Month, Path()]
State = Literal["running", "over", "cut off", "closed"]


@dataclass(frozen=True, slots=True)
class Sums:
    """`bonuses_minor`: earned less given up; `paid_minor`: sent by Stripe less what came back."""

    currency: str
    bonuses_minor: int
    paid_minor: int


@dataclass(frozen=True, slots=True)
class Line:
    """A month. `closed`: how it was closed."""

    month: str
    state: State
    sums: list[Sums]
    closed: PeriodView | None


@router.get("/finance/months")
def list_months(
    request: Request, parts: PartsOfApp, viewer: StaffViewer, _read_models: CaughtUpReadModels
) -> HTMLResponse:
    return _months_page(request, parts, viewer)


@router.get("/finance/months/{month}")
def show_month(request: Request, parts: PartsOfApp, viewer: StaffViewer, month: str) -> HTMLResponse:
    period = parts.services.closing.periods()[0].closed.get(month)
    if period is None:
        raise ProblemError(Kind.NOT_FOUND, "That month is not closed.")
    return staff_page(request, "month.html", viewer, period=PeriodView.of(period), chart=CHART)


@router.get("/finance/months/{month}/close")
def leave_form(viewer: StaffViewer) -> Response:  # noqa: ARG001 - lets nobody else in
    """Whoever comes back to the address of the form, by reloading what it answered."""
    return RedirectResponse("/finance/months", status_code=303)


@router.post("/finance/months/{month}/close", dependencies=[Depends(check_own_form)])
async def close_month(
    request: Request, parts: PartsOfApp, viewer: FinanceViewer, month: MonthInPath, form: Fields
) -> Response:
    """As over HTTP. To the closed month; or back with why it is not."""
    if form.get("looked_at") != "yes":
        return await run_in_threadpool(_months_page, request, parts, viewer, 422, NOT_LOOKED_AT)
    try:
        await periods.close_period(Response(), parts, viewer, month)
    except ProblemError as problem:
        if problem.kind not in SAID:
            raise
        error = NOT_CAUGHT_UP if problem.kind is Kind.POSITION_TIMEOUT else f"{problem.detail} Nothing was recorded."
        return await run_in_threadpool(_months_page, request, parts, viewer, problem.kind.status, error)
    return RedirectResponse(f"/finance/months/{month}", status_code=303)


def _months_page(
    request: Request, parts: Parts, viewer: Principal, status: int = 200, error: str | None = None
) -> HTMLResponse:
    """Newest first. `error`: what became of an attempt to close one."""
    services = parts.services
    known, _ = services.closing.periods()
    turnovers = services.months.turnovers(known.newest_closed)
    this_month = month_of(composition.now())
    first = following(known.newest_closed) if known.newest_closed else min(turnovers, default=None)
    opened = [_open(month, known, this_month, turnovers.get(month, [])) for month in _from(first, this_month)]
    closed = [_closed(PeriodView.of(known.closed[month])) for month in sorted(known.closed)]
    return staff_page(
        request,
        "months.html",
        viewer,
        status=status,
        months=[*closed, *opened][::-1],
        due=next((each for each in opened if each.state != "running"), None),
        error=error,
    )


def _from(first: str | None, last: str) -> Iterable[str]:
    """Months in their order, both ends included; none without a first."""
    month = first
    while month is not None and month <= last:
        yield month
        month = following(month)


def _open(month: str, known: Periods, this_month: str, posted: Iterable[Turnover]) -> Line:
    is_over = month < this_month
    state: State = "cut off" if month == known.to_be_closed else "over" if is_over else "running"
    return Line(month, state, _sums({(each.account, each.currency): each.net_minor for each in posted}), None)


def _closed(period: PeriodView) -> Line:
    net = {(each.account, each.currency): _net(each) for each in period.trial_balance}
    return Line(period.month, "closed", _sums(net), period)


def _net(balance: PeriodBalance) -> int:
    return balance.debit_minor - balance.credit_minor


def _sums(net: Mapping[tuple[Account, str], int]) -> list[Sums]:
    """`net`: debits less credits, by account and currency."""
    return [
        Sums(currency, net.get((Account.BONUS_EXPENSE, currency), 0), -net.get((Account.STRIPE_BALANCE, currency), 0))
        for currency in sorted({currency for _, currency in net})
    ]
