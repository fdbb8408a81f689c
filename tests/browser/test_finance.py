"""A day in finance, in a real browser: payouts, two people, reconciliation, and looking back."""

import threading
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.api.running import Ledger, a_bonus
from tests.api.test_payout_actions import PAID, PAYOUT, told
from tests.browser.accessible import assert_accessible
from tests.browser.conftest import enter
from tests.reconciliation.test_over_http import FOREIGN, HEADER, TOPUP

SignIn = Callable[[str, str], Page]


@pytest.fixture
def followed(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """The read models follow the log by themselves, as they do wherever `ledger project` runs. A test that catches up takes
    turns with that: a second projector would find the first at work, and stand by.
    """
    is_over, one_at_a_time = threading.Event(), threading.Lock()
    catch_up = ledger.projector.catch_up

    def in_turn() -> int:
        with one_at_a_time:
            return catch_up()

    monkeypatch.setattr(ledger.projector, "catch_up", in_turn)

    def follow() -> None:
        while not is_over.wait(0.05):
            ledger.projector.catch_up()

    thread = threading.Thread(target=follow)
    thread.start()
    yield ledger
    is_over.set()
    thread.join()


def decide(page: Page, button: str, reason: str) -> None:
    """Open an action, say why, and send it."""
    page.get_by_text(button, exact=True).first.click()
    form = page.locator("form", has=page.get_by_role("button", name=button, exact=True))
    form.get_by_label("Why").fill(reason)
    form.get_by_role("button", name=button, exact=True).click()


def test_a_payout_is_found_held_and_given_up_by_two_people(
    followed: Ledger, open_context: Callable[[], BrowserContext]
) -> None:
    followed.know(*a_bonus("anna", "ben", "ANNA"), *a_bonus("carla", "dan", "CARLA"))
    page = enter(open_context(), followed, "finance", "fay")
    expect(page.get_by_role("heading", name="Nothing waits for you")).to_be_visible()
    page.locator("summary").first.click()
    assert_accessible(page)

    page.get_by_role("link", name="Payouts").click()
    page.get_by_label("Status").select_option("paid")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("Nothing was found with the status paid.")).to_be_visible()
    page.get_by_label("Status").select_option("")
    page.get_by_label("Find by id").fill("anna")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("row")).to_have_count(2)
    assert_accessible(page)
    page.get_by_role("link", name=PAYOUT).click()

    decide(page, "Hold", "Risk asked, case 4711")
    said = page.get_by_role("status").filter(has_text="The payout was held by a person: Risk asked, case 4711")
    expect(said).to_be_visible()
    page.get_by_text("Cancel", exact=True).first.click()
    assert_accessible(page)
    page.get_by_text("Cancel", exact=True).first.click()
    decide(page, "Cancel", "Fraud, case 12")
    expect(page.get_by_text("You asked for it, so somebody else of finance has to approve it.")).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    assert_accessible(page)

    other = enter(open_context(), followed, "finance", "bob")
    expect(other.get_by_text("fay asks to cancel")).to_be_visible()
    other.get_by_role("link", name=PAYOUT).last.click()
    assert_accessible(other)
    form = other.locator("form", has=other.get_by_role("button", name="Approve"))
    form.get_by_label("Why").fill("I looked, too")
    form.get_by_role("button", name="Approve").click()
    expect(other.get_by_text("cancelled", exact=True)).to_be_visible()
    expect(other.get_by_role("heading", name="What you can do")).to_have_count(0)

    form = page.locator("form", has=page.get_by_role("button", name="Withdraw"))
    form.get_by_label("Why").fill("I was wrong")
    form.get_by_role("button", name="Withdraw").click()
    expect(page.get_by_role("alert")).to_contain_text("There is no open request of this number")
    assert_accessible(page)


def test_a_report_is_reconciled_and_what_does_not_fit_is_worked_off(followed: Ledger, sign_in: SignIn) -> None:
    page = sign_in("finance", "fay")
    page.get_by_role("link", name="Reconciliation").click()
    assert_accessible(page)
    report = {"name": "july.csv", "mimeType": "text/csv", "buffer": (HEADER + FOREIGN + TOPUP).encode()}
    page.get_by_label("Stripe's activity report").set_input_files(report)  # type: ignore[arg-type]
    page.get_by_role("button", name="Compare with the log").click()
    expect(page.get_by_role("heading", name="2026-07-03 to 2026-07-03")).to_be_visible()
    expect(page.get_by_text("is explained to the last cent")).to_be_visible()
    assert_accessible(page)

    page.get_by_role("link", name="Look at it").click()
    page.get_by_label("Who looks after it").fill("bob@example.com")
    page.get_by_role("button", name="Assign").click()
    expect(page.get_by_text("bob@example.com", exact=True)).to_be_visible()
    assert_accessible(page)
    page.get_by_label("How it was settled").select_option(label="It is not of this program")
    page.get_by_label("Why").fill("Another shop of ours")
    page.get_by_role("button", name="Settle").click()
    expect(page.get_by_text("Not ours by fay")).to_be_visible()
    page.get_by_role("link", name="All exceptions").click()
    expect(page.get_by_text("Nothing is open")).to_be_visible()
    assert_accessible(page)


def test_the_books_and_the_log_look_back(followed: Ledger, sign_in: SignIn) -> None:
    followed.know(*a_bonus())
    before = followed.head
    told(followed, PAID)
    page = sign_in("auditor", "eve")
    page.get_by_role("link", name="Books").click()
    page.get_by_label("Happened by").fill("2026-01-31T12:00")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("row", name="Stripe balance")).to_contain_text("$0.00")
    assert_accessible(page)
    page.get_by_role("link", name="The journal behind it").click()
    expect(page.get_by_text("BonusEarned")).to_be_visible()
    expect(page.get_by_text("TransferSettled")).to_have_count(0)
    assert_accessible(page)

    page.get_by_role("link", name="Log", exact=True).click()
    assert_accessible(page)
    page.get_by_role("link", name="Replay", exact=True).click()
    slider = page.get_by_role("slider")
    for _ in range(followed.head - before):
        position = int(slider.input_value()) - 1
        slider.press("ArrowLeft")
        expect(page.get_by_role("heading", name=f"As of position {position},")).to_be_visible()
    then, now, *_ = page.get_by_role("row", name="Paid").first.get_by_role("cell").all()
    expect(then).to_have_text("$0.00")
    expect(now).to_have_text("$75.00")
    assert_accessible(page)

    page.get_by_role("link", name="Explain", exact=True).click()
    page.get_by_label("An id, a position or a total").fill("tr_1")
    page.get_by_role("button", name="Explain").click()
    expect(page.get_by_role("heading", name="75.00 USD to acct_ok_anna")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("link", name="Seals and proofs").click()
    expect(page.get_by_role("heading", name="Nothing is sealed")).to_be_visible()
    assert_accessible(page)


def test_a_month_is_closed_and_payees_are_counted(followed: Ledger, sign_in: SignIn) -> None:
    followed.know(*a_bonus())
    told(followed, PAID)
    page = sign_in("finance", "fay")
    page.get_by_role("link", name="Months").click()
    expect(page.get_by_role("row", name="2026-01")).to_contain_text("$75.00")
    page.get_by_text("Close 2026-01", exact=True).first.click()
    assert_accessible(page)
    page.get_by_role("button", name="Close 2026-01").click()
    expect(page.get_by_role("heading", name="Months", level=1)).to_be_visible()  # not ticked: the browser asks for it
    page.get_by_label("I have looked at 2026-01.").check()
    page.get_by_role("button", name="Close 2026-01").click()
    expect(page.get_by_role("heading", name="Books of 2026-01")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("navigation", name="Finance").get_by_role("link", name="Months").click()
    expect(page.get_by_role("heading", name="2026-02 can be closed")).to_be_visible()
    page.get_by_role("link", name="Payees").click()
    expect(page.get_by_role("row", name="anna")).to_contain_text("$75.00")
    assert_accessible(page)
    with page.expect_download() as file:
        page.get_by_role("link", name="Download all payees").click()
    assert file.value.suggested_filename.startswith("payees-20")


def test_auditors_see_what_they_cannot_do_and_instructors_see_nothing(
    followed: Ledger, open_context: Callable[[], BrowserContext]
) -> None:
    followed.know(*a_bonus())
    auditor = enter(open_context(), followed, "auditor", "eve")
    auditor.goto(f"/finance/payouts/{PAYOUT}")
    expect(auditor.get_by_role("heading", name="Where it stands")).to_be_visible()
    expect(auditor.get_by_role("button")).to_have_count(1)  # to sign out
    assert_accessible(auditor)
    auditor.goto("/finance/reconciliations")
    expect(auditor.get_by_role("button")).to_have_count(1)

    instructor = enter(open_context(), followed, "instructor", "anna")
    for path in ("payouts", f"payouts/{PAYOUT}", "books", "reconciliations", "log", "log/seals", "download/checkpoint"):
        answer = instructor.goto(f"/finance/{path}")
        assert answer is not None
        assert answer.status == 403
        expect(instructor.get_by_text("This page is for finance and auditors.")).to_be_visible()
