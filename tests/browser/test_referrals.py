"""An instructor's story in a real browser: the popup, the link, where the money is, and the panel on the platform's dashboard."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from ledger.events import BonusEarned, Event, FailureKind
from ledger.identifiers import referral_id
from tests.api.running import Ledger, a_bonus, fact, running, settings
from tests.browser.accessible import assert_accessible
from tests.browser.conftest import TIMEOUT_MS
from tests.browser.platform import Platform, platform
from tests.projections import lively

LINK = "https://lessons.example/join?ref=ANNA"
SignIn = Callable[[str, str], Page]


def assert_accessible_in_every_look(page: Page) -> None:
    for width in (390, 1200):
        page.set_viewport_size({"width": width, "height": 800})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme="light" if scheme == "light" else "dark")
            assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"wider than {width} px"


def copied(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


def let(ledger: Ledger, fate: Callable[[BonusEarned], Iterator[Event]], referred: str) -> None:
    """What becomes of the bonus earned with somebody."""
    earned = [each.event for each in ledger.services.log.stream() if isinstance(each.event, BonusEarned)]
    (bonus,) = [each for each in earned if each.referred_id == referred]
    for event in fate(bonus):
        lively.record(ledger.services.log, event)
    ledger.projector.catch_up()


def declined(bonus: BonusEarned) -> Iterator[Event]:
    request = lively.requested(bonus)
    yield request
    yield lively.declined(request, FailureKind.ACCOUNT)


def go_live(ledger: Ledger) -> None:
    ledger.know(fact("referral_code_issued", "anna", code="ANNA"), fact("went_live", "anna"))


def test_the_popup_comes_once_and_is_worked_by_keyboard(
    sign_in: SignIn, context: BrowserContext, ledger: Ledger
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    go_live(ledger)
    page = sign_in("instructor", "anna")
    popup = page.get_by_role("dialog", name="You are live. Bring a colleague, and earn $75.00")
    expect(popup).to_be_visible()
    expect(popup.get_by_role("button", name="Copy link")).to_be_focused()
    assert_accessible_in_every_look(page)
    page.keyboard.press("Enter")
    expect(popup.get_by_text("The link is copied.")).to_be_visible()
    assert copied(page) == LINK
    page.keyboard.press("Escape")
    expect(popup).to_be_hidden()
    expect(page.get_by_role("heading", name="My referrals", level=1)).to_be_focused()
    for look_again in (page, context.new_page()):
        look_again.goto("/referrals")
        expect(look_again.get_by_role("heading", name="My link")).to_be_visible()
        expect(look_again.locator("#popup")).to_have_count(0)
    assert ledger.services.people.popup_seen("anna")


def test_a_popup_that_the_server_did_not_hear_of_is_not_shown_again_here(
    sign_in: SignIn, context: BrowserContext, ledger: Ledger
) -> None:
    go_live(ledger)
    context.route("**/popup-seen", lambda route: route.fulfill(status=204))
    page = sign_in("instructor", "anna")
    page.get_by_role("dialog").get_by_role("button", name="Got it").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert not ledger.services.people.popup_seen("anna")
    context.unroute("**/popup-seen")
    with page.expect_response("**/popup-seen"):
        page.reload()
    expect(page.get_by_role("heading", name="My link")).to_be_visible()
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert ledger.services.people.popup_seen("anna")


def test_where_the_money_is_and_what_happened_to_one_referral(
    sign_in: SignIn, context: BrowserContext, ledger: Ledger
) -> None:
    page = sign_in("instructor", "anna")
    expect(page.get_by_text("Nobody yet. This is how it goes:")).to_be_visible()
    assert_accessible_in_every_look(page)

    context.grant_permissions(["clipboard-read", "clipboard-write"])
    ledger.know(*a_bonus("anna", "ben", "ANNA"), *a_bonus("anna", "eve", "ANNA")[1:], *a_bonus("carl", "dora", "CARL"))
    ledger.know(fact("signed_up", "fay", referral_code="ANNA", display_name="Fay F."))
    let(ledger, lively.paid, "ben")
    let(ledger, declined, "eve")
    page.reload()
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_text("The link is copied.")).to_be_visible()
    assert copied(page) == LINK
    expect(page.locator("dl")).to_contain_text("Needs attention $75.00", use_inner_text=True)
    expect(page.get_by_role("article").filter(has_text="Eve B.")).to_contain_text("Your turn:")
    expect(page.get_by_role("article").filter(has_text="Fay F.")).to_contain_text("not live yet")
    page.get_by_text("The same in numbers").click()
    expect(page.get_by_role("row", name="Jan 2026")).to_contain_text("$150.00")
    assert_accessible_in_every_look(page)

    page.get_by_role("link", name="Ben B.").click()
    expect(page.get_by_role("listitem").last).to_contain_text("Paid to your payout account. $75.00")
    assert_accessible_in_every_look(page)
    answer = page.goto(f"/referrals/{referral_id('dora')}")
    assert answer is not None
    assert answer.status == 404
    assert "Dora" not in page.content()
    assert_accessible(page)
    page.get_by_role("link", name="To all of my referrals").click()
    expect(page.get_by_role("link", name="Ben B.")).to_be_visible()


def test_without_a_script_the_popup_is_a_card_and_the_link_is_there(browser: Browser, ledger: Ledger) -> None:
    go_live(ledger)
    context = browser.new_context(base_url=str(ledger.client.base_url), java_script_enabled=False)
    page = context.new_page()
    page.goto("/session")
    page.get_by_label("Your access token").fill(ledger.token("instructor", "anna"))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text(LINK)).to_have_count(2)
    expect(page.get_by_role("button", name="Copy link")).to_have_count(0)  # a button that does nothing is not shown
    page.get_by_role("button", name="Got it").click()
    expect(page.get_by_text(LINK)).to_have_count(1)
    context.close()


@pytest.fixture
def dashboard() -> Iterator[Platform]:
    with platform() as started:
        yield started


@pytest.fixture
def ledger_beside(dashboard: Platform, database_url: str) -> Iterator[Ledger]:
    """A ledger whose panel the platform may show."""
    origins = f"{dashboard.same_site},{dashboard.other_site}"
    with running(database_url, settings(ledger_embed_origins=origins)) as started:
        dashboard.show(str(started.client.base_url).rstrip("/"), started.token("instructor", "anna"))
        yield started


def test_the_panel_on_the_platforms_dashboard(browser: Browser, dashboard: Platform, ledger_beside: Ledger) -> None:
    ledger_beside.know(*a_bonus("anna", "ben", "ANNA"), fact("went_live", "anna"))
    context = browser.new_context(timezone_id="Europe/Berlin")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(dashboard.same_site)
    panel = page.frame_locator("iframe")
    expect(panel.get_by_role("dialog")).to_be_visible()
    panel.get_by_role("button", name="Got it").click()
    expect(panel.get_by_role("dialog")).to_be_hidden()
    panel.get_by_role("button", name="Copy link").click()
    expect(panel.get_by_text("The link is copied.")).to_be_visible()
    expect(panel.get_by_role("button", name="Sign out")).to_have_count(0)
    panel.get_by_role("link", name="Ben B.").click()
    expect(panel.get_by_text("You earned a founding bonus.")).to_be_visible()
    expect(panel.get_by_text("Times are in Europe/Berlin.")).to_be_visible()
    panel.get_by_role("link", name="Back to my referrals").click()
    expect(panel.get_by_role("heading", name="My link")).to_be_visible()
    alone = context.new_page()
    alone.goto(f"{ledger_beside.client.base_url}/referrals/embedded")
    assert_accessible_in_every_look(alone)
    context.close()


def test_the_panel_in_its_frame_shows_what_is_new_without_being_loaded_again(
    browser: Browser, dashboard: Platform, ledger_beside: Ledger
) -> None:
    ledger_beside.know(*a_bonus("anna", "ben", "ANNA"))
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    page.goto(dashboard.same_site)
    panel = page.frame_locator("iframe")
    expect(panel.get_by_role("article")).to_have_count(1)
    frame = page.frame("referrals")
    assert frame is not None
    frame.evaluate("window.wasLoadedBefore = true")
    ledger_beside.know(fact("signed_up", "eve", referral_code="ANNA", display_name="Eve E."))
    expect(panel.get_by_role("link", name="Eve E.")).to_be_visible()
    let(ledger_beside, lively.paid, "ben")
    expect(panel.get_by_role("article").filter(has_text="Ben B.")).to_contain_text("It was sent on to your bank")
    expect(panel.locator("dl")).to_contain_text("Paid $75.00", use_inner_text=True)
    assert frame.evaluate("window.wasLoadedBefore")
    context.close()


def test_on_a_dashboard_of_another_site_the_panel_says_what_is_missing(
    browser: Browser, dashboard: Platform, ledger_beside: Ledger
) -> None:
    context = browser.new_context(timezone_id="Europe/Berlin")
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.method) if request.is_navigation_request() else None)
    page.goto(dashboard.other_site)
    expect(page.frame_locator("iframe").get_by_text("your browser keeps no cookies for us here")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert asked == ["GET", "POST", "GET"]  # and no reload for the sake of a time zone that is not kept
    context.close()
