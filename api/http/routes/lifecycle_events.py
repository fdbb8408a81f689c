"""Ingestion: what the platform reports about its instructors, as CloudEvents, one or many, at least once, in any order."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from api import composition
from api.http import examples
from api.http.access import Platform
from api.http.bodies import decode_json, media_type, read_body
from api.http.openapi import AUTHORIZED, STORED, problems
from api.http.parts import Parts, PartsOfApp
from api.http.positions import HEADER
from api.http.problems import Kind, ProblemError
from api.http.routes import PREFIX
from ledger.ingestion import Receipt
from ledger.lifecycle import received_fact
from ledger.referrals.decision import Outcome

ONE = "application/cloudevents+json"
MANY = "application/cloudevents-batch+json"
MOST_BYTES_OF_ONE = 256 * 1024
MOST_BYTES_OF_MANY = 4 * 1024 * 1024
MOST_ITEMS = 1000

router = APIRouter(prefix=PREFIX, tags=["ingestion"])


class Result(BaseModel):
    """What became of one delivery. `position`: where its first event went, if it was recorded."""

    id: str | None
    outcome: Outcome
    reason: str | None
    position: int | None
    problem: Annotated[
        str | None,
        Field(exclude_if=lambda problem: problem is None, description="What is wrong with an invalid item; only then"),
    ] = None


class Results(BaseModel):
    """`position`: everything in the batch is reflected by a read that reflects this position."""

    position: int
    results: list[Result] = Field(description="In the order sent")


@router.post(
    "/lifecycle-events",
    summary="Report lifecycle events",
    description=f"""One event as `{ONE}`: 201 recorded, 200 duplicate or ignored, 422 rejected.
Up to {MOST_ITEMS} as `{MANY}`: always 200, with a result for each. They are handled in the order sent; a malformed one is
`rejected` with reason `invalid` and does not fail its neighbours. So is one
whose `time` is more than a day ahead of the ledger's clock: `problem` names both; correct it and send it again. Sending
anything again is always safe, and is the right answer to every 503.""",
    openapi_extra={"requestBody": examples.LIFECYCLE_EVENTS_BODY},
    response_model=Results | Result,
    responses={
        200: {"description": "Batch handled; or one event, duplicate or ignored"},
        201: {"description": "One event, recorded", "model": Result},
        **problems(
            *AUTHORIZED,
            *STORED,
            Kind.MALFORMED_JSON,
            Kind.BODY_TIMEOUT,
            Kind.TOO_LARGE,
            Kind.TOO_MANY_ITEMS,
            Kind.UNSUPPORTED_MEDIA_TYPE,
            Kind.VALIDATION_FAILED,
            Kind.REJECTED,
        ),
    },
)
async def report_lifecycle_events(request: Request, parts: PartsOfApp, platform: Platform) -> Response:
    if media_type(request, (ONE, MANY)) == ONE:
        return await _take_one(parts, await read_body(request, MOST_BYTES_OF_ONE), platform.subject)
    body = await read_body(request, MOST_BYTES_OF_MANY)
    return await run_in_threadpool(_take_many, parts, body, platform.subject)


async def _take_one(parts: Parts, body: bytes, actor: str) -> Response:
    receipt = await parts.gathering.take(received_fact(decode_json(body), composition.now()), actor)
    if receipt.outcome == "rejected":
        detail = _presentable(receipt.problem) if receipt.problem else f"By the rules of the program: {receipt.reason}."
        facts = {"id": receipt.id, "outcome": receipt.outcome, "reason": receipt.reason}
        raise ProblemError(Kind.REJECTED, detail, facts)
    return _answer(_result(receipt), 201 if receipt.outcome == "recorded" else 200, receipt.as_of)


def _take_many(parts: Parts, body: bytes, actor: str) -> Response:
    items = decode_json(body)
    if not isinstance(items, list):
        raise ProblemError(Kind.VALIDATION_FAILED, f"A JSON array of events is expected; one event goes as {ONE}.")
    if len(items) > MOST_ITEMS:
        raise ProblemError(Kind.TOO_MANY_ITEMS, f"At most {MOST_ITEMS} items; there were {len(items)}.")
    now = composition.now()
    receipts = parts.services.ingestion.ingest([received_fact(item, now) for item in items], actor)
    position = max([receipt.as_of for receipt in receipts], default=0)
    return _answer({"position": position, "results": [_result(receipt) for receipt in receipts]}, 200, position)


def _result(receipt: Receipt) -> dict[str, object]:
    """A `Result`, as plain values: a model of each, validated and dumped, is more than the rest of the answer."""
    fact_id, outcome, reason, position, problem, _ = receipt
    result: dict[str, object] = {"id": fact_id, "outcome": outcome, "reason": reason, "position": position}
    return result if problem is None else {**result, "problem": _presentable(problem)}


def _presentable(text: str) -> str:
    """Short, and Unicode: it may quote what was sent, half of a surrogate pair for instance."""
    return text[:500].encode(errors="replace").decode()


def _answer(document: dict[str, object], status: int, position: int) -> Response:
    return Response(orjson.dumps(document), status, {HEADER: str(position)}, "application/json")
