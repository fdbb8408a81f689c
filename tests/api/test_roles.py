"""Which role may call which route; and an instructor sees nobody else's."""

from typing import get_args

import pytest

from api.tokens import Role
from tests.api.running import API, MANY, Ledger, a_bonus, fact

ROLES: tuple[str, ...] = get_args(Role)
INSTRUCTOR, PLATFORM, FINANCE, AUDIT = {"instructor"}, {"platform"}, {"finance"}, {"finance", "auditor"}

ROUTES = [
    ("POST", "/lifecycle-events", PLATFORM),
    ("POST", "/people/ins_x/forget", PLATFORM),
    ("GET", "/instructor-referrals/stats", INSTRUCTOR),
    ("GET", "/instructor-referrals/referred", INSTRUCTOR),
    ("GET", "/instructor-referrals/popup-data", INSTRUCTOR),
    ("POST", "/instructor-referrals/popup-seen", INSTRUCTOR),
    ("POST", "/instructor-referrals/code", INSTRUCTOR),
    ("GET", "/payouts", FINANCE),
    ("GET", "/payouts/pay_x", FINANCE),
    ("GET", "/payouts/approvals", FINANCE),
    ("POST", "/payouts/pay_x/hold", FINANCE),
    ("POST", "/payouts/pay_x/release", FINANCE),
    ("POST", "/payouts/pay_x/retry", FINANCE),
    ("POST", "/payouts/pay_x/cancel", FINANCE),
    ("POST", "/payouts/pay_x/reverse", FINANCE),
    ("POST", "/payouts/pay_x/approvals/1/approve", FINANCE),
    ("POST", "/payouts/pay_x/approvals/1/refuse", FINANCE),
    ("GET", "/finance/totals", FINANCE),
    ("GET", "/finance/trial-balance", AUDIT),
    ("GET", "/finance/journal", AUDIT),
    ("GET", "/finance/accounts/bonus_expense/statement", AUDIT),
    ("GET", "/finance/periods", AUDIT),
    ("GET", "/finance/periods/2026-01", AUDIT),
    ("POST", "/finance/periods/2026-01/close", FINANCE),
    ("GET", "/finance/payees?year=2026", FINANCE),
    ("POST", "/finance/reconciliations", FINANCE),
    ("GET", "/finance/reconciliations", AUDIT),
    ("GET", "/finance/reconciliations/rec_x", AUDIT),
    ("GET", "/finance/reconciliations/rec_x/lines", AUDIT),
    ("GET", "/finance/reconciliation-exceptions", AUDIT),
    ("POST", "/finance/reconciliation-exceptions/exc_x/assign", FINANCE),
    ("POST", "/finance/reconciliation-exceptions/exc_x/note", FINANCE),
    ("POST", "/finance/reconciliation-exceptions/exc_x/resolve", FINANCE),
    ("GET", "/finance/exports/payouts", AUDIT),
    ("GET", "/audit/events", AUDIT),
    ("GET", "/audit/replay", AUDIT),
    ("GET", "/audit/explain/x", AUDIT),
    ("GET", "/audit/checkpoint", AUDIT),
    ("GET", "/audit/checkpoint/consistency", AUDIT),
    ("GET", "/audit/proof/1", AUDIT),
]

NAMED = {
    "id": "x",
    "payout_id": "pay_x",
    "instructor_id": "ins_x",
    "what": "payouts",
    "position": "1",
    "number": "1",
    "account": "bonus_expense",
    "month": "2026-01",
    "run_id": "rec_x",
    "exception_id": "exc_x",
}


@pytest.mark.parametrize(("method", "path", "allowed"), ROUTES)
def test_each_route_is_for_its_roles_and_for_administrators(
    shared_ledger: Ledger, method: str, path: str, allowed: set[str]
) -> None:
    shared_ledger.projector.catch_up()
    for role in ROLES:
        media_type, content = (MANY, b"[]") if path == "/lifecycle-events" else ("application/json", b'{"reason": "x"}')
        headers = {"Content-Type": media_type, **shared_ledger.headers(role)}
        answer = shared_ledger.client.request(method, f"{API}{path}", headers=headers, content=content)
        if role in allowed | {"admin"}:
            assert answer.status_code in (200, 204, 404, 409, 415, 422), (role, answer.text)
        else:
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), role
    assert shared_ledger.client.request(method, f"{API}{path}").status_code == 401


def test_the_list_of_routes_above_is_complete(shared_ledger: Ledger) -> None:
    documented = {
        (method.upper(), path.removeprefix(API).format(**NAMED))
        for path, operations in shared_ledger.client.get("/openapi.json").json()["paths"].items()
        for method in operations
        if path.startswith(API)
    }
    open_to_all = {("GET", "/instructor-referrals/founding-status"), ("POST", "/webhooks/stripe")}
    assert documented == {(method, path.partition("?")[0]) for method, path, _ in ROUTES} | open_to_all


def test_nobody_waits_who_may_not_read(shared_ledger: Ledger) -> None:
    answer = shared_ledger.get("/finance/totals", "platform", min_position=10**6)
    assert answer.status_code == 403
    assert answer.elapsed.total_seconds() < 4


def test_an_instructor_sees_only_their_own(ledger: Ledger) -> None:
    ledger.know(*a_bonus("anna", "ben", "ANNA"), *a_bonus("carla", "dan", "CARLA"))
    for me, mine in (("anna", "ben"), ("carla", "dan")):
        answer = ledger.get(
            "/instructor-referrals/referred", "instructor", me, instructor_id="anna", referrer_id="anna"
        )
        assert [item["referred_id"] for item in answer.json()["items"]] == [mine]
        stats = ledger.get("/instructor-referrals/stats", "instructor", me).json()
        assert (stats["code"], stats["earned_minor"]) == (me.upper(), 7500)


def test_a_cursor_leads_nowhere_in_somebody_elses_list(ledger: Ledger) -> None:
    referred = [fact("signed_up", f"ins_{number}", referral_code="ANNA") for number in range(3)]
    ledger.know(fact("referral_code_issued", "anna", code="ANNA"), *referred)
    cursor = ledger.get("/instructor-referrals/referred", "instructor", "anna", limit=1).json()["next_cursor"]
    answer = ledger.get("/instructor-referrals/referred", "instructor", "carla", cursor=cursor)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor")


@pytest.mark.parametrize("subject", ["auth0|anna", "anna@example.com", "-anna", "x" * 200])
def test_a_subject_that_is_no_instructor_id_has_no_data(shared_ledger: Ledger, subject: str) -> None:
    answer = shared_ledger.get("/instructor-referrals/stats", "instructor", subject)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
