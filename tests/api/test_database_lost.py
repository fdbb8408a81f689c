"""The API without its database: it starts, says so, loses nothing that it acknowledged, and recovers by itself."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest

from api.pages import session
from tests.api.running import Ledger, fact, running, settings


def at_once(*calls: Callable[[], httpx.Response]) -> list[httpx.Response]:
    """Each of them waits some seconds for a connection."""
    with ThreadPoolExecutor(len(calls)) as threads:
        return [waiting.result() for waiting in [threads.submit(call) for call in calls]]


def all_that_needs_the_database(ledger: Ledger) -> list[Callable[[], httpx.Response]]:
    return [
        lambda: ledger.send([fact("went_live", "nobody")]),
        lambda: ledger.get("/finance/totals", "finance"),
        lambda: ledger.get("/finance/totals", "finance", min_position=1),
        lambda: ledger.get("/audit/events", "auditor"),
        lambda: ledger.get("/instructor-referrals/stats", "instructor", "anna"),
        lambda: ledger.get("/instructor-referrals/referred", "instructor", "anna"),
        lambda: ledger.post("/instructor-referrals/code", "instructor", "anna"),
        lambda: ledger.post("/instructor-referrals/popup-seen", "instructor", "anna"),
    ]


def test_it_starts_without_a_database_and_says_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    nowhere = f"host={tmp_path_factory.mktemp('nowhere')} dbname=x"
    with running(nowhere, settings()) as ledger:
        cookie = f"{session.LOOPBACK_COOKIE}={ledger.token('instructor', 'anna')}"
        ready, metrics, page, *answers = at_once(
            lambda: ledger.client.get("/health/ready"),
            lambda: ledger.client.get("/metrics"),
            lambda: ledger.client.get("/referrals", headers={"Cookie": cookie, "Accept": "text/html"}),
            *all_that_needs_the_database(ledger),
        )
        assert (ready.status_code, ready.json()["status"]) == (503, "not_ready")
        assert "ledger_database_up 0.0" in metrics.text
        assert ledger.client.get("/health/live").status_code == 200
        assert (page.status_code, page.headers["Content-Type"]) == (503, "text/html; charset=utf-8")
        assert "Try again" in page.text
        for answer in answers:
            assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
            assert answer.headers["retry-after"] == "1"


def test_it_recovers_by_itself_and_has_lost_nothing(make_database: Callable[[], str], postgres_url: str) -> None:
    url = make_database()
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    with running(url, settings()) as ledger, psycopg.connect(postgres_url, autocommit=True) as server:
        ledger.know(fact("went_live", "anna"))
        live_at = ledger.get("/instructor-referrals/stats", "instructor", "anna").json()["live_at"]
        server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'.encode())
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        for answer in at_once(*all_that_needs_the_database(ledger)):
            assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert ledger.client.get("/health/ready").status_code == 503

        server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'.encode())
        late = fact("went_live", "ben")
        while ledger.send([late]).status_code == 503:
            pass  # as the platform does
        kept = ledger.get("/audit/events", "auditor", type="InstructorWentLive").json()["items"]
        assert [event["data"]["instructor_id"] for event in kept] == ["anna", "ben"]
        while ledger.client.get("/health/ready").status_code == 503:
            pass
        assert ledger.get("/finance/totals", "finance").status_code == 200
        while (answer := ledger.get("/instructor-referrals/stats", "instructor", "anna")).status_code == 503:
            pass
        assert (answer.json()["live_at"], live_at is None) == (live_at, False)


def test_it_is_not_ready_before_the_database_is_migrated(make_empty_database: Callable[[], str]) -> None:
    with running(make_empty_database(), settings()) as ledger:
        answer = ledger.client.get("/health/ready")
        assert (answer.status_code, "ledger migrate" in answer.json()["reasons"][0]) == (503, True)
        for problem in (
            ledger.send([fact("went_live", "anna")]),
            ledger.get("/payouts", "finance"),
            ledger.get("/instructor-referrals/stats", "instructor", "anna"),
        ):
            assert (problem.status_code, problem.json()["code"]) == (503, "database_not_ready")
