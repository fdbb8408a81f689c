"""Events: written in the transaction of what they tell, kept for 30 days, and handed to the webhook outbox."""

import json

from sandbox.stripe_twin import webhooks
from sandbox.stripe_twin.messages import Json
from sandbox.stripe_twin.paging import page
from sandbox.stripe_twin.refusals import invalid, missing
from sandbox.stripe_twin.world import Cause, World, encode, list_of

_KEPT_SECONDS = 30 * 86400


def emit(
    world: World,
    cause: Cause,
    kind: str,
    subject: Json,
    *,
    previous: Json | None = None,
    account: str | None = None,
) -> None:
    """Record that `kind` happened to `subject`; `account` is set when it happened on a connected account."""
    event: Json = {
        "id": world.new_id("evt"),
        "object": "event",
        "api_version": world.settings.api_version,
        "context": account,
        "created": int(world.now()),
        "data": {"object": subject} | ({"previous_attributes": previous} if previous else {}),
        "livemode": False,
        "pending_webhooks": int(world.settings.webhook_secret is not None),
        "request": {"id": cause.request_id, "idempotency_key": cause.idempotency_key},
        "type": kind,
    }
    if account is not None:
        event["account"] = account
    world.store.run(
        "insert_event",
        id=event["id"],
        created=event["created"],
        visible_at=world.visible_at(cause),
        type=kind,
        body=encode(event),
    )
    webhooks.plan(world, event["id"])


def retrieve(world: World, identifier: str) -> Json:
    """One event, unless it is older than 30 days."""
    body = world.store.body("event", identifier)
    if body is None:
        raise missing("event", identifier)
    event = _shape(world, body)
    if event["created"] <= world.now() - _KEPT_SECONDS:
        raise missing("event", identifier)
    return event


def listing(world: World, parameters: Json) -> Json:
    """The events of the last 30 days, newest first; `type` may end in `*`."""
    if "type" in parameters and "types" in parameters:
        raise invalid("You may only specify one of these parameters: type, types.", param="type")
    conditions, values = ["created > :oldest"], {"oldest": int(world.now()) - _KEPT_SECONDS}
    patterns = parameters.get("types") or ([parameters["type"]] if "type" in parameters else [])
    names = {f"type_{number}": pattern for number, pattern in enumerate(patterns)}
    if names:
        conditions.append("(" + " or ".join(f"type glob :{name}" for name in names) + ")")
    if "delivery_success" in parameters:
        delivered = "event.id not in (select event from webhook_delivery)"
        conditions.append(delivered if parameters["delivery_success"] else f"not ({delivered})")
    rows, has_more = page(world, "event", parameters, conditions, values | names)
    return list_of([_shape(world, row["body"]) for row in rows], has_more=has_more, url="/v1/events")


def _shape(world: World, body: str) -> Json:
    event: Json = json.loads(body)
    event["pending_webhooks"] = int(world.store.one("is_delivery_pending", event=event["id"]) is not None)
    return event
