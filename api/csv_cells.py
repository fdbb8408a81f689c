"""Cells of CSV files that people open in spreadsheets: text that a spreadsheet would run as a formula is made plain text.

The characters are those of OWASP's page on CSV injection, in their full-width forms too.
"""

import re

__all__ = ["neutralised"]

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?", re.ASCII)
# Blanks, because some programs strip them first; apostrophes, so that what was put before a cell can be taken off again.
_FORMULA = re.compile(r"[ ']*[=+\-@\t\r\n＝＋－＠]")  # noqa: RUF001 - the full-width forms are meant


def neutralised(cell: str) -> str:
    """The cell as text that no spreadsheet runs: with an apostrophe before it where it needs one. A number stays one."""
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell
