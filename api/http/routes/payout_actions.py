"""What finance does about payouts: hold, release, retry, cancel, reverse; and a second person's word on what needs one."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, ValidationError

from api.decisions import PAYOUT_ID, Decision, Note, decided_by
from api.http import cursors
from api.http.access import FINANCE, Finance
from api.http.bodies import decode_json, media_type, read_body
from api.http.caught_up import CaughtUpReadModels
from api.http.cursors import Cursor, Limit, Listing
from api.http.openapi import AUTHORIZED, POSITION_HEADER, STORED, problems, reads
from api.http.parts import PartsOfApp
from api.http.positions import reflects
from api.http.problems import Kind, ProblemError
from api.http.routes import PREFIX
from ledger.payouts.actions import Action, Refused
from ledger.payouts.review import Done, NoSuchPayoutError
from projections.views import OpenApprovalView

router = APIRouter(prefix=f"{PREFIX}/payouts", tags=["finance"], dependencies=[FINANCE])

JSON = "application/json"
MOST_BYTES = 16 * 1024

_ONCE = "Repeating it is harmless. The caller's `sub` and the reason go into the log."
_TWO = "A second person has to approve it: see `approval` in the answer."

ACTIONS: dict[Action, tuple[str, str]] = {
    "hold": ("Make no new attempt", "An attempt in flight still comes to its end."),
    "release": ("Let a held payout go on", "The rules that hold payouts for review do not hold it again."),
    "retry": (
        "Try again",
        "After a decline at once. After an unknown outcome once Stripe was searched in vain, with a second person's approval.",
    ),
    "cancel": ("Give the payout up", f"{_TWO} An attempt in flight comes to its end first, and a payment wins."),
    "reverse": ("Take back what was paid", f"{_TWO} All that is left of the transfer is reversed at Stripe."),
}

OF_ANY_ACTION = (Kind.ALREADY_PAID, Kind.ALREADY_CANCELLED, Kind.ALREADY_REVERSED)
REFUSALS: dict[Action, tuple[Kind, ...]] = {
    "hold": OF_ANY_ACTION,
    "release": (*OF_ANY_ACTION, Kind.NOT_HELD),
    "retry": (
        *OF_ANY_ACTION,
        Kind.NOT_DECLINED,
        Kind.OUTCOME_PENDING,
        Kind.ABSENCE_NOT_CONFIRMED,
        Kind.APPROVAL_PENDING,
    ),
    "cancel": (*OF_ANY_ACTION, Kind.APPROVAL_PENDING),
    "reverse": (Kind.ALREADY_REVERSED, Kind.NOT_PAID, Kind.OUTCOME_PENDING, Kind.APPROVAL_PENDING),
}


class ReasonGiven(BaseModel):
    model_config = ConfigDict(extra="forbid")
    reason: Note


async def _reason(request: Request) -> str:
    media_type(request, (JSON,))
    body = decode_json(await read_body(request, MOST_BYTES))
    try:
        return ReasonGiven.model_validate(body).reason
    except ValidationError as error:
        raise RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in error.errors()]) from None


Reason = Annotated[str, Depends(_reason)]
Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="Of the request, among those of this payout")]

BODY = {"requestBody": {"required": True, "content": {JSON: {"schema": ReasonGiven.model_json_schema()}}}}
OF_THE_BODY = (
    Kind.MALFORMED_JSON,
    Kind.BODY_TIMEOUT,
    Kind.TOO_LARGE,
    Kind.UNSUPPORTED_MEDIA_TYPE,
    Kind.VALIDATION_FAILED,
)


def _decides(*refusals: Kind) -> dict[int | str, dict[str, object]]:
    return {
        200: {"headers": POSITION_HEADER},
        **problems(*AUTHORIZED, *STORED, *OF_THE_BODY, Kind.NOT_FOUND, *refusals),
    }


@router.get(
    "/approvals", summary="What a second person has to decide on", responses=reads(*AUTHORIZED, Kind.BAD_CURSOR)
)
def list_open_approvals(
    response: Response, read_models: CaughtUpReadModels, limit: Limit = 50, cursor: Cursor = None
) -> Listing[OpenApprovalView]:
    page = read_models.open_approvals(limit=limit, after=cursors.decode(cursor, "approvals"))
    reflects(response, page.position)
    return Listing(items=page.items, next_cursor=cursors.encode(page.next_after, "approvals"))


def _route_of(action: Action) -> Callable[..., Decision]:
    def act(response: Response, parts: PartsOfApp, finance: Finance, payout_id: str, reason: Reason) -> Decision:
        review = parts.services.review
        return _decided(response, payout_id, lambda: review.act(action, payout_id, note=reason, **decided_by(finance)))

    return act


for _action, (_summary, _description) in ACTIONS.items():
    router.add_api_route(
        f"/{{payout_id}}/{_action}",
        _route_of(_action),
        methods=["POST"],
        name=f"{_action}_payout",
        summary=_summary,
        description=f"{_description} {_ONCE}",
        openapi_extra=BODY,
        responses=_decides(*REFUSALS[_action]),
    )


@router.post(
    "/{payout_id}/approvals/{number}/approve",
    summary="Approve what somebody else asked for",
    description="It is carried out as soon as no attempt is in flight. Whoever asked for it cannot approve it.",
    openapi_extra=BODY,
    responses=_decides(Kind.NO_SUCH_REQUEST, Kind.SECOND_PERSON_NEEDED, Kind.ABSENCE_NOT_CONFIRMED),
)
def approve_request(
    response: Response, parts: PartsOfApp, finance: Finance, payout_id: str, number: Number, reason: Reason
) -> Decision:
    review = parts.services.review
    return _decided(
        response,
        payout_id,
        lambda: review.decide(payout_id, number, granted=True, note=reason, **decided_by(finance)),
    )


@router.post(
    "/{payout_id}/approvals/{number}/refuse",
    summary="Refuse what was asked for",
    description="Whoever asked for it may withdraw it so.",
    openapi_extra=BODY,
    responses=_decides(Kind.NO_SUCH_REQUEST),
)
def refuse_request(
    response: Response, parts: PartsOfApp, finance: Finance, payout_id: str, number: Number, reason: Reason
) -> Decision:
    review = parts.services.review
    return _decided(
        response,
        payout_id,
        lambda: review.decide(payout_id, number, granted=False, note=reason, **decided_by(finance)),
    )


def _decided(response: Response, payout_id: str, decide: Callable[[], Done | Refused]) -> Decision:
    if not PAYOUT_ID.fullmatch(payout_id):
        raise NoSuchPayoutError(payout_id)
    done = decide()
    if isinstance(done, Refused):
        raise ProblemError(Kind[done.code.upper()], f"{done.detail[0].upper()}{done.detail[1:]}.")
    reflects(response, done.position)
    return Decision.of(payout_id, done)
