"""`ledger forget`: erase what is personal about somebody."""

import sys

import orjson

from api import composition
from api.cli import databases, screen, structured_log
from api.cli.actor import actor as known_actor
from api.cli.errors import NotDone, UsageProblem
from api.cli.named_ids import instructor_id as known_id
from api.settings import Settings
from ledger.event_log import ConflictError
from ledger.events import ErasureReason
from ledger.forget_person import forget_person

__all__ = ["run"]


def run(instructor_id: str, reason: str, actor: str | None, *, as_json: bool) -> None:
    who, why, by = known_id(instructor_id, "INSTRUCTOR_ID"), _reason(reason), known_actor(actor)
    structured_log.keep_quiet()
    settings = Settings()
    with (
        databases.history(settings) as (url, _),
        composition.services(settings, url, "forget", pool_size=1) as services,
    ):
        try:
            done = forget_person(services.log, services.people, who, why, actor=by, now=composition.now())
        except ConflictError:
            raise NotDone("busy: others forget this person at this moment; try again") from None
    if as_json:
        outcome = "recorded" if done.changed else "unchanged"
        document = {"instructor_id": who, "outcome": outcome, "position": done.position}
        sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    elif done.changed:
        screen.out.print(f"{who} is forgotten, at position {done.position} of the log", markup=False)
    else:
        screen.out.print(f"{who} was forgotten before, at position {done.position} of the log", markup=False)


def _reason(given: str) -> ErasureReason:
    try:
        return ErasureReason(given)
    except ValueError:
        raise UsageProblem(f"--reason is one of {', '.join(ErasureReason)}") from None
