"""Reversals: money of a transfer taken back, in parts and repeatedly, never more than the transfer moved."""

import json

from sandbox.stripe_twin import books, events, transfers
from sandbox.stripe_twin.messages import Json
from sandbox.stripe_twin.paging import page
from sandbox.stripe_twin.refusals import declined, missing
from sandbox.stripe_twin.settings import PLATFORM
from sandbox.stripe_twin.world import Cause, World, encode, list_of


def create(world: World, cause: Cause, identifier: str, parameters: Json) -> Json:
    """Take back part or all of what is left of a transfer. It counts as `reversed` only when nothing is left."""
    transfer = transfers.stored(world, identifier)
    amount = _amount_to_reverse(world, transfer, parameters)
    currency, destination = transfer["currency"], transfer["destination"]
    books.move(world, amount, currency, source=destination, target=PLATFORM)
    reversal: Json = {
        "id": world.new_id("trr"),
        "object": "transfer_reversal",
        "amount": amount,
        "balance_transaction": None,
        "created": int(world.now()),
        "currency": currency,
        "destination_payment_refund": world.new_id("pyr"),
        "metadata": {key: value for key, value in parameters.get("metadata", {}).items() if value},
        "source_refund": None,
        "transfer": identifier,
    }
    reversal["balance_transaction"] = books.record(
        world,
        cause,
        "transfer_refund",
        amount,
        currency,
        source=reversal["id"],
        connected_account=destination,
        description=parameters.get("description"),
    )
    source = reversal["destination_payment_refund"]
    books.record(world, cause, "payment_refund", -amount, currency, source=source, owner=destination)
    world.store.run(
        "insert_reversal",
        id=reversal["id"],
        created=reversal["created"],
        visible_at=world.visible_at(cause),
        transfer=identifier,
        body=encode(reversal),
    )
    previous = {"amount_reversed": transfer["amount_reversed"]}
    transfer["amount_reversed"] += amount
    if transfer["amount_reversed"] == transfer["amount"]:
        previous["reversed"] = False
        transfer["reversed"] = True
    world.store.run("update_transfer", id=identifier, body=encode(transfer))
    events.emit(world, cause, "transfer.reversed", transfers.with_reversals(world, transfer), previous=previous)
    return reversal


def _amount_to_reverse(world: World, transfer: Json, parameters: Json) -> int:
    left = transfer["amount"] - transfer["amount_reversed"]
    if left == 0:
        raise declined(f"Transfer {transfer['id']} has already been fully reversed.", "transfer_already_reversed")
    amount: int = parameters.get("amount", left)
    if amount > left:
        message = f"Reversal amount ({amount}) is greater than the unreversed amount on the transfer ({left})."
        raise declined(message, "amount_too_large", param="amount")
    if books.available(world, transfer["destination"], transfer["currency"]) < amount:
        message = f"Insufficient funds in the connected account '{transfer['destination']}' to reverse this transfer."
        raise declined(message, "balance_insufficient")
    return amount


def retrieve(world: World, transfer: str, identifier: str) -> Json:
    """One reversal of a transfer."""
    transfers.stored(world, transfer)
    reversal = stored(world, identifier)
    if reversal["transfer"] != transfer:
        raise missing("transfer reversal", identifier)
    return reversal


def stored(world: World, identifier: str) -> Json:
    """A reversal by its id alone; 404 when there is none."""
    body = world.store.body("transfer_reversal", identifier)
    if body is None:
        raise missing("transfer reversal", identifier)
    reversal: Json = json.loads(body)
    return reversal


def update(world: World, transfer: str, identifier: str, parameters: Json) -> Json:
    """Change a reversal's metadata."""
    reversal = retrieve(world, transfer, identifier)
    reversal["metadata"] = transfers.merged(reversal["metadata"], parameters)
    world.store.run("update_reversal", id=identifier, body=encode(reversal))
    return reversal


def listing(world: World, transfer: str, parameters: Json) -> Json:
    """A transfer's reversals, newest first."""
    transfers.stored(world, transfer)
    rows, has_more = page(world, "transfer_reversal", parameters, ["transfer = :transfer"], {"transfer": transfer})
    data = [json.loads(row["body"]) for row in rows]
    return list_of(data, has_more=has_more, url=f"/v1/transfers/{transfer}/reversals")
