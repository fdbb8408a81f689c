"""The twin's own books, as nobody in the ledger can read them: what Stripe truly holds."""

import json
from dataclasses import dataclass

from sandbox.stripe_twin import Twin, accounts
from sandbox.stripe_twin.storage import Row


@dataclass(frozen=True)
class HeldTransfer:
    """A transfer that exists. Amounts in minor units; `net_minor` is what was not taken back."""

    transfer_id: str
    key: str | None
    payout_id: str
    amount_minor: int
    net_minor: int
    currency: str
    destination: str


class StripeBooks:
    """Looks into the twin's store, and changes nothing."""

    def __init__(self, twin: Twin) -> None:
        self._world = twin.world

    def transfers(self) -> list[HeldTransfer]:
        """All that we made."""
        return [transfer for transfer in self._where("true") if transfer.key is not None]

    def transfers_of(self, payout_id: str) -> list[HeldTransfer]:
        """Those that we made for this payout; a stranger's are not among them."""
        in_group = self._where("transfer_group = :group", group=f"payout_{payout_id}")
        return [transfer for transfer in in_group if transfer.key is not None]

    def strangers_of(self, payout_id: str) -> list[HeldTransfer]:
        """Those that somebody else made in the group of a payout, and that were not taken back."""
        in_group = self._where("transfer_group = :group", group=f"payout_{payout_id}")
        return [transfer for transfer in in_group if transfer.key is None and transfer.net_minor > 0]

    def transfers_with_key(self, key: str) -> list[HeldTransfer]:
        return self._where("idempotency_key = :key", key=key)

    def can_receive(self, stripe_account_id: str) -> bool:
        account = accounts.find(self._world, stripe_account_id)
        return account is not None and account.transfers == accounts.ACTIVE and not account.closed

    def _where(self, condition: str, **values: str) -> list[HeldTransfer]:
        rows = self._world.store.page("transfer", [condition], values, ascending=True, limit=10_000)
        return [_held(row) for row in rows]


def _held(row: Row) -> HeldTransfer:
    body = json.loads(row["body"])
    return HeldTransfer(
        transfer_id=body["id"],
        key=row["idempotency_key"],
        payout_id=body["metadata"].get("payout_id", ""),
        amount_minor=body["amount"],
        net_minor=body["amount"] - body["amount_reversed"],
        currency=body["currency"],
        destination=body["destination"],
    )
