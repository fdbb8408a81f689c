"""Health, metrics, headers, and the OpenAPI document."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from structlog.typing import Processor

from api.http import edge, health
from tests.api.running import API, MANY, Ledger, a_bonus, fact


def test_it_is_live_and_ready(shared_ledger: Ledger) -> None:
    assert shared_ledger.client.get("/health/live").json() == {"status": "live"}
    answer = shared_ledger.client.get("/health/ready")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready", "reasons": []})


def test_it_is_not_ready_while_the_read_models_stand_still(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "MOST_LAG_SECONDS", 0.0)
    ledger.send(a_bonus())
    answer = ledger.client.get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (503, "not_ready")
    assert "lag" in answer.json()["reasons"][0]
    ledger.projector.catch_up()
    assert ledger.client.get("/health/ready").status_code == 200


def test_metrics_tell_how_far_everything_has_come(ledger: Ledger) -> None:
    position = ledger.know(*a_bonus())
    ledger.get("/payouts/pay_a", "finance")
    ledger.get("/payouts/pay_b", "finance")
    ledger.client.get("/nowhere/anna")
    ledger.services.todo.follow(ledger.services.log)
    ledger.send([fact("went_live", "zoe")])
    text = ledger.client.get("/metrics").text
    samples = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert samples["ledger_database_up"] == "1.0"
    assert samples["ledger_read_models_position"] == samples["ledger_payout_todo_position"] == f"{position}.0"
    assert samples["ledger_log_head"] == f"{position + 2}.0"
    assert samples["ledger_read_models_lag_events"] == "2.0"
    assert float(samples["ledger_read_models_lag_seconds"]) > 0
    assert samples["ledger_sealed_position"] == "0.0"
    assert float(samples["ledger_seal_lag_seconds"]) >= float(samples["ledger_read_models_lag_seconds"])
    assert float(samples["ledger_payout_overdue_seconds"]) > 0
    route = f"{API}/payouts/{{payout_id}}"
    assert samples[f'ledger_http_requests_total{{method="GET",route="{route}",status="404"}}'] == "2.0"
    assert samples['ledger_http_requests_total{method="GET",route="unmatched",status="404"}'] == "1.0"
    assert "anna" not in text


def test_every_answer_is_marked_safe(shared_ledger: Ledger) -> None:
    for path in ("/health/live", "/openapi.json", f"{API}/payouts", "/nowhere"):
        headers = shared_ledger.client.get(path, headers={"Origin": "https://evil.example"}).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers


def test_head_is_get_without_the_body(shared_ledger: Ledger) -> None:
    path = f"{API}/instructor-referrals/founding-status"
    got, asked = shared_ledger.client.get(path), shared_ledger.client.head(path)
    assert (asked.status_code, asked.content) == (200, b"")
    assert asked.headers["content-length"] == got.headers["content-length"]
    assert asked.headers["ledger-position"] == "0"
    assert shared_ledger.client.head("/nowhere").status_code == 404


def test_too_many_requests_at_once_are_sent_away(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge, "MOST_IN_FLIGHT", 0)
    answer = ledger.get("/instructor-referrals/founding-status")
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "busy", "1")
    assert ledger.client.get("/health/live").status_code == 200


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the edge logs, in JSON, whatever else this process has configured."""
    written = io.StringIO()
    processors: list[Processor] = [structlog.contextvars.merge_contextvars, structlog.processors.format_exc_info]
    logger = structlog.wrap_logger(structlog.PrintLogger(written), [*processors, structlog.processors.JSONRenderer()])
    monkeypatch.setattr(edge, "logger", logger)
    return written


def test_a_defect_is_told_without_its_insides(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("the secret formula")

    monkeypatch.setattr(type(ledger.services.read_models), "totals", broken)
    answer = ledger.get("/finance/totals", "finance")
    document = answer.json()
    assert (answer.status_code, document["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert document["request_id"] in log.getvalue()
    assert "the secret formula" in log.getvalue()


def test_the_access_log_names_no_person_and_no_token(ledger: Ledger, log: io.StringIO) -> None:
    ledger.get("/payouts/pay_personal", "finance", referrer_id="anna_personal")
    ledger.get("/instructor-referrals/stats", "instructor", "anna_personal")
    assert f"{API}/payouts/{{payout_id}}" in log.getvalue()
    assert "personal" not in log.getvalue()
    assert ledger.token("finance")[:20] not in log.getvalue()


@pytest.fixture(scope="module")
def openapi(shared_ledger: Ledger) -> dict[str, Any]:
    return dict(shared_ledger.client.get("/openapi.json").json())


def operations(openapi: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def test_openapi_describes_every_operation(openapi: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, operation in operations(openapi)]
    assert len(names) == len(set(names)) > 10
    for name, operation in operations(openapi):
        assert operation["summary"], name
        assert operation["tags"], name
        success = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
        assert "schema" in next(iter(success.get("content", {"": {"schema": {}}}).values())), name
        assert "HTTPValidationError" not in str(operation), name


def test_openapi_lists_the_problems_of_each_operation(openapi: dict[str, Any]) -> None:
    for name, operation in operations(openapi):
        if " /api/" in name:
            problems = {
                status for status, answer in operation["responses"].items() if "application/problem+json" in str(answer)
            }
            assert "503" in problems, name
            assert "security" not in operation or {"401", "403"} <= problems, name


def test_every_reference_in_openapi_leads_somewhere(openapi: dict[str, Any]) -> None:
    def references(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                yield value["$ref"]
            value = list(value.values())
        if isinstance(value, list):
            for each in value:
                yield from references(each)

    found = set(references(openapi))
    assert found
    assert {name.removeprefix("#/components/schemas/") for name in found} <= set(openapi["components"]["schemas"])


def test_the_examples_in_openapi_work(ledger: Ledger, openapi: dict[str, Any]) -> None:
    body = openapi["paths"][f"{API}/lifecycle-events"]["post"]["requestBody"]["content"]
    batch = body[MANY]["examples"]["a referral that earns"]["value"]
    assert {each["outcome"] for each in ledger.send(batch).json()["results"]} == {"recorded"}
    ledger.projector.catch_up()
    assert ledger.get("/finance/totals", "finance").json()["bonuses"]["founding"] == 1
