"""Proof for an auditor: signed checkpoints, and that an event, or an older checkpoint, is part of one."""

import base64
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field

from api.http.access import AUDIT
from api.http.openapi import AUTHORIZED, reads
from api.http.parts import PartsOfApp
from api.http.positions import reflects
from api.http.problems import Kind, ProblemError
from api.http.routes import PREFIX
from api.services import Services
from ledger.proof.canonical import canonical_event
from ledger.proof.merkle import leaf_hash
from ledger.proof.seals import Seal

router = APIRouter(prefix=f"{PREFIX}/audit", tags=["audit"], dependencies=[AUDIT])

NOTE = "payout-ledger\n3488\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— payout-ledger Az3grlgtzPICa5OS…\n"
HASH = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="

SEALED = reads(*AUTHORIZED, Kind.NOT_FOUND, Kind.NOT_SEALED, Kind.SEALING_STOPPED)
SIGNED_NOTE = {
    "description": "A signed note (C2SP signed-note, tlog-checkpoint)",
    "content": {"text/plain": {"schema": {"type": "string"}, "example": NOTE}},
}

Size = Annotated[
    int | None, Query(ge=1, le=2**62, description="Of a checkpoint: how many events it covers. Default: the newest")
]
Hash = Annotated[str, Field(description="32 bytes in base64", examples=[HASH])]


class InclusionProof(BaseModel):
    """Hash `leaf` with SHA-256 after a zero byte, follow `path` as in RFC 9162, 2.1.3.2, and get the root that is signed."""

    position: int = Field(examples=[37])
    leaf: str = Field(description="The event as canonical JSON (RFC 8785): exactly these bytes, in UTF-8")
    leaf_hash: Hash
    tree_size: int = Field(examples=[3488])
    root: Hash
    path: list[Hash] = Field(description="From the leaf up")
    checkpoint: str = Field(description="The signed note that has this size and root", examples=[NOTE])


class ConsistencyProof(BaseModel):
    """That the older tree is the beginning of the newer one (RFC 9162, 2.1.4.2)."""

    from_size: int = Field(examples=[1200])
    to_size: int = Field(examples=[3488])
    from_root: Hash
    to_root: Hash
    path: list[Hash]
    from_checkpoint: str = Field(examples=[NOTE])
    to_checkpoint: str = Field(examples=[NOTE])


@router.get(
    "/checkpoint",
    summary="The newest signed checkpoint, or an older one",
    response_class=Response,
    responses={**SEALED, 200: {**SEALED[200], **SIGNED_NOTE}},
)
def get_checkpoint(parts: PartsOfApp, size: Size = None) -> Response:
    seal = _seal(parts.services, size)
    note = Response(seal.note.encode(), media_type="text/plain; charset=utf-8")
    reflects(note, seal.size)
    return note


@router.get(
    "/checkpoint/consistency",
    summary="That one checkpoint is the beginning of another",
    responses=SEALED,
)
def get_consistency(
    response: Response,
    parts: PartsOfApp,
    from_size: Annotated[
        int | None, Query(alias="from", ge=1, le=2**62, description="Size of the older one. Default: the first of all")
    ] = None,
    to_size: Annotated[
        int | None, Query(alias="to", ge=1, le=2**62, description="Size of the newer one. Default: the newest")
    ] = None,
) -> ConsistencyProof:
    seals = parts.services.seals
    newer = _seal(parts.services, to_size)
    older = (seals.first_covering(1) or newer) if from_size is None else _seal(parts.services, from_size)
    if older.size > newer.size:
        raise ProblemError(
            Kind.VALIDATION_FAILED, f"The checkpoint over {older.size} events comes after that over {newer.size}."
        )
    reflects(response, newer.size)
    return ConsistencyProof(
        from_size=older.size,
        to_size=newer.size,
        from_root=_text(older.root),
        to_root=_text(newer.root),
        path=[_text(each) for each in seals.consistency_path(older.size, newer.size)],
        from_checkpoint=older.note,
        to_checkpoint=newer.note,
    )


@router.get(
    "/proof/{position}",
    summary="That an event is part of a checkpoint",
    responses=SEALED,
)
def get_proof(
    response: Response,
    parts: PartsOfApp,
    position: Annotated[int, Path(ge=1, le=2**62)],
    size: Size = None,
) -> InclusionProof:
    services = parts.services
    recorded = next(iter(services.log.recorder.read(after=position - 1, limit=1)), None)
    if recorded is None or recorded.position != position:
        raise ProblemError(Kind.NOT_FOUND, f"No event is recorded at position {position}.")
    seal = _seal(services, size)
    if position > seal.size:
        raise ProblemError(Kind.NOT_SEALED, f"That checkpoint covers {seal.size} events, and not position {position}.")
    leaf = canonical_event(recorded)
    reflects(response, seal.size)
    return InclusionProof(
        position=position,
        leaf=leaf.decode(),
        leaf_hash=_text(leaf_hash(leaf)),
        tree_size=seal.size,
        root=_text(seal.root),
        path=[_text(each) for each in services.seals.inclusion_path(position, seal.size)],
        checkpoint=seal.note,
    )


def _seal(services: Services, size: int | None) -> Seal:
    """The newest, or the one of this size. Raises ProblemError."""
    if size is not None:
        seal = services.seals.at_size(size)
        if seal is None:
            raise ProblemError(Kind.NOT_FOUND, f"No checkpoint covers exactly {size} events.")
        return seal
    newest = services.seals.newest()
    if newest is None:
        raise ProblemError(Kind.NOT_SEALED, "No checkpoint has been signed yet.")
    return newest


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
