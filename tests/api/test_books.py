"""The books over HTTP: trial balance, journal, statements, periods and payees, at any moment, by either clock."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest

from ledger.books.closing import PeriodClosing
from ledger.events import PeriodCutOff
from tests.api.running import Ledger, a_bonus
from tests.api.test_finance_and_audit import pay

JANUARY = "2026-01"


@pytest.fixture
def paid(ledger: Ledger) -> Ledger:
    """Two bonuses of anna's were earned in January; one of them has just been paid."""
    ledger.know(*a_bonus(), *a_bonus("anna", "carl")[1:])
    pay(ledger, ledger.get("/payouts", "finance").json()["items"][0]["payout_id"])
    ledger.projector.catch_up()
    return ledger


def balances(document: dict[str, Any]) -> dict[str, int]:
    return {each["account"]: each["balance_minor"] for each in document["accounts"] if each["balance_minor"]}


def test_a_trial_balance_has_every_account_and_sums_to_zero(paid: Ledger) -> None:
    answer = paid.get("/finance/trial-balance", "auditor")
    assert balances(answer.json()) == {"stripe_balance": -7500, "bonuses_payable": -7500, "bonus_expense": 15000}
    assert len(answer.json()["accounts"]) == 5
    assert answer.headers["Ledger-Position"] == str(paid.head)


def test_a_trial_balance_looks_back_by_either_clock(paid: Ledger) -> None:
    earned = {"bonuses_payable": -15000, "bonus_expense": 15000}
    before_it_was_paid = paid.head - 2
    assert balances(paid.get("/finance/trial-balance", "finance", as_of=before_it_was_paid).json()) == earned
    assert balances(paid.get("/finance/trial-balance", "finance", effective_at="2026-01-31").json()) == earned
    assert balances(paid.get("/finance/trial-balance", "finance", effective_at="2025-12-31T23:59:59Z").json()) == {}
    assert balances(paid.get("/finance/trial-balance", "finance", as_of="2025-12-31").json()) == {}
    both = paid.get("/finance/trial-balance", "finance", as_of=paid.head, effective_at="2026-01-31").json()
    assert (balances(both), both["as_of"], both["effective_at"]) == (earned, paid.head, "2026-01-31T23:59:59.999999Z")


@pytest.mark.parametrize(
    ("parameters", "at"),
    [
        ({"as_of": "yesterday"}, "query.as_of"),
        ({"as_of": "-1"}, "query.as_of"),
        ({"as_of": "2026-02-30"}, "query.as_of"),
        ({"effective_at": "12"}, "query.effective_at"),
        ({"effective_at": "2026-01-01T00:00:00"}, "query.effective_at"),
    ],
)
def test_a_moment_that_cannot_be_read_is_a_clear_problem(
    shared_ledger: Ledger, parameters: dict[str, str], at: str
) -> None:
    answer = shared_ledger.get("/finance/trial-balance", "finance", **parameters)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert [each["at"] for each in answer.json()["errors"]] == [at]
    assert ("a position like" in answer.text) == (at == "query.as_of")  # offered where it is taken, and there only


@pytest.mark.parametrize("as_of", ["1000000", "2999-01-01"])
def test_a_moment_to_come_is_refused(shared_ledger: Ledger, as_of: str) -> None:
    answer = shared_ledger.get("/finance/trial-balance", "finance", as_of=as_of)
    assert (answer.status_code, answer.json()["code"]) == (422, "not_yet")


def test_the_journal_is_filtered_and_paged(paid: Ledger) -> None:
    def types(**filters: Any) -> list[str]:
        return [each["event_type"] for each in paid.get("/finance/journal", "finance", **filters).json()["items"]]

    story = ["BonusEarned", "BonusEarned", "TransferRequested", "TransferSettled"]
    assert types() == story
    assert types(account="transfers_in_flight") == story[2:]
    assert types(instructor_id="anna", effective_from="2026-02-01") == ["TransferSettled"]
    assert types(period=JANUARY) == story[:2]
    assert types(as_of=paid.head - 1) == story[:3]
    first = paid.get("/finance/journal", "finance", limit=3).json()
    rest = paid.get("/finance/journal", "finance", limit=3, cursor=first["next_cursor"]).json()
    assert [each["event_type"] for each in first["items"] + rest["items"]] == story
    elsewhere = paid.get("/finance/journal", "finance", period=JANUARY, cursor=first["next_cursor"])
    assert elsewhere.json()["code"] == "bad_cursor"
    for bad in ({"account": "cash"}, {"period": "2026-13"}, {"payout_id": "1"}, {"instructor_id": "'--"}):
        assert paid.get("/finance/journal", "finance", **bad).status_code == 422


def test_a_statement_pages_from_its_opening_to_its_closing_balance(paid: Ledger) -> None:
    path = "/finance/accounts/bonuses_payable/statement"
    first = paid.get(path, "finance", instructor_id="anna", limit=2).json()
    rest = paid.get(path, "finance", instructor_id="anna", limit=2, cursor=first["next_cursor"]).json()
    assert [line["balance_minor"] for line in first["items"] + rest["items"]] == [-7500, -15000, -7500]
    assert (first["opening_minor"], rest["opening_minor"], rest["closing_minor"]) == (0, -15000, -7500)
    assert rest["next_cursor"] is None
    assert paid.get(path, "finance", instructor_id="nobody").json()["items"] == []
    assert paid.get("/finance/accounts/cash/statement", "finance").status_code == 422
    refused = paid.get("/finance/accounts/bonus_expense/statement", "finance", instructor_id="anna")
    assert refused.json()["errors"][0]["at"] == "query.instructor_id"


def cut_off(ledger: Ledger, month: str) -> None:
    """As by a closing that was interrupted right after its first step."""
    services = ledger.services
    closing = PeriodClosing(services.log, services.months, lambda: datetime.now(UTC), lambda _: None)
    closing.begin(month, "ada")


def close(ledger: Ledger, month: str) -> dict[str, Any]:
    """Close it, with a projector that follows the log."""
    cut_off(ledger, month)
    ledger.projector.catch_up()
    answer = ledger.post(f"/finance/periods/{month}/close", "finance", "ada")
    assert answer.status_code == 200, answer.text
    ledger.projector.catch_up()
    document: dict[str, Any] = answer.json()
    return document


def test_a_month_is_closed_listed_and_exported_as_it_was(paid: Ledger) -> None:
    closed = close(paid, JANUARY)
    assert (closed["month"], closed["entries"], closed["closed_by"]) == (JANUARY, 2, "ada")
    assert closed == paid.get(f"/finance/periods/{JANUARY}", "auditor").json()
    assert paid.post(f"/finance/periods/{JANUARY}/close", "finance", "bob").json() == closed
    paid.know(*a_bonus("anna", "late")[1:])
    headers = {**paid.headers("auditor"), "Accept": "text/csv"}
    answer = paid.client.get(f"/api/v1/finance/periods/{JANUARY}", headers=headers)
    assert answer.headers["content-type"].startswith("text/csv")
    assert hashlib.sha256(answer.content).hexdigest() == closed["digest"]
    assert b"late" not in answer.content


def test_closed_months_are_paged_newest_first(paid: Ledger) -> None:
    for month in ("2026-01", "2026-02", "2026-03"):
        close(paid, month)
    first = paid.get("/finance/periods", "auditor", limit=2).json()
    rest = paid.get("/finance/periods", "auditor", limit=2, cursor=first["next_cursor"]).json()
    assert [each["month"] for each in first["items"] + rest["items"]] == ["2026-03", "2026-02", "2026-01"]
    assert rest["next_cursor"] is None


def test_a_closing_that_was_interrupted_is_gone_on_with(paid: Ledger) -> None:
    cut_off(paid, JANUARY)
    cut_off_position = paid.head
    paid.projector.catch_up()
    closed = paid.post(f"/finance/periods/{JANUARY}/close", "finance", "bob").json()
    assert (closed["cut_off_position"], closed["closed_by"]) == (cut_off_position, "bob")
    assert [type(each.event) for each in paid.services.log.stream()].count(PeriodCutOff) == 1


def test_months_that_cannot_be_closed_say_why(paid: Ledger) -> None:
    def code(month: str) -> str:
        return str(paid.post(f"/finance/periods/{month}/close", "finance").json()["code"])

    assert code("2026-02") == "period_not_next"
    assert code("2999-01") == "period_not_over"
    assert code("2026-1") == "validation_failed"
    assert paid.get("/finance/periods/2026-01", "auditor").status_code == 404


def test_payees_of_a_year_are_held_against_its_threshold(paid: Ledger) -> None:
    year = datetime.now(UTC).year
    (anna,) = paid.get("/finance/payees", "finance", year=year).json()["items"]
    assert (anna["instructor_id"], anna["paid_minor"], anna["reportable"]) == ("anna", 7500, False)
    assert anna["threshold_minor"] == 200_000
    assert paid.get("/finance/payees", "finance", year=1999).json()["items"] == []
    assert paid.get("/finance/payees", "finance").status_code == 422
    assert paid.get("/finance/payees", "finance", year="MMXXVI").status_code == 422
