"""A real browser: the system's Chromium, driven by Playwright. Where there is none, these tests are skipped.

`LEDGER_TEST_BROWSER=required` makes that a failure: so says CI, which installs it.
"""

import os
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.api.running import Ledger, running, settings
from tests.browser import chromium

TIMEOUT_MS = 30_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For a module, since Playwright's event loop runs for as long as it does: others in this process want their own."""
    executable = chromium.path()
    if executable is None:
        if os.environ.get("LEDGER_TEST_BROWSER") == "required":
            pytest.fail("there is no Chromium on the PATH, and LEDGER_TEST_BROWSER=required asks for one")
        pytest.skip("no Chromium on the PATH: the tests in a real browser are skipped")
    with chromium.launched(executable) as started:
        yield started


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    with running(database_url, settings()) as started:
        yield started


@pytest.fixture
def open_context(browser: Browser, ledger: Ledger) -> Iterator[Callable[[], BrowserContext]]:
    """Call it for one more person: in Berlin, with an American browser. Whatever a console complains about fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def opened() -> BrowserContext:
        context = browser.new_context(
            base_url=str(ledger.client.base_url), locale="en-US", timezone_id="Europe/Berlin", color_scheme="light"
        )
        contexts.append(context)
        context.set_default_timeout(TIMEOUT_MS)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        context.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        return context

    yield opened
    for context in contexts:
        context.close()
    assert [each for each in complaints if "status of 4" not in each] == []


@pytest.fixture
def context(open_context: Callable[[], BrowserContext]) -> BrowserContext:
    return open_context()


def enter(context: BrowserContext, ledger: Ledger, role: str, subject: str) -> Page:
    """Sign in through the form, as people do. Gives the page that they then see."""
    page = context.new_page()
    page.goto("/session")
    page.get_by_label("Your access token").fill(ledger.token(role, subject))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: not url.endswith("/session"))
    return page


@pytest.fixture
def sign_in(context: BrowserContext, ledger: Ledger) -> Callable[[str, str], Page]:
    return lambda role, subject: enter(context, ledger, role, subject)
