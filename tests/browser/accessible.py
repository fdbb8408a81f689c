"""What axe-core finds on a page: rules of WCAG 2, level AA, and best practices."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser import pictures


def assert_accessible(page: Page) -> None:
    """As it is now; a picture of it is kept."""
    pictures.keep(page)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
