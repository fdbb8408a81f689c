"""The books: trial balance, journal and statements, as of any moment by either clock."""

import re
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse

from api.decisions import PAYOUT_ID
from api.http import cursors
from api.http.caught_up import CaughtUpReadModels
from api.http.parts import PartsOfApp
from api.http.problems import Kind, ProblemError
from api.pages.finance.looking_back import LookingBack, Moments
from api.pages.finance.staff import staff_page
from api.pages.session import StaffViewer
from ledger.books.accounts import CHART, Account
from projections.journal import Filters

router = APIRouter(include_in_schema=False)

SHOWN = 25
MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
INSTRUCTOR_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:\-]{0,127}")

Text = Annotated[str, Query(max_length=200)]


@router.get("/finance/books")
def show_trial_balance(
    request: Request, parts: PartsOfApp, viewer: StaffViewer, _reached: CaughtUpReadModels, moments: LookingBack
) -> HTMLResponse:
    services = parts.services
    known, _ = services.closing.periods()
    return staff_page(
        request,
        "books.html",
        viewer,
        balance=services.journal.trial_balance(moments.as_of, moments.effective_at),
        chart=CHART,
        moments=moments,
        query=_query(moments),
        newest_closed=known.newest_closed,
    )


@router.get("/finance/books/journal")
def show_journal(
    request: Request,
    parts: PartsOfApp,
    viewer: StaffViewer,
    _reached: CaughtUpReadModels,
    moments: LookingBack,
    account: Text = "",
    instructor_id: Text = "",
    payout_id: Text = "",
    period: Text = "",
    cursor: str | None = None,
) -> HTMLResponse:
    typed = {"account": account, "instructor_id": instructor_id, "payout_id": payout_id, "period": period}
    filters = Filters(
        account=_account(account),
        instructor_id=_if_fits(INSTRUCTOR_ID, instructor_id),
        payout_id=_if_fits(PAYOUT_ID, payout_id),
        period=_if_fits(MONTH, period),
        effective_at=moments.effective_at,
    )
    listed = ("journal page", moments.as_of, filters)
    page = parts.services.journal.entries(
        filters, limit=SHOWN, after=cursors.decode(cursor, *listed), as_of=moments.as_of
    )
    unfit = [name for name, text in typed.items() if text and getattr(filters, name) is None]
    return staff_page(
        request,
        "journal.html",
        viewer,
        entries=page.items,
        chart=CHART,
        typed=typed,
        unfit=unfit,
        moments=moments,
        next_page=_next_page(cursors.encode(page.next_after, *listed), {**typed, **moments.typed}),
    )


@router.get("/finance/books/accounts/{account}")
def show_statement(
    request: Request,
    parts: PartsOfApp,
    viewer: StaffViewer,
    _reached: CaughtUpReadModels,
    moments: LookingBack,
    account: str,
    instructor_id: Text = "",
    cursor: str | None = None,
) -> HTMLResponse:
    found = _account(account)
    if found is None:
        raise ProblemError(Kind.NOT_FOUND, "No such account.")
    whose = _if_fits(INSTRUCTOR_ID, instructor_id) if CHART[found].per_instructor else None
    listed = ("statement page", account, whose, moments.as_of, moments.effective_at)
    statement = parts.services.journal.statement(
        found,
        whose,
        limit=SHOWN,
        after=cursors.decode(cursor, *listed),
        as_of=moments.as_of,
        effective_at=moments.effective_at,
    )
    return staff_page(
        request,
        "statement.html",
        viewer,
        statement=statement,
        described=CHART[found],
        instructor_id=instructor_id,
        moments=moments,
        next_page=_next_page(
            cursors.encode(statement.next_after, *listed), {"instructor_id": instructor_id, **moments.typed}
        ),
    )


def _account(text: str) -> Account | None:
    return next((account for account in Account if account.value == text), None)


def _if_fits(form: re.Pattern[str], text: str) -> str | None:
    return text.strip() if form.fullmatch(text.strip()) else None


def _query(moments: Moments) -> str:
    """To look at something else as of the same moments."""
    return urlencode({name: value for name, value in moments.typed.items() if value and not moments.problem})


def _next_page(cursor: str | None, fields: dict[str, str]) -> str | None:
    return cursor and urlencode({**{name: value for name, value in fields.items() if value}, "cursor": cursor})
