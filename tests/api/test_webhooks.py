"""Stripe's webhooks: only signed ones are heard, and hearing one twice or out of order does no harm."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import orjson
import pytest
from stripe import WebhookSignature

from ledger.reasons import Reason
from tests.api.running import API, WEBHOOK_SECRET, Ledger, a_bonus, fact, running, settings


def notice(kind: str, thing: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "evt_1", "object": "event", "type": kind, "data": {"object": thing}, **more}


def deliver(
    ledger: Ledger, body: Any, secret: str = WEBHOOK_SECRET, *, age_seconds: int = 0, signature: str | None = None
) -> httpx.Response:
    """Send it as Stripe does, signed `age_seconds` ago; or with a signature of the test's own."""
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    if signature is None:
        signed_at = int(time.time()) - age_seconds
        signature = WebhookSignature.generate_signature_header(content.decode("utf-8", "replace"), secret, signed_at)
    headers = {"Stripe-Signature": signature, "Content-Type": "application/json"}
    return ledger.client.post(f"{API}/webhooks/stripe", content=content, headers=headers)


def funds_events(ledger: Ledger) -> int:
    return len(ledger.get("/audit/events", "auditor", type="PlatformFundsAvailable").json()["items"])


@pytest.fixture
def asleep(ledger: Ledger) -> Callable[[], bool]:
    """A payout that waits for something to happen. Call it to know whether it still does."""
    account = fact("payout_account_updated", "anna", stripe_account_id="acct_ok_anna", transfers_active=True)
    ledger.know(account, *a_bonus("anna", "ben", "ANNA"))
    todo = ledger.services.todo
    todo.follow(ledger.services.log)
    (claim,) = todo.claim(10)
    todo.put_back(claim, Reason.INSUFFICIENT_FUNDS, None)

    def is_asleep() -> bool:
        todo.follow(ledger.services.log)
        return todo.is_quiet()

    return is_asleep


def payout_id(ledger: Ledger) -> str:
    (payout,) = ledger.get("/payouts", "finance").json()["items"]
    return str(payout["payout_id"])


@pytest.mark.parametrize("kind", ["transfer.created", "transfer.updated", "transfer.reversed"])
def test_a_transfer_wakes_its_payout(ledger: Ledger, asleep: Callable[[], bool], kind: str) -> None:
    assert asleep()
    named = deliver(ledger, notice(kind, {"id": "tr_1", "metadata": {"payout_id": payout_id(ledger)}}))
    assert (named.status_code, named.json()) == (200, {"received": True})
    assert not asleep()


def test_a_transfer_is_known_by_its_group_too(ledger: Ledger, asleep: Callable[[], bool]) -> None:
    group = f"payout_{payout_id(ledger)}"
    assert deliver(ledger, notice("transfer.created", {"metadata": {}, "transfer_group": group})).status_code == 200
    assert not asleep()


@pytest.mark.parametrize(
    ("kind", "thing"),
    [
        ("account.updated", {"id": "acct_ok_anna"}),
        ("capability.updated", {"id": "transfers", "account": "acct_ok_anna"}),
    ],
)
def test_an_account_wakes_the_payouts_of_its_owner(
    ledger: Ledger, asleep: Callable[[], bool], kind: str, thing: dict[str, Any]
) -> None:
    assert (
        deliver(ledger, notice(kind, {**thing, "id": "acct_of_a_stranger"} | {"account": "acct_x"})).status_code == 200
    )
    assert asleep()
    assert deliver(ledger, notice(kind, thing, account="acct_ok_anna")).status_code == 200
    assert not asleep()


def test_funds_are_recorded_once_for_each_of_stripes_events(ledger: Ledger, asleep: Callable[[], bool]) -> None:
    told = notice("balance.available", {"object": "balance"})
    for _ in range(3):
        assert deliver(ledger, told).status_code == 200
    assert funds_events(ledger) == 1
    assert not asleep()
    assert deliver(ledger, told | {"id": "evt_2"}).status_code == 200
    assert funds_events(ledger) == 2


def test_a_connected_accounts_balance_is_not_ours(ledger: Ledger) -> None:
    deliver(ledger, notice("balance.available", {"object": "balance"}, account="acct_ok_anna"))
    assert funds_events(ledger) == 0


@pytest.fixture
def nothing_is_stored(shared_ledger: Ledger) -> Iterator[None]:
    yield
    assert shared_ledger.head == 0


FUNDS = notice("balance.available", {"object": "balance"})


@pytest.mark.usefixtures("nothing_is_stored")
@pytest.mark.parametrize(
    "forgery",
    [
        {"secret": "whsec_of_somebody_else"},
        {"age_seconds": 301},
        {"age_seconds": 10**6},
        {"signature": ""},
        {"signature": "garbage"},
        {"signature": "t=,v1="},
        {"signature": "t=1e9,v1=00"},
        {"signature": "t=" + "9" * 5000 + ",v1=00"},
        {"signature": f"t={int(time.time())}"},
        {"signature": f"t={int(time.time())},v0=00"},
        {"signature": f"t={int(time.time())},v1=\xe9"},
    ],
)
def test_what_stripe_did_not_sign_is_not_heard(shared_ledger: Ledger, forgery: dict[str, Any]) -> None:
    signature = forgery.get("signature")
    sent = forgery | ({"signature": signature.encode("latin-1")} if signature else {})
    answer = deliver(shared_ledger, FUNDS, **sent)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_signature")


@pytest.mark.usefixtures("nothing_is_stored")
def test_a_changed_body_is_not_heard(shared_ledger: Ledger) -> None:
    signature = WebhookSignature.generate_signature_header(orjson.dumps(FUNDS).decode(), WEBHOOK_SECRET)
    answer = deliver(shared_ledger, FUNDS | {"id": "evt_9"}, signature=signature)
    assert answer.json()["code"] == "bad_signature"
    assert deliver(shared_ledger, b"\xff\xfe", signature=signature).json()["code"] == "bad_signature"


@pytest.mark.usefixtures("nothing_is_stored")
@pytest.mark.parametrize(
    "body",
    [
        notice("customer.created", {"id": "cus_1"}),
        notice("payout.paid", {"id": "po_1"}),
        {},
        [],
        None,
        "text",
        {"type": "balance.available"},
        {"type": "balance.available", "id": 7},
        {"type": "balance.available", "id": "evt\x00"},
        {"type": ["transfer.created"], "data": []},
        {"type": "transfer.created"},
        {"type": "transfer.created", "data": None},
        notice("transfer.created", {"metadata": {"payout_id": "a\x00b"}}),
        notice("transfer.created", {"metadata": [], "transfer_group": 7}),
        notice("transfer.created", {"transfer_group": "payout_" + "x" * 5000}),
        notice("account.updated", {"id": "acct_\x00"}),
        notice("account.updated", {"id": None}),
        notice("capability.updated", {"account": {"id": "acct_1"}}),
    ],
)
def test_what_does_not_concern_us_is_taken_and_let_pass(shared_ledger: Ledger, body: Any) -> None:
    assert deliver(shared_ledger, body).status_code == 200


@pytest.mark.usefixtures("nothing_is_stored")
def test_signed_nonsense_and_huge_bodies_are_problems(shared_ledger: Ledger) -> None:
    assert deliver(shared_ledger, b"{").json()["code"] == "malformed_json"
    assert deliver(shared_ledger, b" " * (1024 * 1024 + 1)).json()["code"] == "too_large"


@pytest.mark.parametrize(("key", "heard"), [("sk_live_1", 1), ("rk_live_1", 1), ("sk_test_1", 2), (None, 2)])
def test_what_happened_in_test_mode_is_not_heard_where_real_money_moves(
    make_database: Callable[[], str], key: str | None, heard: int
) -> None:
    """Stripe sends what connected accounts do in test mode to live endpoints, too: bank payouts that never were."""
    with running(make_database(), settings(stripe_api_key=key)) as ledger:
        ledger.know(fact("payout_account_updated", "anna", stripe_account_id="acct_ok_anna", transfers_active=True))
        for number, livemode in enumerate((False, True)):
            paid = {"object": "payout", "id": f"po_{number}", "status": "paid", "amount": 7500, "currency": "usd"}
            more = {"account": "acct_ok_anna", "livemode": livemode, "created": 1_780_000_000}
            assert deliver(ledger, notice("payout.paid", paid, **more) | {"id": f"evt_{number}"}).status_code == 200
        reported = ledger.get("/audit/events", "auditor", type="BankPayoutReported").json()["items"]
        assert len(reported) == heard
        assert reported[-1]["data"]["bank_payout_id"] == "po_1"


def test_while_a_secret_is_rotated_both_are_taken(make_database: Callable[[], str]) -> None:
    with running(make_database(), settings(stripe_webhook_secret="whsec_old, whsec_new")) as ledger:
        answers = [deliver(ledger, FUNDS, secret).status_code for secret in ("whsec_old", "whsec_new", WEBHOOK_SECRET)]
    assert answers == [200, 200, 400]


def test_without_a_secret_stripe_is_asked_to_come_back(make_database: Callable[[], str]) -> None:
    with running(make_database(), settings(stripe_webhook_secret=None)) as ledger:
        answer = deliver(ledger, FUNDS)
    assert (answer.status_code, answer.json()["code"]) == (503, "webhooks_not_configured")
