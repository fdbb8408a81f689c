"""Whether the log is sealed: the newest checkpoint, by which key it is signed, and the proofs to take home."""

from typing import Annotated, NamedTuple

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api import composition
from api.http.parts import PartsOfApp
from api.pages.finance.staff import staff_page
from api.pages.session import StaffViewer
from api.settings import Settings
from ledger.proof.notes import Checkpoint, NoteError, open_note
from ledger.proof.seals import Seal

router = APIRouter(include_in_schema=False)


class Signature(NamedTuple):
    """`key`: whose it is, as far as we know it here; `holds`: None where we do not have that key to check it with."""

    key: str | None
    holds: bool | None


@router.get("/finance/log/seals")
def show_seals(request: Request, parts: PartsOfApp, viewer: StaffViewer) -> HTMLResponse:
    services = parts.services
    newest = services.seals.newest()
    head = services.log.recorder.head()
    return staff_page(
        request,
        "seals.html",
        viewer,
        newest=newest,
        oldest=services.seals.first_covering(1),
        signature=signature_of(newest, services.settings) if newest is not None else None,
        head=head,
        unsealed=head - (newest.size if newest is not None else 0),
    )


@router.get("/finance/log/proof")
def find_proof(
    viewer: StaffViewer,  # noqa: ARG001 - lets nobody else in
    position: Annotated[int, Query(ge=1, le=2**62)],
) -> Response:
    """From the form, which cannot put its field into the address."""
    return RedirectResponse(f"/finance/download/proof/{position}", status_code=303)


def signature_of(seal: Seal, settings: Settings) -> Signature:
    """Checked against the seal's own size and root, with the key of this ledger: what the database says of itself."""
    key = composition.signing_key(settings)
    if key is None:
        return Signature(None, None)
    try:
        checkpoint = Checkpoint.parse(open_note(seal.note, [key.public]))
    except NoteError:
        return Signature(str(key.public), False)
    return Signature(str(key.public), (checkpoint.size, checkpoint.root) == (seal.size, seal.root))
