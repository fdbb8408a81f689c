"""Who has how much: every movement of money has two legs, so that all balances together are zero, always.

Owners are the platform, each connected account, `outside` (where top-ups come from) and `bank` (where they go to).
"""

import json

from sandbox.stripe_twin import events
from sandbox.stripe_twin.messages import Json
from sandbox.stripe_twin.paging import page
from sandbox.stripe_twin.refusals import missing
from sandbox.stripe_twin.settings import PLATFORM
from sandbox.stripe_twin.world import Cause, World, encode, list_of

OUTSIDE = "outside"
BANK = "bank"


def move(world: World, amount: int, currency: str, *, source: str, target: str) -> None:
    """Move `amount` minor units of available money from one owner to another."""
    world.store.run("move_money", owner=source, currency=currency, available=-amount, pending=0)
    world.store.run("move_money", owner=target, currency=currency, available=amount, pending=0)


def available(world: World, owner: str, currency: str) -> int:
    """Minor units that can be moved now."""
    row = world.store.one("get_balance", owner=owner, currency=currency)
    return 0 if row is None else row["available"]


def record(
    world: World,
    cause: Cause,
    kind: str,
    amount: int,
    currency: str,
    *,
    source: str,
    owner: str = PLATFORM,
    connected_account: str | None = None,
    description: str | None = None,
) -> str:
    """Write the balance transaction of a movement, signed as `owner` sees it; its id."""
    created = int(world.now())
    transaction: Json = {
        "id": world.new_id("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": created,
        "balance_type": "payments",
        "created": created,
        "currency": currency,
        "description": description,
        "exchange_rate": None,
        "fee": 0,
        "fee_details": [],
        "net": amount,
        "reporting_category": "transfer_reversal" if kind == "transfer_refund" else kind,
        "source": source,
        "status": "available",
        "type": kind,
    }
    world.store.run(
        "insert_balance_transaction",
        id=transaction["id"],
        created=created,
        visible_at=world.visible_at(cause),
        owner=owner,
        type=kind,
        source=source,
        currency=currency,
        connected_account=connected_account,
        body=encode(transaction),
    )
    identifier: str = transaction["id"]
    return identifier


def balance(world: World, owner: str = PLATFORM) -> Json:
    """An owner's balance object."""
    rows = [dict(row) for row in world.store.all("balances_of", owner=owner)]
    rows = rows or [{"currency": world.settings.currency, "available": 0, "pending": 0}]

    def amounts(bucket: str) -> list[Json]:
        return [
            {"amount": row[bucket], "currency": row["currency"], "source_types": {"card": row[bucket]}} for row in rows
        ]

    return {
        "object": "balance",
        "available": amounts("available"),
        "connect_reserved": [{"amount": 0, "currency": row["currency"]} for row in rows],
        "livemode": False,
        "pending": amounts("pending"),
        "refund_and_dispute_prefunding": {
            "available": [{"amount": 0, "currency": row["currency"]} for row in rows],
            "pending": [{"amount": 0, "currency": row["currency"]} for row in rows],
        },
    }


def top_up(world: World, amount: int, currency: str) -> str:
    """Put money on the platform's balance, which announces it as available; the top-up's id."""
    identifier = world.new_id("tu")
    with world.store.transaction():
        move(world, amount, currency, source=OUTSIDE, target=PLATFORM)
        record(world, Cause(), "topup", amount, currency, source=identifier, description="Top-up")
        events.emit(world, Cause(), "balance.available", balance(world))
    return identifier


def freeze(world: World, currency: str, seconds: float) -> None:
    """Make all the platform's available money pending for a while: every transfer meets an insufficient balance."""
    amount = available(world, PLATFORM, currency)
    if amount > 0:
        world.store.run("move_money", owner=PLATFORM, currency=currency, available=-amount, pending=amount)
        world.later(seconds, "thaw", amount=amount, currency=currency)


def thaw(world: World, amount: int, currency: str) -> None:
    """Make frozen money available again, and say so."""
    world.store.run("move_money", owner=PLATFORM, currency=currency, available=amount, pending=-amount)
    events.emit(world, Cause(), "balance.available", balance(world))


def retrieve_transaction(world: World, identifier: str) -> Json:
    """One balance transaction."""
    body = world.store.body("balance_transaction", identifier)
    if body is None:
        raise missing("balance transaction", identifier)
    transaction: Json = json.loads(body)
    return transaction


def list_transactions(world: World, parameters: Json, owner: str) -> Json:
    """An owner's balance transactions, newest first, by type, source, currency and time."""
    conditions = ["owner = :owner", *(f"{name} = :{name}" for name in _FILTERS if name in parameters)]
    values = {"owner": owner, **{name: parameters[name] for name in _FILTERS if name in parameters}}
    if "payout" in parameters:  # automatic payouts of the platform itself do not happen here
        conditions.append("false")
    rows, has_more = page(world, "balance_transaction", parameters, conditions, values)
    return list_of([json.loads(row["body"]) for row in rows], has_more=has_more, url="/v1/balance_transactions")


_FILTERS = ("type", "source", "currency")
