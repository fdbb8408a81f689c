"""What finance does about a payout, by the forms on its page. What cannot be done comes back on the page, in words."""

from collections.abc import Callable
from typing import Literal

from fastapi import APIRouter, Depends, Request
from pydantic import TypeAdapter, ValidationError
from starlette.responses import RedirectResponse, Response

from api.decisions import LONGEST_NOTE, PAYOUT_ID, Note, decided_by
from api.http.parts import Parts, PartsOfApp
from api.http.problems import Kind, ProblemError
from api.pages.finance.payouts import payout_page
from api.pages.forms import Fields
from api.pages.session import FinanceViewer, check_own_form
from api.tokens import Principal
from ledger.event_log import ConflictError
from ledger.payouts.actions import Action, Refused
from ledger.payouts.review import Done, NoSuchPayoutError

__all__ = ["REASON_NEEDED", "reason_in", "router"]

router = APIRouter(include_in_schema=False, dependencies=[Depends(check_own_form)])

REASON_NEEDED = f"Give a reason: on one line, with at most {LONGEST_NOTE} characters. Nothing was recorded."
SO_ALREADY = "It is so already: nothing was recorded."
BUSY = "Others are working on this payout at the moment, and nothing was recorded. Try it again."

_NOTE: TypeAdapter[str] = TypeAdapter(Note)

Decide = Callable[[str], Done | Refused]


@router.post("/finance/payouts/{payout_id}/approvals/{number}/{verdict}")
def decide_on_request(
    request: Request,
    parts: PartsOfApp,
    viewer: FinanceViewer,
    payout_id: str,
    number: int,
    verdict: Literal["approve", "refuse"],
    form: Fields,
) -> Response:
    def decide(reason: str) -> Done | Refused:
        review = parts.services.review
        return review.decide(payout_id, number, granted=verdict == "approve", note=reason, **decided_by(viewer))

    return _decided(request, parts, viewer, payout_id, form.get("reason", ""), decide)


@router.post("/finance/payouts/{payout_id}/{action}")
def act(
    request: Request, parts: PartsOfApp, viewer: FinanceViewer, payout_id: str, action: Action, form: Fields
) -> Response:
    def decide(reason: str) -> Done | Refused:
        return parts.services.review.act(action, payout_id, note=reason, **decided_by(viewer))

    return _decided(request, parts, viewer, payout_id, form.get("reason", ""), decide)


def reason_in(text: str) -> str | None:
    """As it goes into the log; None: it is none."""
    try:
        return _NOTE.validate_python(text)
    except ValidationError:
        return None


def _decided(request: Request, parts: Parts, viewer: Principal, payout_id: str, typed: str, decide: Decide) -> Response:
    """Back to the page, which then shows what was recorded; or at once with what is wrong."""
    if not PAYOUT_ID.fullmatch(payout_id):
        raise ProblemError(Kind.NOT_FOUND, "No such payout.")
    reason = reason_in(typed)
    if reason is None:
        return payout_page(request, parts, viewer, payout_id, status=422, error=REASON_NEEDED, typed=typed)
    try:
        done = decide(reason)
    except NoSuchPayoutError:
        raise ProblemError(Kind.NOT_FOUND, "No such payout.") from None
    except ConflictError:
        return payout_page(request, parts, viewer, payout_id, status=503, error=BUSY, typed=typed)
    if isinstance(done, Refused):
        words = f"{done.detail[0].upper()}{done.detail[1:]}. Nothing was recorded."
        return payout_page(request, parts, viewer, payout_id, status=409, error=words, typed=typed)
    if not done.changed:
        return payout_page(request, parts, viewer, payout_id, said=SO_ALREADY)
    return RedirectResponse(f"/finance/payouts/{payout_id}?recorded={done.position}", status_code=303)
