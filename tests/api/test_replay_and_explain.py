"""What auditors ask over HTTP: how it was at any moment, and why it is as it is."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from api.http.routes import replay
from ledger.identifiers import payout_id, referral_id
from tests.api.running import Ledger, a_bonus, fact
from tests.api.test_finance_and_audit import pay


def test_as_of_each_position_the_totals_are_those_of_then(ledger: Ledger) -> None:
    given = {}
    for story in (a_bonus("anna", "ben", "ANNA"), a_bonus("anna", "carl", "ANNA")[1:]):
        ledger.know(*story)
        given[ledger.head] = ledger.get("/finance/totals", "finance").json()
    for position, totals in given.items():
        answer = ledger.get("/audit/replay", "auditor", as_of=position)
        assert answer.json() == {"position": position, "at": answer.json()["at"], "totals": totals}
        assert answer.headers["Ledger-Position"] == str(position)
    assert len(given) == 2
    assert ledger.get("/audit/replay", "finance").json()["totals"] == totals


def test_one_referral_payout_or_instructor_is_answered_as_the_live_reads_answer(ledger: Ledger) -> None:
    account = fact("payout_account_updated", "anna", stripe_account_id="acct_ok_anna", transfers_active=True)
    then = ledger.know(account, *a_bonus("anna", "ben", "ANNA"))
    pay(ledger, payout_id("ben"))
    ledger.projector.catch_up()
    ben = {"referral_id": referral_id("ben")}

    now = ledger.get("/audit/replay", "auditor", payout_id=payout_id("ben")).json()
    live = ledger.get(f"/payouts/{payout_id('ben')}", "finance").json()
    assert now["payout"] == {name: value for name, value in live.items() if name != "timeline"}

    assert ledger.get("/audit/replay", "auditor", **ben).json()["referral"]["status"] == "paid"
    assert ledger.get("/audit/replay", "auditor", as_of=then, **ben).json()["referral"]["status"] == "pending_transfer"
    instructor = ledger.get("/audit/replay", "auditor", as_of=then, instructor_id="anna").json()["instructor"]
    assert (instructor["stats"]["earned_minor"], instructor["stats"]["paid_minor"]) == (7500, 0)
    assert [each["referred_id"] for each in instructor["referred"]] == ["ben"]


def test_of_many_referrals_the_newest_are_shown(ledger: Ledger) -> None:
    names = ["ben", "carl", "dan"]
    ledger.know(
        fact("referral_code_issued", "anna", code="ANNA"),
        *(fact("signed_up", name, referral_code="ANNA") for name in names),
    )
    found = ledger.get("/audit/replay", "auditor", instructor_id="anna", limit=2).json()["instructor"]
    assert [each["referred_id"] for each in found["referred"]] == ["dan", "carl"]
    assert found["stats"]["counts"]["pending_live"] == 3


def test_what_did_not_exist_then_is_not_found_as_of_then(ledger: Ledger) -> None:
    ledger.know(*a_bonus("anna", "ben", "ANNA"))
    answer = ledger.get("/audit/replay", "auditor", as_of=1, payout_id=payout_id("ben"))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert ledger.get("/audit/replay", "auditor", payout_id=payout_id("ben")).status_code == 200


def test_a_moment_that_is_still_to_come_is_refused(shared_ledger: Ledger) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    for moment in (later, "2999-01-01", "999999999"):
        answer = shared_ledger.get("/audit/replay", "auditor", as_of=moment)
        assert (answer.status_code, answer.json()["code"]) == (422, "not_yet"), moment


@pytest.mark.parametrize(
    "parameters",
    [
        {"as_of": "yesterday"},
        {"as_of": "-1"},
        {"as_of": "2026-03-31T18:00:00"},
        {"as_of": "1" * 100},
        {"referral_id": "ref_UPPER"},
        {"payout_id": "x"},
        {"instructor_id": "no spaces"},
        {"limit": "0"},
        {"referral_id": "ref_a", "payout_id": "pay_a"},
    ],
    ids=str,
)
def test_a_question_that_cannot_be_read_is_refused(shared_ledger: Ledger, parameters: dict[str, str]) -> None:
    answer = shared_ledger.get("/audit/replay", "auditor", **parameters)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


def test_one_whole_replay_at_a_time_and_none_that_is_too_long(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.know(*a_bonus("anna", "ben", "ANNA"))
    under_way = threading.Lock()
    monkeypatch.setattr(replay, "_ONE_AT_A_TIME", under_way)
    with under_way:
        busy = ledger.get("/audit/replay", "auditor")
        assert (busy.status_code, busy.json()["code"]) == (503, "busy")
        assert ledger.get("/audit/replay", "auditor", instructor_id="anna").status_code == 200
    assert ledger.get("/audit/replay", "auditor").status_code == 200

    monkeypatch.setattr(replay, "MOST_EVENTS", ledger.head - 1)
    too_long = ledger.get("/audit/replay", "auditor")
    assert (too_long.status_code, too_long.json()["code"]) == (422, "too_much_to_replay")
    assert ledger.get("/audit/replay", "auditor", as_of=ledger.head - 1).status_code == 200


def test_a_replay_waits_for_a_position_like_every_read(ledger: Ledger) -> None:
    position = ledger.send(a_bonus("anna", "ben", "ANNA")).json()["position"]
    answer = ledger.get("/audit/replay", "auditor", min_position=position)
    assert answer.json()["totals"]["money_minor"]["earned_minor"] == 7500


def test_a_story_is_told_for_every_id_of_a_referral(ledger: Ledger) -> None:
    ledger.know(*a_bonus("anna", "ben", "ANNA"))
    pay(ledger, payout_id("ben"))
    ledger.projector.catch_up()
    kinds = {referral_id("ben"): "referral", payout_id("ben"): "payout", "tr_1": "transfer", "anna": "instructor"}
    kinds |= {str(ledger.head): "event", "paid_minor": "total", "founding": "total"}
    for name, kind in kinds.items():
        answer = ledger.get(f"/audit/explain/{name}", "auditor")
        story = answer.json()
        assert (answer.status_code, story["kind"], story["id"]) == (200, kind, name), answer.text
        assert answer.headers["Ledger-Position"] == str(story["position"]) == str(ledger.head)
    told = ledger.get(f"/audit/explain/{payout_id('ben')}", "finance").json()
    assert told["headline"] == "75.00 USD owed to anna (founding), for referring ben."
    assert [line["type"] for line in told["lines"]][-3:] == ["BonusEarned", "TransferRequested", "TransferSettled"]
    assert told["lines"][-3]["why_this_amount"].startswith("The 1st of 100 founding spots, by ")
    assert told["lines"][-2]["stripe_call"]["answers"][0]["answer"] == "transfer tr_1"
    assert "Ben B." not in str(told)


@pytest.mark.parametrize("name", ["nobody", "999999", "pay_x", "0199f3c2-a7b1-7d0c-8f1e-5f7a2b3c4d5e"])
def test_what_nobody_knows_has_no_story(shared_ledger: Ledger, name: str) -> None:
    answer = shared_ledger.get(f"/audit/explain/{name}", "auditor")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "Ledger-Position" in answer.headers


@pytest.mark.parametrize("name", ["a" * 201, "two%20words", "%00", "%C3%A4"])
def test_what_cannot_be_an_id_is_refused(shared_ledger: Ledger, name: str) -> None:
    answer = shared_ledger.get(f"/audit/explain/{name}", "auditor")
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
