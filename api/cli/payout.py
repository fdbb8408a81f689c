"""`ledger payout …`: the same questions and decisions as over HTTP, by somebody who may reach the database."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import orjson
from pydantic import TypeAdapter, ValidationError

from api import composition
from api.cli import databases, payout_screen, screen, structured_log
from api.cli.actor import actor as known_actor
from api.cli.caught_up import caught_up
from api.cli.errors import NotDone, UsageProblem
from api.decisions import PAYOUT_ID, Decision, Note
from api.services import Services
from api.settings import Settings
from ledger.event_log import ConflictError
from ledger.events import payout_tag
from ledger.history import about
from ledger.payouts.actions import Action, Refused
from ledger.payouts.review import Done, NoSuchPayoutError, PayoutReview
from ledger.status import PAYOUT_STATUSES, Status
from projections.views import Page, PayoutView

__all__ = ["act", "approvals", "decide", "list_payouts", "show"]

PAGE = 200
ROLE = "command_line"  # as the log has it: whoever may reach the database

_NOTE: TypeAdapter[str] = TypeAdapter(Note)


def list_payouts(status: str | None, limit: int, *, as_json: bool) -> None:
    if status is not None and status not in PAYOUT_STATUSES:
        raise UsageProblem(f"--status is one of {', '.join(PAYOUT_STATUSES)}; not {status!r}")
    with _ledger() as services:
        page = _page(services, status, limit)
        found = list(page.items)
        while page.next_after is not None and len(found) < limit:
            page = _page(services, status, limit - len(found), page.next_after)
            found += page.items
    if as_json:
        _json({"items": [view.model_dump(mode="json") for view in found], "position": page.position})
        return
    payout_screen.payouts(found, more=page.next_after is not None, position=page.position)


def show(payout_id: str, *, as_json: bool) -> None:
    with _ledger() as services:
        found, position = services.read_models.payout(_known_form(payout_id))
        if found is None:
            raise _no_such(payout_id)
        recorded, _ = services.log.read([about(payout_tag(payout_id))])
    timeline = [each for each in recorded if each.position <= position]
    if as_json:
        _json({**found.model_dump(mode="json"), "timeline": [payout_screen.line_of(each) for each in timeline]})
        return
    payout_screen.payout(found, timeline, position)


def approvals(*, as_json: bool) -> None:
    with _ledger() as services:
        page = services.read_models.open_approvals(limit=PAGE)
        found = list(page.items)
        while page.next_after is not None:
            page = services.read_models.open_approvals(limit=PAGE, after=page.next_after)
            found += page.items
    if as_json:
        _json({"items": [view.model_dump(mode="json") for view in found], "position": page.position})
        return
    payout_screen.approvals(found, page.position)


def act(action: Action, payout_id: str, reason: str, actor: str | None, *, as_json: bool) -> None:
    note, by = _note(reason), known_actor(actor)
    _carry_out(payout_id, lambda review: review.act(action, payout_id, note=note, actor=by, role=ROLE), as_json=as_json)


def decide(payout_id: str, number: int, reason: str, actor: str | None, *, granted: bool, as_json: bool) -> None:
    note, by = _note(reason), known_actor(actor)
    _carry_out(
        payout_id,
        lambda review: review.decide(payout_id, number, granted=granted, note=note, actor=by, role=ROLE),
        as_json=as_json,
    )


def _carry_out(payout_id: str, decide: Callable[[PayoutReview], Done | Refused], *, as_json: bool) -> None:
    _known_form(payout_id)
    structured_log.keep_quiet()
    settings = Settings()
    with (
        databases.history(settings) as (url, _),
        composition.services(settings, url, "payout", pool_size=1) as services,
    ):
        try:
            done = decide(services.review)
        except NoSuchPayoutError:
            raise _no_such(payout_id) from None
        except ConflictError:
            raise NotDone("busy: this payout changes all the time just now; nothing was recorded, try again") from None
    if isinstance(done, Refused):
        raise NotDone(f"{done.code}: {done.detail}")
    decision = Decision.of(payout_id, done)
    if as_json:
        _json(decision.model_dump(mode="json"))
        return
    payout_screen.decision(decision)


def _page(services: Services, status: str | None, limit: int, after: int | None = None) -> Page[PayoutView]:
    wanted = cast(Status | None, status)
    return services.read_models.payouts(limit=min(PAGE, limit), after=after, status=wanted)


@contextmanager
def _ledger() -> Iterator[Services]:
    structured_log.keep_quiet()
    settings = Settings()
    if composition.is_sandbox(settings):
        screen.sandbox_note()
    with databases.history(settings) as (url, _), caught_up(settings, url, "payout") as services:
        yield services


def _note(text: str) -> str:
    try:
        return _NOTE.validate_python(text)
    except ValidationError as error:
        raise UsageProblem(f"--reason: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from None


def _known_form(payout_id: str) -> str:
    if not PAYOUT_ID.fullmatch(payout_id):
        raise _no_such(payout_id)
    return payout_id


def _no_such(payout_id: str) -> NotDone:
    return NotDone(f"not_found: no such payout: {payout_id}")


def _json(document: Any) -> None:
    sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
