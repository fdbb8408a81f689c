"""The pages of the log: events with filters, looking back, stories, and seals with their proofs."""

import re
import threading
from pathlib import Path

import pytest

from api import composition
from api.http.routes import replay
from api.pages.finance import log
from ledger.proof.verify_export import main as verify_export
from tests.api.running import Ledger, a_bonus, running, settings
from tests.api.test_pages import sign_in
from tests.api.test_pages_finance import show, text_of
from tests.api.test_payout_actions import PAID, PAYOUT, told
from tests.api.test_sealing import KEY


def test_the_log_is_read_by_type_id_and_day(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "SHOWN", 5)
    ledger.know(*a_bonus())
    told(ledger, PAID)
    newest = show(ledger, "/finance/log", role="auditor")
    assert f"The log ends at position {ledger.head}" in newest
    assert "tr_1" in newest
    assert "ANNA" not in newest
    assert "ANNA" in show(ledger, "/finance/log?after=0")
    of_type = show(ledger, "/finance/log?type=BonusEarned")
    assert "anna earned 75.00 USD for ben" in of_type
    assert "tr_1" not in of_type
    for name in (PAYOUT, "anna", "tr_1", "transfer:tr_1"):
        assert "Stripe holds transfer tr_1" in show(ledger, "/finance/log", about=name, first_day="2026-01-01")
    assert "No event is like that." in show(ledger, "/finance/log?last_day=2026-01-01")
    assert "they were left out" in show(ledger, "/finance/log?first_day=2999-01-01&last_day=x")


def test_an_event_is_shown_as_it_is_stored_with_what_led_to_it(ledger: Ledger) -> None:
    ledger.know(*a_bonus())
    found = show(ledger, f"/finance/log/{ledger.head}")
    assert "BonusEarned" in found
    assert "&#34;amount_minor&#34;: 7500" in found
    assert "ben completed a first lesson" in found
    assert "Not sealed yet" in found
    assert ledger.client.get(f"/finance/log/{ledger.head + 1}").status_code == 404


def test_totals_are_replayed_and_stories_told(ledger: Ledger) -> None:
    ledger.know(*a_bonus())
    before = ledger.head
    told(ledger, PAID)
    then = show(ledger, f"/finance/log/replay?as_of={before}")
    assert f"As of position {before}," in then
    assert "Paid $0.00 $75.00 $75.00" in then
    assert "Referrals pending transfer 1 0 -1" in then
    late = ledger.client.get(f"/finance/log/replay?as_of={ledger.head + 1}")
    assert late.status_code == 422
    assert "That moment is still to come." in text_of(late.text)
    story = show(ledger, "/finance/log/explain?id=tr_1")
    assert "Stripe holds transfer tr_1" in story
    total = show(ledger, "/finance/log/explain?id=paid_minor")
    assert "paid_minor is 75.00 USD, made up of 1 bonus." in total
    assert "Explained to the last cent" in total
    for name in ("nothing", "two words", "ünknown", "<script>"):
        assert "Nothing is known by" in show(ledger, "/finance/log/explain", id=name)


def test_a_replay_that_has_to_wait_keeps_the_moment_asked_for(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.know(*a_bonus())
    under_way = threading.Lock()
    monkeypatch.setattr(replay, "_ONE_AT_A_TIME", under_way)
    sign_in(ledger, "auditor", "eve")
    with under_way:
        busy = ledger.client.get("/finance/log/replay?as_of=3")
        today = ledger.client.get("/finance/log/replay")
    assert (busy.status_code, today.status_code) == (503, 503)
    assert "Another replay is under way" in text_of(busy.text)
    assert f'max="{ledger.head}" value="3"' in busy.text
    assert f'value="{ledger.head}"' in today.text
    (again,) = re.findall(r'href="([^"]+)">Try position 3 again', busy.text)
    assert "As of position 3," in text_of(ledger.client.get(again).text)


def test_seals_are_shown_and_their_proofs_hold_offline(database_url: str, tmp_path: Path) -> None:
    chosen = settings(ledger_seal_key=KEY.secret(), ledger_seal_store=str(tmp_path / "seals"))
    with running(database_url, chosen) as ledger:
        assert "Nothing is sealed" in show(ledger, "/finance/log/seals", role="auditor")
        ledger.know(*a_bonus())
        with composition.sealer(chosen, database_url) as parts:
            assert parts is not None
            parts[0].seal_at_least(ledger.head)
        read = show(ledger, "/finance/log/seals", role="auditor")
        assert f"Sealed up to position {ledger.head}" in read
        assert "every event is sealed" in read
        assert f"holds, by the key {KEY.public}" in read
        sign_in(ledger, "auditor", "eve")
        page = ledger.client.get("/finance/log/seals").text
        asked = ledger.client.get("/finance/log/proof?position=2")
        proof = ledger.client.get(asked.headers["Location"])
        events, checkpoint = (
            ledger.client.get(re.findall(rf'href="([^"]*{kind}[^"]*)"', page)[0].replace("&amp;", "&"))
            for kind in ("export/events", "checkpoint")
        )
    files = {"proof.json": proof, "events.ndjson": events, "checkpoint.txt": checkpoint}
    for name, answer in files.items():
        assert answer.headers["Content-Disposition"].startswith("attachment")
        (tmp_path / name).write_bytes(answer.content)
    key = ["--public-key", str(KEY.public)]
    assert verify_export(["--proof", str(tmp_path / "proof.json"), *key]) == 0
    assert verify_export([str(tmp_path / "events.ndjson"), str(tmp_path / "checkpoint.txt"), *key]) == 0
