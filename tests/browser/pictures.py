"""Pictures of pages, kept where LEDGER_TEST_PICTURES names a folder: for whoever wants to see what the tests saw."""

import os
import re
from collections import Counter
from pathlib import Path

from playwright.sync_api import Page

_taken: Counter[str] = Counter()


def keep(page: Page) -> None:
    """The whole page, as the running test's name and a number. Nothing happens where no folder is named."""
    folder = os.environ.get("LEDGER_TEST_PICTURES")
    if folder:
        name = re.findall(r"\w+", os.environ["PYTEST_CURRENT_TEST"].split("::")[-1])[0]
        _taken[name] += 1
        page.screenshot(path=Path(folder) / f"{name}-{_taken[name]}.png", full_page=True)
