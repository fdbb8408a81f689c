"""Transfers: money from the platform to a connected account. They succeed or fail at once and have no status."""

import json

from sandbox.stripe_twin import accounts, books, events
from sandbox.stripe_twin.messages import Json
from sandbox.stripe_twin.paging import page
from sandbox.stripe_twin.refusals import declined, missing
from sandbox.stripe_twin.settings import PLATFORM
from sandbox.stripe_twin.world import Cause, World, encode, list_of

_REVERSALS_SHOWN = 10


def create(world: World, cause: Cause, parameters: Json) -> Json:
    """Debit the platform, credit the destination, write balance transaction and event; or refuse with the reason."""
    amount, currency = parameters["amount"], parameters["currency"]
    destination = _receiving_account(world, parameters["destination"])
    if parameters.get("source_transaction"):  # there are no charges here
        raise missing("charge", parameters["source_transaction"], param="source_transaction", status=400)
    if books.available(world, PLATFORM, currency) < amount:
        message = (
            "You have insufficient available funds in your Stripe account. Try adding funds directly to your available "
            "balance by creating a top-up."
        )
        raise declined(message, "balance_insufficient")
    books.move(world, amount, currency, source=PLATFORM, target=destination)
    transfer: Json = {
        "id": world.new_id("tr"),
        "object": "transfer",
        "amount": amount,
        "amount_reversed": 0,
        "balance_transaction": None,
        "created": int(world.now()),
        "currency": currency,
        "description": parameters.get("description"),
        "destination": destination,
        "destination_payment": world.new_id("py"),
        "livemode": False,
        "metadata": {key: value for key, value in parameters.get("metadata", {}).items() if value},
        "reversed": False,
        "source_transaction": None,
        "source_type": parameters.get("source_type", "card"),
        "transfer_group": parameters.get("transfer_group"),
    }
    transfer["balance_transaction"] = books.record(
        world,
        cause,
        "transfer",
        -amount,
        currency,
        source=transfer["id"],
        connected_account=destination,
        description=transfer["description"],
    )
    books.record(world, cause, "payment", amount, currency, source=transfer["destination_payment"], owner=destination)
    world.store.run(
        "insert_transfer",
        id=transfer["id"],
        created=transfer["created"],
        visible_at=world.visible_at(cause),
        destination=destination,
        transfer_group=transfer["transfer_group"],
        idempotency_key=cause.idempotency_key,
        body=encode(transfer),
    )
    shown = with_reversals(world, transfer)
    events.emit(world, cause, "transfer.created", shown)
    delay = world.settings.bank_payout_after_seconds
    if delay is not None:
        world.later(delay, "pay_out_to_bank", account=destination, amount=amount, currency=currency)
    return shown


def _receiving_account(world: World, identifier: str) -> str:
    account = accounts.find(world, identifier)
    if account is None:
        raise missing("destination", identifier, param="destination", status=400)
    if account.closed:
        raise declined(f"The destination account '{identifier}' is closed.", "account_closed", param="destination")
    if account.transfers != accounts.ACTIVE:
        message = (
            "Your destination account needs to have at least one of the following capabilities enabled: "
            "transfers, crypto_transfers, legacy_payments"
        )
        raise declined(message, "insufficient_capabilities_for_transfer", param="destination")
    return identifier


def retrieve(world: World, identifier: str) -> Json:
    """One transfer with its newest reversals."""
    return with_reversals(world, stored(world, identifier))


def listing(world: World, parameters: Json) -> Json:
    """Transfers, newest first, by creation time, destination and transfer group: the only filters there are."""
    names = [name for name in ("destination", "transfer_group") if name in parameters]
    rows, has_more = page(
        world,
        "transfer",
        parameters,
        [f"{name} = :{name}" for name in names],
        {name: parameters[name] for name in names},
    )
    data = [with_reversals(world, json.loads(row["body"])) for row in rows]
    return list_of(data, has_more=has_more, url="/v1/transfers")


def update(world: World, cause: Cause, identifier: str, parameters: Json) -> Json:
    """Change description and metadata; an empty value unsets."""
    transfer = stored(world, identifier)
    previous: Json = {}
    changed = {"metadata": merged(transfer["metadata"], parameters)}
    if "description" in parameters:
        changed["description"] = parameters["description"]
    for name, value in changed.items():
        if transfer[name] != value:
            previous[name], transfer[name] = transfer[name], value
    shown = with_reversals(world, transfer)
    if previous:
        world.store.run("update_transfer", id=identifier, body=encode(transfer))
        events.emit(world, cause, "transfer.updated", shown, previous=previous)
    return shown


def merged(metadata: dict[str, str], parameters: Json) -> dict[str, str]:
    """Metadata after an update: given keys replace, empty values unset, an empty `metadata` unsets all."""
    given = parameters.get("metadata")
    if given is None:
        return metadata
    return {key: value for key, value in {**metadata, **given}.items() if value} if given else {}


def stored(world: World, identifier: str) -> Json:
    """A transfer without its reversals; 404 when there is none."""
    body = world.store.body("transfer", identifier)
    if body is None:
        raise missing("transfer", identifier)
    transfer: Json = json.loads(body)
    return transfer


def with_reversals(world: World, transfer: Json) -> Json:
    """A transfer as it is shown, with its newest reversals inside."""
    newest = [json.loads(row["body"]) for row in world.store.all("reversals_of", transfer=transfer["id"])]
    url = f"/v1/transfers/{transfer['id']}/reversals"
    listed = list_of(newest[:_REVERSALS_SHOWN], has_more=len(newest) > _REVERSALS_SHOWN, url=url)
    return {**transfer, "reversals": listed}
