"""The pages of months and payees: what they sum up, closing a month, and whose page each is."""

import csv
import html
import io
import re
from datetime import UTC, datetime

import pytest

from api.http import positions
from api.pages.finance import payees
from ledger import identifiers
from ledger.books.months import month_of
from tests.api.running import Ledger, a_bonus
from tests.api.test_books import JANUARY, close, cut_off, paid
from tests.api.test_finance_and_audit import pay
from tests.api.test_pages import sign_in
from tests.api.test_pages_finance import post, show, text_of

__all__ = ["paid"]

CLOSE = f"/finance/months/{JANUARY}/close"
THIS_MONTH, THIS_YEAR = month_of(datetime.now(UTC)), datetime.now(UTC).year


def test_months_are_listed_with_what_was_posted_to_them(paid: Ledger) -> None:
    read = show(paid, "/finance/months")
    assert f"{JANUARY} can be closed" in read
    assert f"{JANUARY} over $150.00 $0.00" in read
    assert "2026-02 over nothing yet" in read
    assert f"{THIS_MONTH} running $0.00 $75.00" in read
    assert read.index(THIS_MONTH) < read.index("2026-02 over") < read.index(f"{JANUARY} over")
    close(paid, JANUARY)
    read = show(paid, "/finance/months")
    assert re.search(rf"{JANUARY} closed \$150.00 \$0.00 2 .+ by ada CSV", read)
    assert "2026-02 can be closed" in read


def test_where_nothing_was_posted_there_is_nothing_to_close(shared_ledger: Ledger) -> None:
    read = show(shared_ledger, "/finance/months")
    assert "Nothing was posted yet." in read
    assert "Look at its journal" not in read


def test_a_month_is_closed_by_whoever_looked_at_it(paid: Ledger) -> None:
    unseen = post(paid, CLOSE, looked_at="")
    assert unseen.status_code == 422
    assert "Tick that you have looked at the month." in unseen.text
    assert paid.services.closing.periods()[0].cut_off is None
    cut_off(paid, JANUARY)  # and then it was interrupted
    paid.projector.catch_up()
    assert f"{JANUARY} is not closed yet Its closing was interrupted." in show(paid, "/finance/months")
    answer = post(paid, CLOSE, looked_at="yes")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/finance/months/{JANUARY}")
    assert re.search(r"Closed .+ by fay, position", show(paid, f"/finance/months/{JANUARY}", role="auditor"))
    paid.projector.catch_up()
    again = post(paid, CLOSE, "bob", looked_at="yes")
    assert again.headers["Location"] == f"/finance/months/{JANUARY}"
    assert paid.services.closing.periods()[0].closed[JANUARY].closed_by == "fay"
    assert paid.client.get(CLOSE).headers["Location"] == "/finance/months"


def test_why_a_month_is_not_closed_is_said_on_the_page(paid: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    for month, why in [("2026-02", "the next one is 2026-01"), (THIS_MONTH, "is not over yet (UTC)")]:
        refused = post(paid, f"/finance/months/{month}/close", looked_at="yes")
        assert refused.status_code == 409
        assert f"{why}. Nothing was recorded." in text_of(refused.text)
    assert post(paid, "/finance/months/soon/close", looked_at="yes").status_code == 422
    monkeypatch.setattr(positions, "PATIENCE_SECONDS", 0.1)
    behind = post(paid, CLOSE, looked_at="yes")  # no projector follows the log
    assert behind.status_code == 504
    read = text_of(behind.text)
    assert "Close it again in a moment" in read
    assert f"{JANUARY} is not closed yet" in read


def test_auditors_see_months_and_close_none(paid: Ledger) -> None:
    read = show(paid, "/finance/months", role="auditor", subject="eve")
    assert "Somebody of finance closes it." in read
    assert f"Close {JANUARY}" not in read
    assert post(paid, CLOSE, "eve", "auditor", looked_at="yes").status_code == 403
    sign_in(paid, "instructor", "anna")
    for path in ("/finance/months", f"/finance/months/{JANUARY}", CLOSE):
        assert paid.client.get(path).status_code == 403
    sign_in(paid, "finance", "fay")
    elsewhere = {"Origin": "https://elsewhere.example"}
    assert paid.client.post(CLOSE, data={"looked_at": "yes"}, headers=elsewhere).status_code == 403
    assert paid.services.closing.periods()[0].cut_off is None


def test_payees_of_a_year_are_shown_and_taken_home(paid: Ledger) -> None:
    read = show(paid, "/finance/payees")
    assert f"Payees of {THIS_YEAR}" in read
    assert "anna $75.00 $0.00 $75.00 below" in read
    assert f"The threshold for {THIS_YEAR} is $2,000.00." in read
    file = paid.client.get(f"/finance/download/payees?year={THIS_YEAR}")
    assert file.headers["Content-Disposition"] == f'attachment; filename="payees-{THIS_YEAR}.csv"'
    (row,) = csv.DictReader(io.StringIO(file.text))
    assert (row["instructor_id"], row["paid_minor"], row["reportable"]) == ("anna", "7500", "no")
    assert "Nobody was paid in 1999." in show(paid, "/finance/payees?year=1999")


def test_further_payees_are_a_page_away(paid: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payees, "SHOWN", 1)
    paid.know(*a_bonus("carla", "dan", "CARLA"))
    pay(paid, identifiers.payout_id("dan"))
    paid.projector.catch_up()
    sign_in(paid, "finance", "fay")
    first = paid.client.get("/finance/payees").text
    (further,) = re.findall(r'href="([^"]+)" rel="next"', first)
    second = paid.client.get(html.unescape(further)).text
    shown = [re.findall(r'/finance/payouts\?q=(\w+)"', page) for page in (first, second)]
    assert shown == [["anna"], ["carla"]]
    assert 'rel="next"' not in second


def test_names_of_payees_are_for_finance_alone(paid: Ledger) -> None:
    for role in ("auditor", "instructor"):
        sign_in(paid, role, "eve")
        for path in ("/finance/payees", "/finance/download/payees?year=2026"):
            assert paid.client.get(path).status_code == 403
    assert "/finance/payees" not in show_raw(paid, "auditor")
    assert "/finance/payees" in show_raw(paid, "finance")


def show_raw(ledger: Ledger, role: str) -> str:
    sign_in(ledger, role, "eve")
    return ledger.client.get("/finance/months").text
