"""What the sandbox does by itself when its time has come."""

import json

from sandbox.stripe_twin import accounts, books
from sandbox.stripe_twin.messages import Json
from sandbox.stripe_twin.world import World


def run_due(world: World) -> None:
    """Carry out everything that is due; each entry and its striking off are one transaction."""
    while (row := world.store.one("due_on_agenda", now=world.now())) is not None:
        with world.store.transaction():
            world.store.run("strike_off_agenda", id=row["id"])
            _carry_out(world, row["action"], json.loads(row["details"]))


def next_due_at(world: World) -> float | None:
    """When something is due next, on the agenda or in the webhook outbox."""
    row = world.store.one("next_due")
    return None if row is None else row["due_at"]


def _carry_out(world: World, action: str, details: Json) -> None:
    match action:
        case "thaw":
            books.thaw(world, details["amount"], details["currency"])
        case "restore_transfers":
            accounts.change(world, details["account"], transfers=accounts.ACTIVE)
        case "pay_out_to_bank":
            left = books.available(world, details["account"], details["currency"])
            amount = min(details["amount"], left)  # a reversal may have been faster
            if amount > 0:
                accounts.pay_out_to_bank(world, details["account"], amount, details["currency"])
        case _:
            raise ValueError(f"nobody knows how to {action}")
