"""The finance pages over plain HTTP: what they show, to whom, and what their forms lead to."""

import re

from tests.api.running import Ledger, a_bonus, fact
from tests.api.test_pages import sign_in
from tests.api.test_payout_actions import DECLINED, PAID, PAYOUT, told


def text_of(html: str) -> str:
    """What a person reads, in one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", html.split("<main", 1)[1]).split())


def show(ledger: Ledger, path: str, *, role: str = "finance", subject: str = "fay") -> str:
    """Sign in, and read a page as that person."""
    sign_in(ledger, role, subject)
    answer = ledger.client.get(path, headers={"Accept": "text/html"})
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
    ledger.decide(f"/payouts/{PAYOUT}/cancel", "ada", "fraud, case 12")
    ledger.projector.catch_up()
    read = show(ledger, "/finance")
    assert "1 payout waits for you $75.00 to anna" in read
    assert "Needs a second person ada asks to cancel $75.00 to anna" in read
    assert "fraud, case 12" in read
    assert "1 payout waits for finance" in show(ledger, "/finance", role="auditor", subject="ada")


def test_an_empty_program_is_shown_too(shared_ledger: Ledger) -> None:
    read = show(shared_ledger, "/finance")
    assert "Attempts that paid None yet" in read
    assert "Signed up 0 0.0%" in read
    assert "No attempt in these days." in read
