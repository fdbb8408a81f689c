"""What the platform says about persons themselves: that somebody is to be forgotten."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api.http.access import Platform
from api.http.bodies import decode_json, media_type, read_body
from api.http.openapi import AUTHORIZED, POSITION_HEADER, STORED, problems
from api.http.parts import PartsOfApp
from api.http.positions import reflects
from api.http.problems import Kind
from api.http.routes import PREFIX
from ledger.events import ErasureReason
from ledger.forget_person import forget_person
from ledger.lifecycle import InstructorId

router = APIRouter(prefix=f"{PREFIX}/people", tags=["people"])

JSON = "application/json"
MOST_BYTES = 1024


class Erasure(BaseModel):
    """A code and no text: whatever is written here stays on the log."""

    model_config = ConfigDict(extra="forbid")
    reason: ErasureReason


class Forgotten(BaseModel):
    """`unchanged`: they were forgotten before, at this position."""

    instructor_id: str = Field(examples=["ins_2"])
    outcome: Literal["recorded", "unchanged"]
    position: int = Field(description="Of the event that says so")


async def _reason(request: Request) -> ErasureReason:
    media_type(request, (JSON,))
    body = decode_json(await read_body(request, MOST_BYTES))
    try:
        return Erasure.model_validate(body).reason
    except ValidationError as error:
        raise RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in error.errors()]) from None


@router.post(
    "/{instructor_id}/forget",
    summary="Erase what is personal about somebody",
    description="""Their display name, and whether they saw the welcome pop-up. Nothing sent about this id later is stored, a late
repetition of the sign-up included. Payments go on; log, totals and proofs stay as they are. Repeating it is harmless.""",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                JSON: {
                    "schema": {
                        "type": "object",
                        "required": ["reason"],
                        "additionalProperties": False,
                        "properties": {"reason": {"type": "string", "enum": list(ErasureReason)}},
                    },
                    "example": {"reason": ErasureReason.REQUESTED_BY_PERSON},
                }
            },
        }
    },
    responses={
        200: {"headers": POSITION_HEADER},
        **problems(
            *AUTHORIZED,
            *STORED,
            Kind.MALFORMED_JSON,
            Kind.BODY_TIMEOUT,
            Kind.TOO_LARGE,
            Kind.UNSUPPORTED_MEDIA_TYPE,
            Kind.VALIDATION_FAILED,
        ),
    },
)
def forget(
    response: Response,
    parts: PartsOfApp,
    platform: Platform,
    instructor_id: Annotated[InstructorId, Path(examples=["ins_2"])],
    reason: Annotated[ErasureReason, Depends(_reason)],
) -> Forgotten:
    services = parts.services
    done = forget_person(
        services.log, services.people, instructor_id, reason, actor=platform.subject, now=datetime.now(UTC)
    )
    reflects(response, done.position)
    outcome: Literal["recorded", "unchanged"] = "recorded" if done.changed else "unchanged"
    return Forgotten(instructor_id=instructor_id, outcome=outcome, position=done.position)
