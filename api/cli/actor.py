"""Who it is that gives a command, as the log keeps it."""

import getpass

from api.cli.errors import UsageProblem
from api.tokens import SUBJECT

__all__ = ["actor"]


def actor(given: str | None) -> str:
    """Whoever is named, else whoever is logged in."""
    if given is None:
        try:
            given = getpass.getuser()
        except (KeyError, OSError):
            raise UsageProblem("say who you are with --actor: this user has no name on this machine") from None
    if not SUBJECT.fullmatch(given):
        raise UsageProblem("--actor is 1 to 255 printable ASCII characters without spaces")
    return given
