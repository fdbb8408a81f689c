"""One exception of a reconciliation, and the forms to work it off: whose it is, what was found out, how it was settled."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import TypeAdapter, ValidationError
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api import composition
from api.http.parts import Parts, PartsOfApp
from api.http.problems import Kind, ProblemError
from api.http.routes.reconciliations import EXCEPTION_ID
from api.pages.finance.payout_forms import REASON_NEEDED, reason_in
from api.pages.finance.reconciliation_words import CLASSES
from api.pages.finance.staff import staff_page
from api.pages.forms import Fields
from api.pages.session import FinanceViewer, StaffViewer, check_own_form
from api.tokens import Principal
from ledger.event_log import ConflictError
from ledger.events import Resolution
from ledger.reconciliation.reconciling import AlreadyResolvedError, NoSuchExceptionError
from ledger.reconciliation.views import ExceptionView, OwnerName, PersonsResolution

router = APIRouter(include_in_schema=False)

RESOLUTIONS: dict[PersonsResolution, str] = {
    Resolution.CORRECTED: "Somebody mended it",
    Resolution.ACCEPTED: "It stays as it is",
    Resolution.NOT_OURS: "It is not of this program",
}
OWNER_NEEDED = "Name somebody, with at most 100 characters. Nothing was recorded."
RESOLUTION_NEEDED = "Say how it was settled. Nothing was recorded."
SETTLED_ALREADY = "Somebody has settled it meanwhile. Nothing was recorded."
BUSY = "Somebody else is working on it at this moment, and nothing was recorded. Try it again."

_OWNER: TypeAdapter[str] = TypeAdapter(OwnerName)


def _id_in(exception_id: str) -> str:
    """Of any other text there is no page; some of it, a NUL for one, could not even be asked for."""
    if not re.fullmatch(EXCEPTION_ID, exception_id):
        raise ProblemError(Kind.NOT_FOUND, "No such exception.")
    return exception_id


ExceptionId = Annotated[str, Depends(_id_in)]


@router.get("/finance/reconciliations/exceptions/{exception_id}")
def show_exception(request: Request, parts: PartsOfApp, viewer: StaffViewer, exception_id: ExceptionId) -> HTMLResponse:
    return _exception_page(request, parts, viewer, exception_id)


@router.get("/finance/reconciliations/exceptions/{exception_id}/{work}")
def leave_form(viewer: StaffViewer, exception_id: ExceptionId) -> Response:  # noqa: ARG001 - lets nobody else in
    """Whoever comes back to the address of a form, by reloading what it answered."""
    return RedirectResponse(f"/finance/reconciliations/exceptions/{exception_id}", status_code=303)


@router.post("/finance/reconciliations/exceptions/{exception_id}/{work}", dependencies=[Depends(check_own_form)])
def work_on_exception(
    request: Request,
    parts: PartsOfApp,
    viewer: FinanceViewer,
    exception_id: ExceptionId,
    work: Literal["assign", "note", "resolve"],
    form: Fields,
) -> Response:
    try:
        problem = _work(parts, viewer, exception_id, work, form)
    except NoSuchExceptionError:
        raise ProblemError(Kind.NOT_FOUND, "No such exception.") from None
    except AlreadyResolvedError:
        return _exception_page(request, parts, viewer, exception_id, 409, SETTLED_ALREADY, form)
    except ConflictError:
        return _exception_page(request, parts, viewer, exception_id, 503, BUSY, form)
    if problem is not None:
        return _exception_page(request, parts, viewer, exception_id, 422, problem, form)
    return RedirectResponse(f"/finance/reconciliations/exceptions/{exception_id}", status_code=303)


def _work(parts: Parts, viewer: Principal, exception_id: str, work: str, form: Fields) -> str | None:
    """What is wrong with the form; None: it is done."""
    reconciling, actor = parts.services.reconciling, viewer.subject
    if work == "assign":
        owner = _owner_in(form.get("owner", ""))
        if owner is None:
            return OWNER_NEEDED
        reconciling.assign(exception_id, owner, actor=actor)
        return None
    note = reason_in(form.get("note", ""))
    if note is None:
        return REASON_NEEDED
    if work == "note":
        reconciling.note(exception_id, note, actor=actor)
        return None
    resolution = next((each for each in RESOLUTIONS if each.value == form.get("resolution")), None)
    if resolution is None:
        return RESOLUTION_NEEDED
    reconciling.resolve(exception_id, resolution, note, actor=actor)
    return None


def _owner_in(text: str) -> str | None:
    try:
        return _OWNER.validate_python(text)
    except ValidationError:
        return None


def _exception_page(
    request: Request,
    parts: Parts,
    viewer: Principal,
    exception_id: str,
    status: int = 200,
    error: str | None = None,
    typed: Mapping[str, str] = MappingProxyType({}),
) -> HTMLResponse:
    """`error`: what became of an attempt to work it off, with what was `typed`."""
    record = parts.services.reconciling.exception(exception_id)
    if record is None:
        raise ProblemError(Kind.NOT_FOUND, "No such exception.")
    return staff_page(
        request,
        "exception.html",
        viewer,
        status=status,
        exception=ExceptionView.of(record, composition.now()),
        classes=CLASSES,
        resolutions=RESOLUTIONS,
        error=error,
        typed=typed,
    )
