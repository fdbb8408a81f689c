"""The pages of the books, and the files behind the finance pages: by either clock, in the reader's zone, for staff alone."""

import html
import re

import pytest

from api.pages import session
from api.pages.finance import books
from tests.api.running import Ledger, a_bonus
from tests.api.test_pages import sign_in
from tests.api.test_pages_finance import show, text_of
from tests.api.test_payout_actions import PAID, PAYOUT, told


@pytest.fixture
def paid(ledger: Ledger) -> Ledger:
    """A bonus earned at the beginning of 2026, and paid just now."""
    ledger.know(*a_bonus())
    told(ledger, PAID)
    return ledger


def test_a_trial_balance_looks_back_by_either_clock(paid: Ledger) -> None:
    now = show(paid, "/finance/books")
    assert "Stripe balance what left the platform&#39;s balance at Stripe, and came back $0.00 $75.00 -$75.00" in now
    assert re.search(r"Sum in USD \$225.00 \$225.00 \$0.00", now)
    then = show(paid, "/finance/books?effective_at=2026-01-31T00:00")
    assert "Bonuses payable bonuses earned and still owed $0.00 $75.00 -$75.00" in then
    assert "of what had happened by Jan 31, 2026" in then
    before = show(paid, "/finance/books?as_of=2026-02-01T00:00")
    assert "As of position 0 of the log" in before
    assert re.search(r"Sum in USD \$0.00 \$0.00 \$0.00", before)


def test_moments_are_those_of_the_readers_zone(paid: Ledger) -> None:
    cookies = f"{session.LOOPBACK_COOKIE}={paid.token('finance', 'fay')}; ledger_zone=America/New_York"
    answer = paid.client.get("/finance/books?effective_at=2026-01-30T19:00", headers={"Cookie": cookies})
    assert re.search(r'<time datetime="2026-01-31T00:00:00\+00:00">Jan 30, 2026, 7:00', answer.text)


@pytest.mark.parametrize(
    ("query", "problem"),
    [("as_of=soon", "That is no date and time."), ("as_of=2999-01-01T00:00", "That moment is still to come.")],
)
def test_a_moment_that_means_nothing_is_said_and_today_is_shown(paid: Ledger, query: str, problem: str) -> None:
    read = show(paid, f"/finance/books?{query}")
    assert problem in read
    assert "$225.00" in read


def test_the_journal_is_filtered_and_paged(paid: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "SHOWN", 2)
    sign_in(paid, "finance", "fay")
    first = paid.client.get("/finance/books/journal?instructor_id=").text
    (later,) = re.findall(r'href="([^"]+)" rel="next"', first)
    second = paid.client.get(html.unescape(later)).text
    entries = [re.findall(r"(\w+), position <", each) for each in (first, second)]
    assert entries == [["BonusEarned", "TransferRequested"], ["TransferSettled"]]
    assert "Bonus expense $75.00 Bonuses payable, anna $75.00" in text_of(first)
    in_flight = text_of(paid.client.get("/finance/books/journal?account=transfers_in_flight").text)
    assert "BonusEarned" not in in_flight
    assert "No entry is like that." in text_of(paid.client.get("/finance/books/journal?instructor_id=carl").text)
    unfit = text_of(paid.client.get(f"/finance/books/journal?period=March&payout_id={PAYOUT}").text)
    assert "“March” is no month like 2026-03: it was left out." in unfit
    assert "BonusEarned" in unfit


def test_a_statement_runs_from_one_balance_to_the_other(paid: Ledger) -> None:
    read = show(paid, "/finance/books/accounts/bonuses_payable?instructor_id=anna")
    assert "Balance before $0.00" in read
    assert "$75.00 -$75.00 BonusEarned" in read
    assert "$75.00 $0.00 TransferSettled" in read
    assert "Closing balance $0.00" in read
    assert paid.client.get("/finance/books/accounts/petty_cash").status_code == 404


def test_a_closed_month_is_shown_and_is_the_same_file_as_ever(paid: Ledger) -> None:
    closing = paid.services.closing
    closing.begin("2026-01", "ada")
    paid.projector.catch_up()
    closing.finish("2026-01", "ada")
    assert "The books are closed up to 2026-01." in show(paid, "/finance/books", role="auditor")
    read = text_of(paid.client.get("/finance/months/2026-01").text)
    assert "Books of 2026-01" in read
    assert "Bonus expense $0.00 $75.00 $0.00 $75.00" in read
    file = paid.client.get("/finance/download/period/2026-01")
    assert file.headers["Content-Disposition"] == 'attachment; filename="books-2026-01.csv"'
    assert "bonus_expense" in file.text
    assert paid.client.get("/finance/months/2026-02").status_code == 404


def test_files_are_for_staff_with_a_session(paid: Ledger) -> None:
    path = "/finance/download/export/journal?format=beancount&from=&to="
    assert paid.client.get(path).headers["Location"] == "/session"
    sign_in(paid, "instructor", "anna")
    assert paid.client.get(path).status_code == 403
    sign_in(paid, "auditor", "eve")
    answer = paid.client.get(path)
    assert answer.headers["Content-Disposition"].endswith('.beancount"')
    assert "75.00 USD" in answer.text
    assert paid.client.get("/finance/download/proof/1").json()["code"] == "not_sealed"
