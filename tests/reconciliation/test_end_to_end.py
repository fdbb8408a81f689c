"""The command against the real parts: our log in PostgreSQL, Stripe's twin as a process, files as Stripe exports them."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ledger.event_log import Draft
from ledger.events import Happened
from ledger.history import about
from ledger.reconciliation.reconciling import Reconciling
from tests.payouts.story import requested, settled
from tests.reconciliation.conftest import KEPT, WHOLE, Paid, take_back

Write = Callable[[str], Path]


def reconcile(paid: Paid, *arguments: str, status: int = 0) -> dict[str, Any]:
    done = paid.ledger.run("reconcile", *arguments, "--margin-minutes", "0", "--actor", "ada", "--json")
    assert done.returncode == status, done.stderr + done.stdout
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def classes(document: dict[str, Any], book: str = "log") -> dict[tuple[str, str], int]:
    (comparison,) = (each for each in document["run"]["comparisons"] if each["book"] == book)
    return {(each["line_class"], each["category"]): each["lines"] for each in comparison["classes"]}


ALL_MATCHED = {
    ("matched", "transfer"): 6,
    ("matched", "transfer_reversal"): 6,
    ("other_at_stripe", "topup"): 1,
}


def test_an_honest_report_and_the_api_reconcile_without_exceptions(paid: Paid, file: Write) -> None:
    by_file = reconcile(paid, "--stripe-csv", str(file(paid.report())))
    by_api = reconcile(paid, "--stripe-api")

    assert classes(by_file) == classes(by_api) == ALL_MATCHED
    for document in (by_file, by_api):
        assert (document["open"], document["run"]["exceptions"]) == ([], 0)
        assert [each["remainder_minor"] for each in document["run"]["comparisons"]] == [0]


def test_the_bank_statement_closes_the_circle(paid: Paid, file: Write) -> None:
    report = paid.report()
    topup = next(line for line in report.splitlines() if ",topup," in line)
    day = topup.split(",")[1][:10]
    statement = f"Datum;Betrag;Wkz;reference\n{day};-100000.00;USD;STRIPE {topup.split(',')[10]}\n"
    columns = "date=Datum,amount=Betrag,currency=Wkz"

    arguments = ("--stripe-csv", str(file(report)), "--bank-csv", str(file(statement)), "--bank-columns", columns)
    document = reconcile(paid, *arguments)

    assert classes(document, "bank") == {("matched", "topup"): 2}
    together = document["run"]["together"]
    assert (together["bank_minor"], together["log_minor"]) == (10_000_000, -15_000 + 7_000)
    assert together["stripe_minor"] == together["expected_minor"] == 10_000_000 - 8_000


def test_a_tampered_report_opens_exceptions_that_an_honest_one_closes(
    paid: Paid, file: Write, reconciling: Reconciling
) -> None:
    runs = len(reconciling.runs())
    report = paid.report()
    header, *lines = report.splitlines()
    removed = next(line for line in lines if paid.transfer_id(KEPT) in line)
    changed = next(line for line in lines if paid.transfer_id(WHOLE) in line)
    foreign = removed.replace("txn_", "txn_9").replace("tr_", "tr_9").replace("-50.00", "-12.34").replace("ok2", "x")
    tampered = [changed.replace("-50.00", "-51.00") if line == changed else line for line in lines if line != removed]
    bad = file("\n".join([header, *tampered, foreign]) + "\n")

    document = reconcile(paid, "--stripe-csv", str(bad), status=1)

    found = {each["line_class"]: each for each in document["open"]}
    assert found.keys() == {"missing_at_stripe", "amount_differs", "unknown_to_us"}
    assert found["missing_at_stripe"]["payout_id"] == paid.payouts[KEPT]
    assert {name: each["difference_minor"] for name, each in found.items()} == {
        "missing_at_stripe": -5000,
        "amount_differs": 100,
        "unknown_to_us": 1234,
    }
    (comparison,) = document["run"]["comparisons"]
    assert sum(each["difference_minor"] for each in comparison["classes"]) == comparison["difference_minor"]

    again = paid.ledger.run("reconcile", "--stripe-csv", str(bad), "--margin-minutes", "0", "--actor", "ada")
    assert (again.returncode, "3 exceptions are open" in again.stdout) == (1, True)
    assert document["run"]["run_id"] in again.stdout
    assert len(reconciling.runs()) == runs + 1

    foreigner = found["unknown_to_us"]["exception_id"]
    work = ("reconciliation", "resolve", foreigner, "--as", "not_ours", "--note", "another shop", "--actor", "bob")
    assert paid.ledger.run(*work).returncode == 0

    assert reconcile(paid, "--stripe-csv", str(file(report)))["open"] == []
    settled = json.loads(paid.ledger.run("reconciliation", "exceptions", "--state", "resolved", "--json").stdout)
    by = {each["line_class"]: (each["resolved"]["resolution"], each["resolved"]["by"]) for each in settled["items"]}
    assert by == {
        "missing_at_stripe": ("matched_later", "reconciliation"),
        "amount_differs": ("matched_later", "reconciliation"),
        "unknown_to_us": ("not_ours", "bob"),
    }


def test_a_net_amount_that_does_not_add_up_is_unexplained_and_status_1(paid: Paid, file: Write) -> None:
    report = paid.report()
    honest = next(line for line in report.splitlines() if paid.transfer_id(KEPT) in line)
    before_net, _, after_net = honest.rpartition("-50.00")

    arguments = ("--stripe-csv", str(file(report.replace(honest, f"{before_net}-49.00{after_net}"))))
    document = reconcile(paid, *arguments, status=1)

    assert document["open"] == []
    assert [each["remainder_minor"] for each in document["run"]["comparisons"]] == [-100]


def test_past_runs_are_listed_with_the_days_that_were_asked_for(paid: Paid) -> None:
    reconcile(paid, "--stripe-api", "--from", "2026-07-01", "--to", "2026-07-31")
    listed = paid.ledger.run("reconciliation", "list").stdout
    assert "2026-07-01 to 2026-07-31" in listed


def test_lines_that_are_not_those_of_the_run_are_shown_as_no_evidence_with_status_1(paid: Paid) -> None:
    run = reconcile(paid, "--stripe-api", "--from", "2026-06-01", "--to", "2026-06-30", status=0)["run"]
    show = ("reconciliation", "show", run["run_id"])
    assert json.loads(paid.ledger.run(*show, "--json").stdout)["lines_hold"] is True
    with psycopg.connect(paid.url) as owner:
        owner.execute("ALTER TABLE ledger.reconciliation_run DISABLE TRIGGER ALL")
        owner.execute("UPDATE ledger.reconciliation_run SET lines = lines + 1 WHERE run_id = %s", [run["run_id"]])
        owner.execute(
            "INSERT INTO ledger.reconciliation_line (run_id, number, book, line_class, category, stripe_line_id)"
            " VALUES (%s, %s, 'log', 'matched', 'transfer', 'txn_invented')",
            [run["run_id"], run["lines"] + 1],
        )

    shown, for_programs = paid.ledger.run(*show), paid.ledger.run(*show, "--json")

    assert (shown.returncode, for_programs.returncode) == (1, 1)
    assert "lines_differ: these lines are no evidence" in shown.stderr
    assert f"kept are {run['lines'] + 1} with" in " ".join(shown.stderr.split())
    assert "txn_invented" not in shown.stdout + for_programs.stdout
    document = json.loads(for_programs.stdout)
    assert (document["lines_hold"], len(document["lines"])) == (False, run["lines"])


@pytest.mark.parametrize("days", [("--from", "0001-01-01"), ("--to", "9999-12-31")])
def test_days_that_cannot_be_compared_are_refused_with_status_2(paid: Paid, file: Write, days: tuple[str, str]) -> None:
    done = paid.ledger.run("reconcile", "--stripe-csv", str(file(paid.report())), *days, "--actor", "ada")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{days[1]} is not in the years 2000 to 2199 (--from, --to)" in done.stderr


def test_a_bad_file_is_refused_with_every_problem_and_status_2(paid: Paid, file: Write) -> None:
    broken = file(paid.report().replace("-50.00", "=1+1"))
    done = paid.ledger.run("reconcile", "--stripe-csv", str(broken), "--actor", "ada")
    said = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (2, "")
    assert [line.split(": ")[0] for line in said[:2]] == ["line 3, gross", "line 3, net"]
    assert said[-1] == "ledger: Stripe's activity report is not taken: 6 problems; nothing was recorded"


def test_a_single_problem_is_one(paid: Paid, file: Write) -> None:
    done = paid.ledger.run("reconcile", "--stripe-csv", str(file("")), "--actor", "ada")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("is not taken: 1 problem; nothing was recorded")


def test_equal_reversals_are_a_persons_to_tell_in_the_report_and_certain_in_the_api(paid: Paid, file: Write) -> None:
    take_back(paid, KEPT, 700, 700)  # the report names no transfer, so each may be the other

    by_file = reconcile(paid, "--stripe-csv", str(file(paid.report())), status=1)
    ours = {each["book_line_id"]: each for each in by_file["open"] if each["line_class"] == "missing_at_stripe"}
    theirs = {each["stripe_line_id"]: each for each in by_file["open"] if each["line_class"] == "unknown_to_us"}
    assert len(ours) == len(theirs) == 2
    for each in ours.values():
        assert (each["book_minor"], set(each["candidates"]), each["candidates_in_all"]) == (700, set(theirs), 2)
    for each in theirs.values():
        assert (each["stripe_minor"], set(each["candidates"]), each["candidates_in_all"]) == (700, set(ours), 2)
    shown = paid.ledger.run("reconciliation", "exceptions").stdout
    assert "may be, and nothing tells which: " in shown

    by_api = reconcile(paid, "--stripe-api")
    assert (by_api["open"], classes(by_api)["matched", "transfer_reversal"]) == ([], 10)


def test_a_report_that_ends_before_a_range_that_is_over_is_noticed(paid: Paid, file: Write) -> None:
    day = datetime.now(UTC).replace(hour=12) - timedelta(days=7)
    drafts = [Draft(Happened(event, day), "test", "test", None) for event in (requested(), settled())]
    paid.road.log.append(drafts, [about("whatever-nobody-records")], after=0)
    header, topup, *_ = paid.report().splitlines()
    early = file(f"{header}\n" + re.sub(r"20[0-9-]{8} [0-9:]{8}", f"{day:%Y-%m-%d} 08:00:00", topup) + "\n")

    document = reconcile(paid, "--stripe-csv", str(early), status=1)
    assert (classes(document)["timing", "transfer"], document["open"], document["unseen"]) == (1, [], 1)
    said = paid.ledger.run("reconcile", "--stripe-csv", str(early), "--actor", "ada")
    assert (said.returncode, "say --stripe-complete" in said.stdout) == (1, True)

    (missing,) = reconcile(paid, "--stripe-csv", str(early), "--stripe-complete", status=1)["open"]
    assert (missing["line_class"], missing["book_line_id"]) == ("missing_at_stripe", settled().transfer_id)


def test_only_of_a_file_it_can_be_said_that_it_is_complete(paid: Paid) -> None:
    refused = paid.ledger.run("reconcile", "--stripe-complete", "--actor", "ada")
    assert (refused.returncode, "give --stripe-csv too" in refused.stderr) == (2, True)
