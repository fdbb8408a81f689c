"""`GET /finance/exports/{what}`: files, sent while they are written."""

import json

import pytest

from api.export.exports import EXPORTS, FORMATS, open_export
from tests.api.running import Ledger, a_bonus

FILES = [(what, written_as) for what, formats in EXPORTS.items() for written_as in formats]


def test_an_export_is_the_file_that_the_command_line_writes(ledger: Ledger) -> None:
    ledger.know(*a_bonus())
    for what, written_as in FILES:
        answer = ledger.get(f"/finance/exports/{what}", "finance", format=written_as)
        written = open_export(ledger.services, what, written_as, None, None)
        assert answer.status_code == 200
        assert answer.content == b"".join(written.chunks())
        assert answer.headers["Content-Type"] == FORMATS[written_as].media_type
        assert (
            answer.headers["Content-Disposition"]
            == f'attachment; filename="{what}-1-{ledger.head}{written.format.suffix}"'
        )
        assert answer.headers["Ledger-Position"] == str(ledger.head)
        assert answer.headers["Transfer-Encoding"] == "chunked"


def test_a_stretch_is_asked_for_by_its_ends(ledger: Ledger) -> None:
    ledger.know(*a_bonus())
    answer = ledger.get("/finance/exports/events", "auditor", **{"format": "ndjson", "from": "2", "to": "4"})
    assert [json.loads(line)["position"] for line in answer.text.splitlines()] == [2, 3, 4]
    assert answer.headers["Content-Disposition"].endswith('filename="events-2-4.ndjson"')
    later = ledger.get("/finance/exports/events", "auditor", **{"from": "2199-01-01"})
    assert (later.status_code, len(later.text.splitlines())) == (200, 1)


def test_an_export_reflects_the_position_that_is_asked_for(ledger: Ledger) -> None:
    ledger.know(*a_bonus())
    position = ledger.head
    answer = ledger.get("/finance/exports/journal", "finance", format="ndjson", min_position=position)
    assert [json.loads(line)["account"] for line in answer.text.splitlines()] == ["bonus_expense", "bonuses_payable"]


@pytest.mark.parametrize(
    ("role", "status"),
    [("finance", 200), ("auditor", 200), ("admin", 200), ("platform", 403), ("instructor", 403), (None, 401)],
)
def test_exports_are_for_finance_and_auditors(shared_ledger: Ledger, role: str | None, status: int) -> None:
    assert shared_ledger.get("/finance/exports/payouts", role).status_code == status


@pytest.mark.parametrize(
    ("what", "asked", "at"),
    [
        ("events", {"from": "tomorrow"}, "query.from"),
        ("events", {"to": "4711"}, "query.to"),
        ("payouts", {"from": "2026-02-02", "to": "2026-02-01"}, "query.from"),
        ("events", {"format": "xlsx"}, "query.format"),
        ("events", {"format": "beancount"}, "query.format"),
        ("payouts", {"format": "journal-csv"}, "query.format"),
        ("people", {}, "path.what"),
    ],
)
def test_what_does_not_fit_is_said_where(shared_ledger: Ledger, what: str, asked: dict[str, str], at: str) -> None:
    answer = shared_ledger.get(f"/finance/exports/{what}", "finance", **asked)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "validation_failed")
    assert [error["at"] for error in problem["errors"]] == [at]
