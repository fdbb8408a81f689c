"""The finance pages over plain HTTP: what they show, to whom, and what their forms lead to."""

import html
import re

import httpx
import pytest

from api.pages.finance import payouts
from ledger import identifiers
from tests.api.running import Ledger, a_bonus, fact
from tests.api.test_pages import sign_in
from tests.api.test_payout_actions import DECLINED, PAID, PAYOUT, shown, told


def text_of(document: str) -> str:
    """What a person reads, in one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", document.split("<main", 1)[1]).split())


def show(ledger: Ledger, path: str, *, role: str = "finance", subject: str = "fay", **query: str) -> str:
    """Sign in, and read a page as that person."""
    sign_in(ledger, role, subject)
    answer = ledger.client.get(path, headers={"Accept": "text/html"}, params=query or None)
    assert answer.status_code == 200, answer.text
    return text_of(answer.text)


def test_the_overview_counts_referrals_money_and_attempts(ledger: Ledger) -> None:
    ledger.know(*a_bonus(), *a_bonus("anna", "carl")[1:-1], fact("signed_up", "dora", referral_code="ANNA"))
    told(ledger, PAID)
    read = show(ledger, "/finance")
    assert "Nothing waits for you" in read
    assert "Earned $75.00" in read
    assert "Paid $75.00" in read
    assert "Founding spots left 99 of 100" in read
    assert "Attempts that paid 100.0% 1 of 1 in 30 days" in read
    assert "Signed up 3 100.0% Went live 2 66.7% Bonus earned 1 33.3% Bonus paid 1 33.3%" in read
    assert re.search(r"Declined [A-Z][a-z]+ \d+ 1 \$75.00 0 ", read)


def test_the_overview_says_first_what_waits_for_a_person(ledger: Ledger) -> None:
    ledger.know(*a_bonus(), *a_bonus("anna", "carl")[1:])
    told(ledger, DECLINED)
    assert "1 payout waits for you $75.00 to anna" in show(ledger, "/finance")
    assert "1 payout waits for finance" in show(ledger, "/finance", role="auditor", subject="ada")
    ledger.decide(f"/payouts/{PAYOUT}/cancel", "ada", "fraud, case 12")
    ledger.projector.catch_up()
    read = show(ledger, "/finance")
    assert "Work for you Needs a second person ada asks to cancel $75.00 to anna" in read
    assert "fraud, case 12" in read
    assert read.count(PAYOUT) == 1, "what waits for a second person is not listed a second time"


def test_an_empty_program_is_shown_too(shared_ledger: Ledger) -> None:
    read = show(shared_ledger, "/finance")
    assert "Attempts that paid None yet" in read
    assert "Signed up 0 0.0%" in read
    assert "No attempt in these days." in read
    assert "from midnight to midnight in UTC" in read


def test_payouts_are_filtered_searched_and_paged(ledger: Ledger) -> None:
    ledger.know(*a_bonus("anna", "ben", "ANNA"), *a_bonus("carla", "dan", "CARLA"))
    told(ledger, PAID)
    everything = show(ledger, "/finance/payouts")
    assert everything.index("carla") < everything.index("anna")
    assert "carla" not in show(ledger, "/finance/payouts?status=paid")
    assert "Nothing was found with the status reversed" in show(ledger, "/finance/payouts?status=reversed")
    assert "carla" not in show(ledger, "/finance/payouts?q=anna")
    assert "ben was referred: $75.00 for that went to anna" in show(ledger, "/finance/payouts?q=ben")
    assert "Nothing was found for “tr_unheard”" in show(ledger, "/finance/payouts?q=tr_unheard")
    for name in (PAYOUT, identifiers.referral_id("ben"), " tr_1 "):
        answer = ledger.client.get("/finance/payouts", params={"q": name})
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/finance/payouts/{PAYOUT}")


def test_older_payouts_are_on_further_pages(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payouts, "SHOWN", 1)
    ledger.know(*a_bonus("anna", "ben", "ANNA"), *a_bonus("carla", "dan", "CARLA"))
    sign_in(ledger, "finance", "fay")
    first = ledger.client.get("/finance/payouts").text
    (older,) = re.findall(r'href="([^"]+)" rel="next"', first)
    second = ledger.client.get(html.unescape(older)).text
    assert identifiers.payout_id("dan") in first
    assert PAYOUT not in first
    assert PAYOUT in second
    assert 'rel="next"' not in second


def test_no_request_for_a_second_person_is_left_out(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payouts, "REQUESTS_SHOWN", 2)
    referred = ("ben", "dan", "eve", "fay", "gil")
    ledger.know(*a_bonus(), *(each for who in referred[1:] for each in a_bonus("anna", who)[1:]))
    for who in referred:
        ledger.decide(f"/payouts/{identifiers.payout_id(who)}/cancel", "ada", f"fraud of {who}")
    ledger.projector.catch_up()
    sign_in(ledger, "finance", "fay")
    path, found = "/finance/payouts/waiting", []
    while path:
        page = ledger.client.get(path).text
        found += re.findall(r"fraud of (\w+)", page)
        assert ("Payouts, oldest first" in page) == (len(found) == 2)
        more = re.search(r'href="([^"]+)" rel="next"', page)
        path = html.unescape(more[1]) if more else ""
    assert found == [*referred]


def post(ledger: Ledger, path: str, subject: str = "fay", role: str = "finance", **fields: str) -> httpx.Response:
    sign_in(ledger, role, subject)
    headers = {"Origin": str(ledger.client.base_url).rstrip("/"), "Accept": "text/html"}
    return ledger.client.post(path, data=fields, headers=headers)


def test_a_payout_is_shown_with_its_timeline_and_what_can_be_done(ledger: Ledger) -> None:
    ledger.know(*a_bonus())
    told(ledger, DECLINED)
    read = show(ledger, f"/finance/payouts/{PAYOUT}")
    assert "$75.00 to anna" in read
    assert "The last error: bad: no" in read
    assert "Idempotency key k Transfer group g Answer declined: bad, HTTP 400" in read
    for offered in ("Hold", "Try again", "Cancel"):
        assert f" {offered} " in read
    for not_offered in (" Release ", " Take back ", "Approve"):
        assert not_offered not in read
    audited = show(ledger, f"/finance/payouts/{PAYOUT}", role="auditor", subject="ada")
    assert "What you can do" not in audited
    assert "Idempotency key k" in audited


def test_what_is_decided_goes_on_the_log_and_shows(ledger: Ledger) -> None:
    ledger.know(*a_bonus())
    answer = post(ledger, f"/finance/payouts/{PAYOUT}/hold", reason="Risk asked, case 7 & 8")
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/finance/payouts/{PAYOUT}?recorded={ledger.head}"
    ledger.projector.catch_up()
    read = text_of(ledger.client.get(answer.headers["Location"]).text)
    assert "The payout was held by a person: Risk asked, case 7 &amp; 8" in read
    assert "Held by fay since" in read
    assert shown(ledger)["timeline"][-1]["data"]["role"] == "finance"


def test_what_cannot_be_is_said_on_the_page_with_what_was_typed(ledger: Ledger) -> None:
    ledger.know(*a_bonus())
    path = f"/finance/payouts/{PAYOUT}"
    without = post(ledger, f"{path}/hold", reason=" ")
    assert without.status_code == 422
    assert "Give a reason" in without.text
    refused = post(ledger, f"{path}/release", reason="as bob said")
    assert refused.status_code == 409
    assert "The payout is not held. Nothing was recorded." in refused.text
    assert 'value="as bob said"' in refused.text
    assert ledger.client.get(f"{path}/release").headers["Location"] == path  # who reloads what was answered
    assert ledger.services.log.recorder.head() == ledger.projector.catch_up()
    post(ledger, f"{path}/hold", reason="x")
    assert "It is so already" in post(ledger, f"{path}/hold", reason="x").text
    assert post(ledger, "/finance/payouts/pay_zzzz/hold", reason="x").status_code == 404
    assert post(ledger, f"{path}/delete", reason="x").status_code == 422


def test_a_second_person_approves_and_the_first_can_only_withdraw(ledger: Ledger) -> None:
    ledger.know(*a_bonus())
    path = f"/finance/payouts/{PAYOUT}"
    post(ledger, f"{path}/cancel", "ada", reason="fraud")
    ledger.projector.catch_up()
    own, others = show(ledger, path, subject="ada"), show(ledger, path, subject="bob")
    assert ("You can withdraw it" in own, " Approve " in own) == (True, False)
    assert ("as the second person" in others, " Approve " in others) == (True, True)
    assert "Somebody else of finance has to approve or refuse it." in show(ledger, path, role="auditor")
    own_word = post(ledger, f"{path}/approvals/1/approve", "ada", reason="sure")
    assert own_word.status_code == 409
    assert "Whoever asks for it cannot approve it" in own_word.text
    assert post(ledger, f"{path}/approvals/1/approve", "bob", reason="I looked").status_code == 303
    assert shown(ledger)["status"] == "cancelled"


def test_auditors_and_other_sites_cannot_act(ledger: Ledger) -> None:
    ledger.know(*a_bonus())
    before = ledger.head
    assert post(ledger, f"/finance/payouts/{PAYOUT}/hold", "eve", "auditor", reason="x").status_code == 403
    sign_in(ledger, "finance", "fay")
    for headers in ({}, {"Origin": "https://elsewhere.example"}):
        answer = ledger.client.post(f"/finance/payouts/{PAYOUT}/hold", data={"reason": "x"}, headers=headers)
        assert answer.status_code == 403
    assert ledger.head == before
