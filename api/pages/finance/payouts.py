"""Payouts: the list with its filters and its search, and one of them with all that happened to it."""

import re
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.decisions import PAYOUT_ID
from api.http import cursors
from api.http.caught_up import CaughtUpReadModels
from api.http.parts import Parts, PartsOfApp
from api.http.problems import Kind, ProblemError
from api.pages.finance.payout_words import ACTIONS, WHO
from api.pages.finance.staff import PRINTABLE, staff_page
from api.pages.session import StaffViewer
from api.payout_names import payout_named
from api.tokens import Principal
from ledger import identifiers
from ledger.events import (
    ApprovalGranted,
    ApprovalRefused,
    ApprovalRequested,
    PayoutCancelled,
    PayoutHeld,
    PayoutReleased,
    PayoutRetryAuthorized,
)
from ledger.status import PAYOUT_STATUSES, Status

router = APIRouter(include_in_schema=False)

SHOWN = 25
MOST_WAITING = 500
REQUESTS_SHOWN = 50
INSTRUCTOR_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:\-]{0,127}")
DECISIONS = {
    kind.__name__
    for kind in (
        ApprovalGranted,
        ApprovalRefused,
        ApprovalRequested,
        PayoutCancelled,
        PayoutHeld,
        PayoutReleased,
        PayoutRetryAuthorized,
    )
}


@router.get("/finance/payouts")
def list_payouts(
    request: Request,
    parts: PartsOfApp,
    viewer: StaffViewer,
    read_models: CaughtUpReadModels,
    status: str = "",
    q: Annotated[str, Query(max_length=200, pattern=PRINTABLE)] = "",
    cursor: str | None = None,
) -> Response:
    """`q`: the id of a payout, transfer or referral leads to its payout; that of an instructor, to what they are paid."""
    name, chosen = q.strip(), _status(status)
    found = payout_named(parts.services.log, name) if name else None
    if found is not None:
        return RedirectResponse(f"/finance/payouts/{found}", status_code=303)
    referrer_id = name if INSTRUCTOR_ID.fullmatch(name) else None
    listed = ("payouts page", chosen, referrer_id)
    items, next_cursor, for_them = [], None, None
    if referrer_id or not name:
        page = read_models.payouts(
            limit=SHOWN, after=cursors.decode(cursor, *listed), status=chosen, referrer_id=referrer_id
        )
        items, next_cursor = page.items, cursors.encode(page.next_after, *listed)
        if referrer_id:
            for_them, _ = read_models.payout(identifiers.payout_id(referrer_id))
    return staff_page(
        request,
        "payouts.html",
        viewer,
        payouts=items,
        for_them=for_them,
        statuses=PAYOUT_STATUSES,
        chosen=chosen,
        q=name,
        next_page=next_cursor and urlencode({"status": chosen or "", "q": name, "cursor": next_cursor}),
        is_first=cursor is None,
        who=WHO,
    )


@router.get("/finance/payouts/waiting")
def list_waiting(
    request: Request, viewer: StaffViewer, read_models: CaughtUpReadModels, cursor: str | None = None
) -> HTMLResponse:
    """`cursor`: further requests. The payouts are on the first page."""
    after = cursors.decode(cursor, "requests page")
    approvals = read_models.open_approvals(limit=REQUESTS_SHOWN, after=after)
    next_cursor = cursors.encode(approvals.next_after, "requests page")
    return staff_page(
        request,
        "waiting.html",
        viewer,
        waiting=read_models.waiting(most=MOST_WAITING) if cursor is None else None,
        most_waiting=MOST_WAITING,
        approvals=approvals.items,
        next_page=next_cursor and urlencode({"cursor": next_cursor}),
    )


async def _position_reached(
    parts: PartsOfApp,
    _viewer: StaffViewer,
    recorded: Annotated[int | None, Query(ge=1, le=2**62)] = None,
) -> int | None:
    """Of a decision that was recorded a moment ago. The page is shown as well if it cannot reflect that yet."""
    try:
        await parts.read_models.reach(recorded)
    except ProblemError as problem:
        if problem.kind is not Kind.POSITION_TIMEOUT:
            raise
    return recorded


@router.get("/finance/payouts/{payout_id}")
def show_payout(
    request: Request,
    parts: PartsOfApp,
    viewer: StaffViewer,
    payout_id: str,
    recorded: Annotated[int | None, Depends(_position_reached)],
) -> HTMLResponse:
    return payout_page(request, parts, viewer, payout_id, recorded=recorded)


@router.get("/finance/payouts/{payout_id}/{form:path}")
def leave_form(viewer: StaffViewer, payout_id: str) -> Response:  # noqa: ARG001 - lets nobody else in
    """Whoever comes back to the address of a form, by reloading what it answered."""
    return RedirectResponse(f"/finance/payouts/{quote(payout_id, safe='')}", status_code=303)


def payout_page(
    request: Request,
    parts: Parts,
    viewer: Principal,
    payout_id: str,
    *,
    status: int = 200,
    recorded: int | None = None,
    said: str | None = None,
    error: str | None = None,
    typed: str = "",
) -> HTMLResponse:
    """One payout. `said`, or `error`: what became of an attempt to act on it, with the reason that was `typed`."""
    services = parts.services
    view = services.read_models.payout(payout_id)[0] if PAYOUT_ID.fullmatch(payout_id) else None
    if view is None:
        raise ProblemError(Kind.NOT_FOUND, "No such payout.")
    story = services.stories.explain(payout_id)
    lines = story.lines if story is not None else ()
    just_now = next((line for line in lines if line.position == recorded and line.type in DECISIONS), None)
    return staff_page(
        request,
        "payout.html",
        viewer,
        status=status,
        payout=view,
        lines=lines,
        decisions=[line for line in lines if line.type in DECISIONS],
        actions={name: ACTIONS[name] for name in services.review.permitted(payout_id)},
        who=WHO,
        said=just_now.sentence if just_now else said,
        error=error,
        typed=typed,
    )


def _status(text: str) -> Status | None:
    """None: any, also for what is none."""
    return next((status for status in PAYOUT_STATUSES if status == text), None)
