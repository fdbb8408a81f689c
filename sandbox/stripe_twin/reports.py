"""Stripe's activity report, as finance downloads it, and the twin's own books, as only tests may read them.

Columns after docs.stripe.com/reports/report-types: balance_change_from_activity.itemized.3, with the Connect columns.
"""

import csv
import io
import json
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal

from sandbox.stripe_twin.messages import Json
from sandbox.stripe_twin.settings import CURRENCIES, PLATFORM
from sandbox.stripe_twin.storage import Row
from sandbox.stripe_twin.world import World

COLUMNS = (
    "balance_transaction_id",
    "created_utc",
    "created",
    "available_on_utc",
    "available_on",
    "currency",
    "gross",
    "fee",
    "net",
    "reporting_category",
    "source_id",
    "description",
    "automatic_payout_id",
    "automatic_payout_effective_at_utc",
    "automatic_payout_effective_at",
    "connected_account_id",
    "connected_account_name",
    "connected_account_country",
)
END_OF_TIME = 2**62


def activity(world: World, start: int = 0, end: int = END_OF_TIME, currency: str | None = None) -> str:
    """What changed the platform's balance in [start, end) seconds, as CSV, oldest first, in major units."""
    written = io.StringIO()
    rows = csv.writer(written, lineterminator="\n")
    rows.writerow(COLUMNS)
    for row in world.store.all("activity", owner=PLATFORM, start=start, end=end, currency=currency):
        rows.writerow(_activity_row(row))
    return written.getvalue()


def _activity_row(row: Row) -> list[str]:
    transaction = json.loads(row["body"])
    created, available_on = _time(transaction["created"]), _time(transaction["available_on"])
    currency = transaction["currency"]
    return [
        transaction["id"],
        created,
        created,
        available_on,
        available_on,
        currency,
        *(_major(transaction[name], currency) for name in ("amount", "fee", "net")),
        transaction["reporting_category"],
        transaction["source"],
        transaction["description"] or "",
        *("", "", ""),  # the platform's own payouts to its bank do not happen here
        *((row["connected_account"], "", "US") if row["connected_account"] else ("", "", "")),
    ]


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _major(minor: int, currency: str) -> str:
    places = CURRENCIES[currency]
    return f"{Decimal(minor).scaleb(-places):.{places}f}"


def transfers_by_payout(world: World) -> dict[str, list[Json]]:
    """Every transfer there is, oldest first, under the payout it was made for: to be held against the caller's log."""
    grouped: dict[str, list[Json]] = defaultdict(list)
    for row in world.store.all("all_transfers"):
        transfer = json.loads(row["body"])
        payout = transfer["metadata"].get("payout_id") or (transfer["transfer_group"] or "").removeprefix("payout_")
        shown = {name: transfer[name] for name in _TRANSFER_FIELDS}
        net = transfer["amount"] - transfer["amount_reversed"]
        grouped[payout].append({**shown, "net": net, "idempotency_key": row["idempotency_key"]})
    return dict(grouped)


_TRANSFER_FIELDS = (
    "id",
    "amount",
    "amount_reversed",
    "reversed",
    "currency",
    "destination",
    "transfer_group",
    "metadata",
    "created",
)


def balances(world: World) -> list[Json]:
    """Every owner's money, in minor units; over all owners it adds up to zero in each currency."""
    return [dict(row) for row in world.store.all("all_balances")]
