"""`ledger token`: a bearer token for trying things out."""

import re
from datetime import timedelta

from api import composition
from api.cli import screen
from api.cli.errors import UsageProblem
from api.settings import Settings
from api.tokens import issue_token

__all__ = ["run"]

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def run(roles: list[str], subject: str, ttl: str) -> None:
    settings = composition.completed(Settings())
    try:
        token = issue_token(settings, subject, roles, _lifetime(ttl))
    except ValueError as error:
        raise UsageProblem(str(error)) from error
    screen.command_line(token)


def _lifetime(text: str) -> timedelta:
    """`90s`, `30m`, `12h`, `7d`."""
    found = re.fullmatch(r"([1-9]\d{0,5})([smhd])", text)
    if found is None:
        raise UsageProblem(f"--ttl is a number and one of s, m, h, d, like 12h; not {text!r}")
    return timedelta(**{UNITS[found[2]]: int(found[1])})
