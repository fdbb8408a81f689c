"""The pictures in the README, taken anew from a running demo, which looks as it does today.

./run demo --port 8000                                                   # in another terminal
.venv/bin/python -m tests.browser.readme_pictures http://127.0.0.1:8000
"""

import sys
from pathlib import Path

from playwright.sync_api import Browser

from tests.browser import chromium

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
SIZE = {"width": 1100, "height": 900}


def take(browser: Browser, address: str, who: str, path: str, name: str) -> None:
    """What somebody sees first at a path of the demo."""
    context = browser.new_context(base_url=address, locale="en-US", viewport=SIZE)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto("/look-around")
    page.locator(f'form[action="/look-around/{who}"] button').click()
    page.goto(path)
    dialog = page.get_by_role("dialog")
    if dialog.is_visible():
        page.keyboard.press("Escape")
    page.screenshot(path=FOLDER / f"{name}.png")
    context.close()


def main(address: str) -> None:
    executable = chromium.path()
    if executable is None:
        raise SystemExit("there is no Chromium on the PATH")
    FOLDER.mkdir(exist_ok=True)
    with chromium.launched(executable) as browser:
        take(browser, address, "instructor", "/referrals", "referrals")
        take(browser, address, "finance", "/finance", "finance")
        take(browser, address, "auditor", "/finance/log/replay?as_of=900", "replay")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("the address of a running demo is missing, like http://127.0.0.1:8000")
    main(sys.argv[1])
