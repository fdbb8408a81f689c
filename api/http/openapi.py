"""The OpenAPI document: what FastAPI writes by itself, and what it cannot know of bodies that routes read themselves."""

from itertools import groupby
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.http import examples
from api.http.positions import HEADER
from api.http.problems import MEDIA_TYPE, Kind, ProblemDocument

DESCRIPTION = f"""Referral bonuses for instructors: facts in, money out, and at any time an answer to "where is my money?".

* **Tokens.** `Authorization: Bearer …`, a JSON Web Token with `sub`, `roles`, `aud` and `exp`. `admin` may do everything.
* **Money** is an integer in minor units (cents) beside its ISO 4217 currency.
* **Errors** are `{MEDIA_TYPE}` (RFC 9457) with a stable `code`. After a 503 or 504 send the same again.
* **Positions.** Every recorded event has one: 1, 2, 3, … without gaps. Answers carry the header `{HEADER}`; pass it as
  `?min_position=` to a read that must reflect what you have just written.
* **Lists** page by an opaque cursor: pass `next_cursor` as `?cursor=` until it is null.
"""

TAGS = [
    {"name": "ingestion", "description": "The platform reports what happened"},
    {"name": "people", "description": "The platform passes on that somebody wants to be forgotten"},
    {"name": "instructors", "description": "An instructor sees their own referrals, and nobody else's"},
    {"name": "finance", "description": "Payouts, totals, and the books"},
    {"name": "audit", "description": "The log itself"},
    {"name": "webhooks", "description": "Stripe tells us that something changed"},
    {"name": "operations", "description": "Health and metrics; to be reached from inside only"},
]

AUTHORIZED = (
    Kind.TOKEN_MISSING,
    Kind.TOKEN_INVALID,
    Kind.TOKEN_EXPIRED,
    Kind.FORBIDDEN,
    Kind.TOKEN_KEYS_UNAVAILABLE,
)
STORED = (Kind.BUSY, Kind.DATABASE_UNAVAILABLE, Kind.DATABASE_NOT_READY)
READ = (Kind.VALIDATION_FAILED, Kind.POSITION_TIMEOUT, *STORED)

POSITION_HEADER = {
    HEADER: {"description": "The position that the answer reflects", "schema": {"type": "integer"}, "example": 3488}
}


def problems(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`: the problem documents it may answer with, by status."""
    by_status = groupby(sorted(set(kinds), key=lambda kind: (kind.status, kind.code)), key=lambda kind: kind.status)
    return {status: _problem_response(list(of_status)) for status, of_status in by_status}


def reads(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """For the `responses` of a read: its header, and the problems that every read may meet beside its own."""
    return {200: {"headers": POSITION_HEADER}, **problems(*READ, *kinds)}


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of the app."""
    if app.openapi_schema is None:
        written = get_openapi(
            title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes, tags=TAGS
        )
        schemas = written["components"]["schemas"]
        schemas["Problem"] = ProblemDocument.model_json_schema(ref_template=examples.REFERENCE)
        schemas |= schemas["Problem"].pop("$defs")
        schemas |= examples.LIFECYCLE_EVENT_SCHEMAS
        app.openapi_schema = written
    return app.openapi_schema


def _problem_response(kinds: list[Kind]) -> dict[str, Any]:
    shown = {kind.code: {"summary": kind.title, "value": _example(kind)} for kind in kinds}
    schema = {"$ref": examples.REFERENCE.format(model="Problem")}
    return {
        "description": "; ".join(f"`{kind.code}`: {kind.title.lower()}" for kind in kinds),
        "content": {MEDIA_TYPE: {"schema": schema, "examples": shown}},
    }


def _example(kind: Kind) -> dict[str, object]:
    return {
        "type": f"urn:payout-ledger:problem:{kind.code}",
        "title": kind.title,
        "status": kind.status,
        "code": kind.code,
        "request_id": "0199f3c2a7b17d0c8f1e5f7a2b3c4d5e",
    }
