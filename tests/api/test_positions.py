"""Reads that wait for a position."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from api.http import positions
from tests.api.running import Ledger, a_bonus


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """For machines that have much else to do."""
    monkeypatch.setattr(positions, "PATIENCE_SECONDS", 60.0)


@pytest.mark.usefixtures("patience")
def test_a_reader_waits_until_the_read_models_are_there(ledger: Ledger) -> None:
    position = ledger.send(a_bonus()).json()["position"]
    with ThreadPoolExecutor() as threads:
        reading = threads.submit(ledger.get, "/finance/totals", "finance", min_position=position)
        while not ledger.client.get("/metrics").text.count("ledger_http_requests_in_flight 2.0"):
            assert not reading.done()
        ledger.projector.catch_up()
        answer = reading.result()
    assert answer.json()["position"] == position


@pytest.mark.usefixtures("patience")
def test_many_may_wait_without_keeping_the_others_from_being_served(ledger: Ledger) -> None:
    """More than there are threads."""
    position = ledger.send(a_bonus()).json()["position"]
    waiting = ledger.settings.ledger_http_threads * 2
    with ThreadPoolExecutor(waiting) as threads:
        reads = [
            threads.submit(ledger.get, "/finance/totals", "finance", min_position=position) for _ in range(waiting)
        ]
        while f"ledger_http_requests_in_flight {waiting + 1}.0" not in ledger.client.get("/metrics").text:
            assert not any(reading.done() for reading in reads)
        assert ledger.get("/instructor-referrals/founding-status").status_code == 200
        ledger.projector.catch_up()
        assert {reading.result().json()["position"] for reading in reads} == {position}


def test_waiting_ends(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(positions, "PATIENCE_SECONDS", 0.2)
    started = time.monotonic()
    answer = ledger.get("/finance/totals", "finance", min_position=10**9)
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (504, "position_timeout", "1")
    assert 0.2 <= time.monotonic() - started < 5
    assert ledger.get("/audit/events", "auditor", min_position=10**9).status_code == 504


def test_a_reader_that_gives_up_leaves_nothing_behind(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(positions, "MOST_WAITING", 1)
    monkeypatch.setattr(positions, "PATIENCE_SECONDS", 0.3)
    done = threading.Barrier(3, timeout=20)
    codes: list[int] = []

    def read() -> None:
        codes.append(ledger.get("/finance/totals", "finance", min_position=10**9).status_code)
        done.wait()

    for _ in range(2):
        threading.Thread(target=read, daemon=True).start()
    done.wait()
    assert sorted(codes) == [503, 504]
    assert ledger.get("/finance/totals", "finance", min_position=10**9).status_code == 504
    assert ledger.get("/finance/totals", "finance", min_position=0).status_code == 200
