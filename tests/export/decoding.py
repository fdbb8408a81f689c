"""What a reader of our files does to have the text as it was, by docs/export.md alone."""

import re

_ESCAPED = re.compile(r"-([0-9A-F]{2})", re.ASCII)
_MADE_TEXT = re.compile(r"'[ ']*[=+\-@\t\r\n＝＋－＠]")  # noqa: RUF001 - the full-width forms are meant


def as_it_was(cell: str) -> str:
    """Of a CSV file."""
    return cell[1:] if _MADE_TEXT.match(cell) else cell


def instructor_of(component: str) -> str:
    """The id that the last component of an account of Beancount's stands for."""
    escaped = component.removeprefix("Id-")
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), escaped).encode("latin-1").decode()
