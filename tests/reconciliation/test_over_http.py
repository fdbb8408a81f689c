"""Reconciliation over HTTP: finance sends the report, and works off what it finds."""

from typing import Any

import httpx
import psycopg
import pytest

from ledger.reconciliation.csv_file import MOST_PROBLEMS
from tests.api.conftest import ledger
from tests.api.running import API, Ledger, a_bonus

__all__ = ["ledger"]

HEADER = "balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,source_id\n"
FOREIGN = "txn_1,2026-07-03 09:12:44,usd,-75.00,0.00,-75.00,transfer,tr_foreign\n"
TOPUP = "txn_2,2026-07-03 08:00:00,usd,1000.00,0.00,1000.00,topup,tu_1\n"


def send(
    ledger: Ledger, report: str, role: str = "finance", kind: str = "text/csv", **parameters: Any
) -> httpx.Response:
    headers = {"Content-Type": kind, **ledger.headers(role, "ada")}
    return ledger.client.post(f"{API}/finance/reconciliations", content=report, headers=headers, params=parameters)


def work(ledger: Ledger, exception_id: str, what: str, **body: str) -> httpx.Response:
    path = f"{API}/finance/reconciliation-exceptions/{exception_id}/{what}"
    return ledger.client.post(path, headers=ledger.headers("finance", "ada"), json=body)


def test_a_report_is_reconciled_once_and_its_lines_are_paged_by_class(ledger: Ledger) -> None:
    first = send(ledger, HEADER + FOREIGN + TOPUP)
    again = send(ledger, HEADER + TOPUP + FOREIGN)

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    run = first.json()["run"]
    assert (first.json()["open"], run["exceptions"], run["actor"], run["together"]) == (1, 1, "ada", None)
    assert (run["since"], run["until"]) == ("2026-07-03T00:00:00Z", "2026-07-04T00:00:00Z")
    path = f"/finance/reconciliations/{run['run_id']}"
    assert ledger.get(path, "finance").json() == run
    assert ledger.get("/finance/reconciliations", "finance").json() == {"items": [run], "next_cursor": None}
    page = ledger.get(f"{path}/lines", "finance", limit=1).json()
    rest = ledger.get(f"{path}/lines", "finance", limit=1, cursor=page["next_cursor"]).json()
    assert [each["line_class"] for each in page["items"] + rest["items"]] == ["unknown_to_us", "other_at_stripe"]
    assert rest["next_cursor"] is None
    (foreign,) = ledger.get(f"{path}/lines", "finance", line_class="unknown_to_us").json()["items"]
    assert (foreign["stripe_source_id"], foreign["stripe_minor"]) == ("tr_foreign", -7500)


def test_lines_that_are_not_those_of_the_run_are_refused(ledger: Ledger) -> None:
    run = send(ledger, HEADER + FOREIGN + TOPUP).json()["run"]
    path = f"/finance/reconciliations/{run['run_id']}/lines"
    assert ledger.get(path, "auditor").status_code == 200
    change_a_line(ledger)

    refused = ledger.get(path, "auditor")

    assert (refused.status_code, refused.json()["code"]) == (500, "lines_differ")
    assert "kept are 2 with" in refused.json()["detail"]


def change_a_line(ledger: Ledger) -> None:
    with psycopg.connect(ledger.owner_url) as owner:
        owner.execute("ALTER TABLE ledger.reconciliation_line DISABLE TRIGGER refuse_change")
        owner.execute("UPDATE ledger.reconciliation_line SET stripe_minor = -7501 WHERE number = 1")


def test_an_exception_is_assigned_noted_and_settled(ledger: Ledger) -> None:
    send(ledger, HEADER + FOREIGN)
    (found,) = ledger.get("/finance/reconciliation-exceptions", "finance").json()["items"]
    name = found["exception_id"]
    assert (found["state"], found["difference_minor"], found["owner"]) == ("open", 7500, None)

    assert work(ledger, name, "assign", owner="bob@example.com").status_code == 200
    assert work(ledger, name, "note", note="asked Stripe").status_code == 200
    settled = work(ledger, name, "resolve", resolution="not_ours", note="another shop")
    assert settled.json()["position"] == ledger.head

    assert ledger.get("/finance/reconciliation-exceptions", "finance").json()["items"] == []
    (resolved,) = ledger.get("/finance/reconciliation-exceptions", "finance", state="resolved").json()["items"]
    assert (resolved["owner"], resolved["notes"][0]["text"]) == ("bob@example.com", "asked Stripe")
    assert (resolved["resolved"]["resolution"], resolved["resolved"]["by"]) == ("not_ours", "ada")
    late = work(ledger, name, "note", note="late")
    assert (late.status_code, late.json()["code"]) == (409, "exception_resolved")
    unheard = work(ledger, "exc_" + "a" * 20, "note", note="what?")
    assert (unheard.status_code, unheard.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (HEADER + FOREIGN.replace("-75.00,0", '"-1,075.00",0'), "bad_file"),
        ("gross,net\n1,1\n", "bad_file"),
        (HEADER, "bad_range"),
        (HEADER + "".join(FOREIGN.replace("_", f"_{number}") for number in range(1001)), "too_many_exceptions"),
    ],
)
def test_what_cannot_be_taken_is_told_and_nothing_is_recorded(ledger: Ledger, body: str, code: str) -> None:
    head = ledger.head
    answer = send(ledger, body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert ledger.head == head


def test_every_problem_of_a_file_is_listed_with_its_place(ledger: Ledger) -> None:
    bad = FOREIGN.replace("-75.00,0", "=1+1,0")
    errors = send(ledger, HEADER + bad + FOREIGN + bad * (MOST_PROBLEMS + 1)).json()["errors"]
    assert len(errors) == MOST_PROBLEMS
    assert errors[1]["at"] == "line 4, gross"
    assert errors[0]["problem"].startswith("'=1+1' is a formula")


def test_only_finance_reconciles_and_only_csv_is_taken(ledger: Ledger) -> None:
    assert send(ledger, HEADER + FOREIGN, role="instructor").status_code == 403
    assert send(ledger, HEADER + FOREIGN, kind="application/json").status_code == 415
    backwards = send(ledger, HEADER + FOREIGN, **{"from": "2026-07-05", "to": "2026-07-03"})
    assert (backwards.status_code, backwards.json()["code"]) == (422, "bad_range")
    resolution = work(
        ledger, "exc_" + "a" * 20, "resolve", resolution="matched_later", note="a run's word, not a person's"
    )
    assert (resolution.status_code, resolution.json()["code"]) == (422, "validation_failed")


@pytest.mark.parametrize("days", [{"from": "0001-01-01"}, {"to": "9999-12-31"}, {"from": "1999-12-31"}])
def test_days_that_cannot_be_compared_are_a_bad_range(ledger: Ledger, days: dict[str, str]) -> None:
    refused = send(ledger, HEADER + FOREIGN, **days)
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_range")
    assert "is not in the years 2000 to 2199" in refused.json()["detail"]


def test_what_is_no_id_of_an_exception_is_refused_as_such(ledger: Ledger) -> None:
    refused = work(ledger, "exc_%00", "note", note="what?")
    assert (refused.status_code, refused.json()["code"]) == (422, "validation_failed")


def test_the_read_models_pass_what_reconciling_records(ledger: Ledger) -> None:
    ledger.know(*a_bonus())
    send(ledger, HEADER + FOREIGN)
    assert ledger.projector.catch_up() == ledger.head
