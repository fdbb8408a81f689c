"""What lifecycle events look like, for the OpenAPI document: their schema, from the models that check them, and examples."""

from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from ledger.lifecycle import LifecycleFact

REFERENCE = "#/components/schemas/{model}"

_SCHEMA = TypeAdapter[Any](Annotated[LifecycleFact, Field(discriminator="type")]).json_schema(ref_template=REFERENCE)

LIFECYCLE_EVENT_SCHEMAS: dict[str, Any] = {**_SCHEMA.pop("$defs"), "LifecycleEvent": _SCHEMA}


def _event(number: int, kind: str, subject: str, data: dict[str, object]) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": f"evt-{number}",
        "source": "/marketplace",
        "type": f"instructor.{kind}",
        "subject": subject,
        "time": f"2026-01-0{number}T09:00:00Z",
        "data": data,
    }


EVENTS = [
    _event(1, "referral_code_issued", "ins_1", {"code": "ANNA"}),
    _event(2, "payout_account_updated", "ins_1", {"stripe_account_id": "acct_ok_1", "transfers_active": True}),
    _event(3, "signed_up", "ins_2", {"referral_code": "ANNA", "display_name": "Ben"}),
    _event(4, "went_live", "ins_2", {}),
    _event(5, "lesson_completed", "ins_2", {"lesson_id": "les_1"}),
]

LIFECYCLE_EVENTS_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/cloudevents+json": {
            "schema": {"$ref": REFERENCE.format(model="LifecycleEvent")},
            "examples": {str(event["type"]): {"value": event} for event in EVENTS},
        },
        "application/cloudevents-batch+json": {
            "schema": {
                "type": "array",
                "maxItems": 1000,
                "items": {"$ref": REFERENCE.format(model="LifecycleEvent")},
            },
            "examples": {"a referral that earns": {"value": EVENTS}},
        },
    },
}
