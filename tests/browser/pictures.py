"""Pictures of pages, kept where LEDGER_TEST_PICTURES names a folder: for whoever wants to see what the tests saw."""

import os
from pathlib import Path

from playwright.sync_api import Page


def keep(page: Page, name: str) -> None:
    """The whole page, as `name`.png. Nothing happens where no folder is named."""
    folder = os.environ.get("LEDGER_TEST_PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
