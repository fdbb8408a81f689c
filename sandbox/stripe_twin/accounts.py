"""Connected accounts. Their ids say what they are, like Stripe's test values; the sandbox can change them later.

`acct_ok…` receives transfers, `acct_inactive…` lacks the transfers capability, `acct_closed…` is closed; any other id
exists only once the sandbox created it.
"""

from dataclasses import dataclass, replace

from sandbox.stripe_twin import books, events
from sandbox.stripe_twin.messages import Json
from sandbox.stripe_twin.refusals import no_access
from sandbox.stripe_twin.world import Cause, World

ACTIVE = "active"
INACTIVE = "inactive"

_BY_PREFIX = {"acct_ok": (ACTIVE, False), "acct_inactive": (INACTIVE, False), "acct_closed": (INACTIVE, True)}


@dataclass(frozen=True)
class Account:
    """A connected account, as far as transfers care: `transfers` is active, inactive or pending."""

    id: str
    created: int
    transfers: str
    closed: bool


def find(world: World, identifier: str) -> Account | None:
    """The account of this id; a test account comes into being when it is first mentioned."""
    row = world.store.one("get_account", id=identifier)
    if row is not None:
        return Account(row["id"], row["created"], row["transfers"], bool(row["closed"]))
    for prefix, (transfers, closed) in _BY_PREFIX.items():
        if identifier.startswith(prefix):
            return put(world, Account(identifier, int(world.now()), transfers, closed))
    return None


def put(world: World, account: Account) -> Account:
    """Store an account as it is now."""
    world.store.run(
        "put_account",
        id=account.id,
        created=account.created,
        transfers=account.transfers,
        closed=int(account.closed),
    )
    return account


def change(world: World, identifier: str, *, transfers: str | None = None, closed: bool | None = None) -> Account:
    """Change an account, or create it, and announce what changed: capability.updated and account.updated."""
    with world.store.transaction():
        before = find(world, identifier)
        account = before or Account(identifier, int(world.now()), transfers or ACTIVE, closed or False)
        account = replace(
            account,
            transfers=account.transfers if transfers is None else transfers,
            closed=account.closed if closed is None else closed,
        )
        put(world, account)
        if before is None or before == account:
            return account
        previous: Json = {}
        if before.transfers != account.transfers:
            previous = {"capabilities": {"transfers": before.transfers}}
            capability, status = _capability(account), {"status": before.transfers}
            events.emit(world, Cause(), "capability.updated", capability, previous=status, account=identifier)
        events.emit(world, Cause(), "account.updated", shape(account), previous=previous, account=identifier)
    return account


def flip_transfers(world: World, identifier: str, seconds: float) -> None:
    """Take an active transfers capability away and give it back after a while."""
    account = find(world, identifier)
    if account is not None and account.transfers == ACTIVE and not account.closed:
        change(world, identifier, transfers=INACTIVE)
        world.later(seconds, "restore_transfers", account=identifier)


def retrieve(world: World, identifier: str) -> Json:
    """The account object; 403 when there is none, as Stripe does not tell strangers' accounts from missing ones."""
    account = find(world, identifier)
    if account is None:
        raise no_access(identifier)
    return shape(account)


def pay_out_to_bank(world: World, identifier: str, amount: int, currency: str, failure_code: str | None = None) -> str:
    """A connected account's own payout to its bank: `payout.paid`, or `payout.failed` with a code; the payout's id."""
    with world.store.transaction():
        payout = _bank_payout(world, amount, currency)
        events.emit(world, Cause(), "payout.created", payout, account=identifier)
        if failure_code is None:
            books.move(world, amount, currency, source=identifier, target=books.BANK)
            payout |= {"status": "paid"}
            events.emit(world, Cause(), "payout.paid", payout, account=identifier)
        else:
            message = f"The bank refused this payout: {failure_code.replace('_', ' ')}."
            payout |= {"status": "failed", "failure_code": failure_code, "failure_message": message}
            events.emit(world, Cause(), "payout.failed", payout, account=identifier)
    bank_payout_id: str = payout["id"]
    return bank_payout_id


def shape(account: Account) -> Json:
    """The account object, newer fields included."""
    usable = account.transfers == ACTIVE and not account.closed
    due = [] if usable else ["external_account", "tos_acceptance.date", "tos_acceptance.ip"]
    reason = "rejected.other" if account.closed else None if usable else "requirements.past_due"
    return {
        "id": account.id,
        "object": "account",
        "business_profile": {"mcc": None, "name": None, "support_email": None, "support_phone": None, "url": None},
        "business_type": "individual",
        "capabilities": {"card_payments": account.transfers, "transfers": account.transfers},
        "charges_enabled": usable,
        "controller": {"is_controller": True, "type": "application"},
        "country": "US",
        "created": account.created,
        "default_currency": "usd",
        "details_submitted": usable,
        "email": None,
        "external_accounts": {
            "object": "list",
            "data": [],
            "has_more": False,
            "total_count": 0,
            "url": f"/v1/accounts/{account.id}/external_accounts",
        },
        "future_requirements": _requirements([], None),
        "groups": {"payments_pricing": None},
        "metadata": {},
        "payouts_enabled": usable,
        "requirements": _requirements(due, reason),
        "settings": {"payouts": {"debit_negative_balances": False, "schedule": {"delay_days": 2, "interval": "daily"}}},
        "tos_acceptance": {"date": account.created if usable else None},
        "type": "express",
    }


def _capability(account: Account) -> Json:
    due = [] if account.transfers == ACTIVE else ["external_account"]
    return {
        "id": "transfers",
        "object": "capability",
        "account": account.id,
        "future_requirements": _requirements([], None),
        "requested": True,
        "requested_at": account.created,
        "requirements": _requirements(due, "requirements.past_due" if due else None),
        "status": account.transfers,
    }


def _requirements(due: list[str], disabled_reason: str | None) -> Json:
    return {
        "alternatives": [],
        "current_deadline": None,
        "currently_due": due,
        "disabled_reason": disabled_reason,
        "errors": [],
        "eventually_due": due,
        "past_due": due,
        "pending_verification": [],
    }


def _bank_payout(world: World, amount: int, currency: str) -> Json:
    return {
        "id": world.new_id("po"),
        "object": "payout",
        "amount": amount,
        "arrival_date": int(world.now()),
        "automatic": True,
        "balance_transaction": None,
        "created": int(world.now()),
        "currency": currency,
        "description": "STRIPE PAYOUT",
        "destination": world.new_id("ba"),
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "livemode": False,
        "metadata": {},
        "method": "standard",
        "reconciliation_status": "not_applicable",
        "source_type": "card",
        "statement_descriptor": None,
        "status": "in_transit",
        "trace_id": None,
        "type": "bank_account",
    }
