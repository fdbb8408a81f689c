"""The webhook outbox: what is owed, when it is due, and that Stripe's own library accepts the signature."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
import stripe

from sandbox.stripe_twin import Request, Settings, Store, Twin, VirtualClock, WebhookHabits, agenda, webhooks
from tests.sandbox.stripe_twin_platform import DAY, KEY, SECRET

Open = Callable[..., Twin]


@pytest.fixture
def twin_with() -> Iterator[Open]:
    """Opens a twin whose platform listens for webhooks, with an empty outbox."""
    stores = []

    def open_twin(**habits: Any) -> Twin:
        stores.append(Store())
        settings = Settings(KEY, webhook_secret=SECRET, webhooks=WebhookHabits(**habits))
        twin = Twin(stores[-1], settings, clock=VirtualClock(), seed=3)
        for row in webhooks.pending(twin.world):
            webhooks.report(twin.world, row["id"], accepted=True)
        return twin

    yield open_twin
    for store in stores:
        store.close()


def pay(twin: Twin, times: int = 1) -> None:
    for number in range(times):
        parameters = {"amount": 1, "currency": "usd", "destination": "acct_ok1", "description": str(number)}
        headers = {"authorization": f"Bearer {KEY}"}
        twin.handle(Request("POST", "/v1/transfers", "", headers, urlencode(parameters).encode()))


def advance(twin: Twin, seconds: float) -> None:
    assert isinstance(twin.world.clock, VirtualClock)
    twin.world.clock.advance(seconds)


def taken(twin: Twin) -> list[webhooks.Delivery]:
    return webhooks.take_due(twin.world, limit=100)


def order(deliveries: list[webhooks.Delivery]) -> list[int]:
    return [int(json.loads(delivery.body)["data"]["object"]["description"]) for delivery in deliveries]


def test_stripes_library_verifies_what_is_delivered_and_nothing_else(twin_with: Open) -> None:
    twin = twin_with()
    pay(twin)
    (delivery,) = taken(twin)
    signed = delivery.headers["Stripe-Signature"]

    stripe.WebhookSignature.verify_header(delivery.body, signed, SECRET, tolerance=None)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header(delivery.body.replace(b"acct_ok1", b"acct_ok2"), signed, SECRET)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header(delivery.body, signed, "whsec_of_somebody_else")
    event = stripe.Webhook.construct_event(delivery.body, signed, SECRET, tolerance=10**9)
    assert (event.type, event.data.object["amount"]) == ("transfer.created", 1)


def test_a_delivery_is_owed_until_it_is_accepted(twin_with: Open) -> None:
    twin = twin_with()
    pay(twin)
    (first,) = taken(twin)
    assert taken(twin) == [], "it is under way"
    webhooks.report(twin.world, first.id, accepted=False)
    assert taken(twin) == [], "it waits before it is tried again"

    advance(twin, 5)
    (second,) = taken(twin)
    assert (second.attempt, second.body) == (2, first.body)
    webhooks.report(twin.world, second.id, accepted=True)
    advance(twin, 4 * DAY)
    assert taken(twin) == []


def test_a_delivery_whose_sender_died_is_due_again(twin_with: Open) -> None:
    twin = twin_with()
    pay(twin)
    (lost,) = taken(twin)
    advance(twin, 61)
    assert [again.event_id for again in taken(twin)] == [lost.event_id]


def test_retries_grow_apart_and_end_after_three_days(twin_with: Open) -> None:
    twin = twin_with()
    pay(twin)
    pauses, before = [], twin.world.now()
    while (due_at := agenda.next_due_at(twin.world)) is not None:
        advance(twin, max(0.0, due_at - twin.world.now()))
        for delivery in taken(twin):
            webhooks.report(twin.world, delivery.id, accepted=False)
            pauses.append(twin.world.now() - before)
            before = twin.world.now()
    assert pauses[1] < 2
    assert 1800 <= pauses[-1] <= 5400
    assert 2 * DAY < sum(pauses) <= 3 * DAY


def test_deliveries_can_be_late_doubled_overtaken_and_dropped(twin_with: Open) -> None:
    late = twin_with(max_delay_seconds=60.0)
    pay(late, 20)
    assert taken(late) == []
    advance(late, 60)
    assert sorted(order(taken(late))) == list(range(20))

    doubled = twin_with(duplicate_rate=1.0)
    pay(doubled, 3)
    assert order(taken(doubled)) == [0, 0, 1, 1, 2, 2]

    overtaken = twin_with(reorder_rate=0.5, reorder_seconds=30.0)
    pay(overtaken, 20)
    first = order(taken(overtaken))
    advance(overtaken, 30)
    both = first + order(taken(overtaken))
    assert both != sorted(both) == list(range(20))

    dropped = twin_with(drop_rate=1.0)
    pay(dropped)
    advance(dropped, DAY)
    assert taken(dropped) == []


def test_the_events_api_knows_what_has_not_been_delivered(twin_with: Open) -> None:
    twin = twin_with()
    pay(twin)

    def undelivered() -> list[int]:
        headers = {"authorization": f"Bearer {KEY}"}
        outcome: Any = twin.handle(Request("GET", "/v1/events", "delivery_success=false", headers))
        return [event["pending_webhooks"] for event in json.loads(outcome.body)["data"]]

    assert undelivered() == [1]
    for delivery in taken(twin):
        webhooks.report(twin.world, delivery.id, accepted=True)
    assert undelivered() == []


def test_nothing_is_owed_to_a_platform_that_does_not_listen() -> None:
    twin = Twin(Store(), Settings(KEY), clock=VirtualClock(), seed=3)
    pay(twin)
    assert webhooks.pending(twin.world) == []
