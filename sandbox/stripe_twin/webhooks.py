"""The webhook outbox: what is delivered, when, with which signature, and when again if the receiver refuses it.

This decides only; sending is the shell's work (delivery.py). A delivery is owed from the transaction that wrote its
event until a receiver answers 2xx, or for three days.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass

from sandbox.stripe_twin.messages import Json
from sandbox.stripe_twin.world import World

_GIVE_UP_SECONDS = 3 * 86400
_LEASE_SECONDS = 60  # a delivery that was handed out and never reported is due again after this
_FIRST_RETRY_SECONDS = 1.0
_LONGEST_RETRY_SECONDS = 3600.0


@dataclass(frozen=True)
class Delivery:
    """One POST to the receiver; `attempt` counts from 1."""

    id: int
    event_id: str
    attempt: int
    headers: dict[str, str]
    body: bytes


def plan(world: World, event_id: str) -> None:
    """Owe the receiver this event: once, twice, late, overtaken by others or not at all, as the settings say."""
    if world.settings.webhook_secret is None:
        return
    habits = world.settings.webhooks
    chance = world.random.random()
    if chance < habits.drop_rate:
        return
    for _ in range(2 if chance < habits.drop_rate + habits.duplicate_rate else 1):
        delay = world.random.uniform(0, habits.max_delay_seconds)
        if world.random.random() < habits.reorder_rate:
            delay += habits.reorder_seconds
        now = world.now()
        world.store.run("plan_delivery", event=event_id, planned_at=now, due_at=now + delay)


def take_due(world: World, limit: int) -> list[Delivery]:
    """Hand out what is due. Whoever takes a delivery reports how it went, or it is due again in a minute."""
    deliveries = []
    with world.store.transaction():
        for row in world.store.all("due_deliveries", now=world.now(), limit=limit):
            world.store.run("claim_delivery", id=row["id"], due_at=world.now() + _LEASE_SECONDS)
            body = (world.store.body("event", row["event"]) or "").encode()
            headers = {
                "Content-Type": "application/json; charset=utf-8",
                "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
                "Stripe-Signature": signature(body, world.settings.webhook_secret or "", int(world.now())),
            }
            deliveries.append(Delivery(row["id"], row["event"], row["attempts"] + 1, headers, body))
    return deliveries


def report(world: World, delivery_id: int, *, accepted: bool) -> None:
    """Settle a delivery that was taken: done, or due again after a growing pause, until three days have passed."""
    row = world.store.one("get_delivery", id=delivery_id)
    if row is None:
        return
    pause = min(_FIRST_RETRY_SECONDS * 2.0 ** min(row["attempts"] - 1, 30), _LONGEST_RETRY_SECONDS)
    retry_at = world.now() + pause * world.random.uniform(0.5, 1.5)
    if accepted or retry_at > row["planned_at"] + _GIVE_UP_SECONDS:
        world.store.run("drop_delivery", id=delivery_id)
    else:
        world.store.run("postpone_delivery", id=delivery_id, due_at=retry_at)


def pending(world: World) -> list[Json]:
    """What is still owed, soonest first."""
    return [
        {**row, "type": json.loads(world.store.body("event", row["event"]) or "{}").get("type")}
        for row in map(dict, world.store.all("pending_deliveries"))
    ]


def signature(body: bytes, secret: str, timestamp_seconds: int) -> str:
    """The `Stripe-Signature` header (docs.stripe.com/webhooks/signature): HMAC-SHA256 over `timestamp.body`."""
    signed = hmac.new(secret.encode(), f"{timestamp_seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp_seconds},v1={signed}"
