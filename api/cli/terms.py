"""`ledger terms`: what a bonus is worth, and a change of it."""

from pydantic import ValidationError

from api import composition
from api.cli import databases, screen, structured_log
from api.cli.actor import actor as whoever
from api.cli.errors import UsageProblem
from api.settings import Settings
from ledger import program
from ledger.event_log import ConflictError, EventLog
from ledger.events import ProgramTermsSet
from ledger.major_units import money
from ledger.set_terms import change_terms

__all__ = ["run"]

CHANGEABLE = ("founding_cap", "founding_bonus_minor", "standard_bonus_minor")


def run(changes: list[str], actor: str | None) -> None:
    structured_log.keep_quiet()
    asked = dict(_assignment(change) for change in changes)
    by = whoever(actor) if asked else None
    with databases.prepared_database(Settings()) as url, composition.event_log(url) as log:
        in_force = _in_force(log) if by is None else _changed(log, asked, by)
    screen.out.print(f"founding cap     {in_force.founding_cap} bonuses")
    screen.out.print(f"founding bonus   {money(in_force.founding_bonus_minor, in_force.currency)}")
    screen.out.print(f"standard bonus   {money(in_force.standard_bonus_minor, in_force.currency)}")


def _in_force(log: EventLog) -> ProgramTermsSet:
    newest = log.read_last(program.TERMS_BOUNDARY)
    return program.fold([newest] if newest is not None else []).terms


def _assignment(text: str) -> tuple[str, int]:
    name, _, value = text.partition("=")
    if name not in CHANGEABLE or not value.isdecimal() or len(value) > 12:
        raise UsageProblem(f"--set takes NAME=NUMBER with one of {', '.join(CHANGEABLE)}; not {text!r}")
    return name, int(value)


def _changed(log: EventLog, asked: dict[str, int], actor: str) -> ProgramTermsSet:
    try:
        terms, position = change_terms(log, asked, actor=actor, now=composition.now())
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageProblem(f"{first['loc'][0]}: {first['msg']}") from error
    except ConflictError:
        raise UsageProblem("somebody else keeps changing the terms at this moment: look, and try again") from None
    screen.note("These are the terms already." if position is None else f"Changed at position {position} of the log.")
    return terms
