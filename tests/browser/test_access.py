"""Signing in and out, and pages that are not for everybody, in a real browser."""

from collections.abc import Callable

from playwright.sync_api import BrowserContext, Page, expect

from tests.api.running import Ledger, a_bonus
from tests.browser.accessible import assert_accessible


def test_an_instructor_signs_in_sees_their_own_and_signs_out(
    sign_in: Callable[[str, str], Page], ledger: Ledger
) -> None:
    ledger.know(*a_bonus("anna", "ben", "ANNA"), *a_bonus("carl", "dora", "CARL"))
    page = sign_in("instructor", "anna")
    expect(page).to_have_url(f"{ledger.client.base_url}/referrals")
    expect(page.get_by_text("Ben B.")).to_be_visible()
    expect(page.get_by_text("Times are in Europe/Berlin.")).to_be_visible()
    assert "Dora" not in page.content()
    assert_accessible(page)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert_accessible(page)
    page.goto("/referrals")
    expect(page).to_have_url(f"{ledger.client.base_url}/session")


def test_an_open_page_says_that_its_session_has_ended(
    sign_in: Callable[[str, str], Page], context: BrowserContext, ledger: Ledger
) -> None:
    ledger.know(*a_bonus("anna", "ben", "ANNA"))
    page = sign_in("instructor", "anna")
    expect(page.get_by_text("Ben B.")).to_be_visible()
    ended = page.get_by_role("status").filter(has_text="Your session has ended. Sign in again to see what is new.")
    expect(ended).to_have_count(0)
    with page.expect_response(lambda answer: answer.url.endswith("/updates") and answer.ok):
        page.reload()
    context.clear_cookies()
    ledger.know(*a_bonus("anna", "eve", "ANNA")[1:])
    expect(ended).to_be_visible()
    assert_accessible(page)


def test_finance_is_forbidden_to_instructors(sign_in: Callable[[str, str], Page]) -> None:
    page = sign_in("instructor", "anna")
    answer = page.goto("/finance")
    assert answer is not None
    assert answer.status == 403
    expect(page.get_by_text("This page is for finance and auditors.")).to_be_visible()
    assert_accessible(page)


def test_a_sandbox_says_so_and_lets_everybody_look_around(context: BrowserContext, ledger: Ledger) -> None:
    ledger.know(*a_bonus("anna", "ben", "ANNA"))
    page = context.new_page()
    page.goto("/")
    expect(page.get_by_text("no real money moves")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("button", name="Look around as anna").click()
    expect(page.get_by_text("Ben B.")).to_be_visible()
    page.get_by_role("link", name="Look around as somebody else").click()
    page.get_by_role("button", name="Look around as finance").click()
    expect(page).to_have_url(f"{ledger.client.base_url}/finance")
