"""`ledger reconciliation …`: past runs, and work on exceptions."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import orjson
from pydantic import TypeAdapter, ValidationError

from api import composition
from api.cli import databases, reconcile_screen, structured_log
from api.cli.actor import actor as known_actor
from api.cli.errors import NotDone, UsageProblem
from api.cli.screen import out
from api.decisions import Note
from api.settings import Settings
from ledger.event_log import ConflictError
from ledger.events import LineClass, Resolution
from ledger.reconciliation.reconciling import AlreadyResolvedError, NoSuchExceptionError, Reconciling
from ledger.reconciliation.views import ExceptionView, LineView, OwnerName, RunView

__all__ = ["assign", "list_exceptions", "list_runs", "note", "resolve", "show"]

_NOTE: TypeAdapter[str] = TypeAdapter(Note)
_OWNER: TypeAdapter[str] = TypeAdapter(OwnerName)


def list_runs(*, as_json: bool) -> None:
    with _reconciling() as reconciling:
        found = [RunView.of(each) for each in reconciling.runs()]
    if as_json:
        _json({"items": [each.model_dump(mode="json") for each in found]})
    else:
        reconcile_screen.runs(found)


def show(run_id: str, line_class: str | None, after: int, limit: int, *, as_json: bool) -> None:
    wanted = _known_class(line_class)
    with _reconciling() as reconciling:
        run = next((each for each in reconciling.runs() if each.completed.run_id == run_id), None)
        if run is None:
            raise NotDone(f"not_found: no such run: {run_id}")
        rows = reconciling.lines().read(run.completed, line_class=wanted, after=after, limit=limit + 1)
        difference = reconciling.lines().difference(run.completed)
    view = RunView.of(run)
    found, more = [LineView.of(each) for each in rows[:limit]], len(rows) > limit
    if as_json:
        shown = [each.model_dump(mode="json") for each in found]
        run_document = view.model_dump(mode="json")
        _json({"run": run_document, "lines": shown, "more": more, "lines_hold": difference is None})
    else:
        reconcile_screen.run(view)
        reconcile_screen.lines(found, view.currency, more=more)
    if difference is not None:
        raise NotDone(f"lines_differ: these lines are no evidence, they are not what the run recorded. {difference}")


def list_exceptions(state: Literal["open", "resolved", "all"], *, as_json: bool) -> None:
    with _reconciling() as reconciling:
        records, position = reconciling.exceptions()
    now = composition.now()
    found = [
        ExceptionView.of(each, now) for each in records if state in ("all", "open" if each.is_open else "resolved")
    ]
    if as_json:
        _json({"items": [each.model_dump(mode="json") for each in found], "position": position})
    else:
        reconcile_screen.exceptions(found)


def assign(exception_id: str, owner: str, actor: str | None) -> None:
    name = _checked(_OWNER, owner, "OWNER")
    _work_on(exception_id, actor, lambda reconciling, by: reconciling.assign(exception_id, name, actor=by))


def note(exception_id: str, text: str, actor: str | None) -> None:
    said = _checked(_NOTE, text, "TEXT")
    _work_on(exception_id, actor, lambda reconciling, by: reconciling.note(exception_id, said, actor=by))


def resolve(exception_id: str, resolution: Resolution, text: str, actor: str | None) -> None:
    said = _checked(_NOTE, text, "--note")
    _work_on(exception_id, actor, lambda reconciling, by: reconciling.resolve(exception_id, resolution, said, actor=by))


def _work_on(exception_id: str, actor: str | None, act: Callable[[Reconciling, str], int]) -> None:
    by = known_actor(actor)
    with _reconciling() as reconciling:
        try:
            position = act(reconciling, by)
        except NoSuchExceptionError:
            raise NotDone(f"not_found: no such exception: {exception_id}") from None
        except AlreadyResolvedError:
            raise NotDone("exception_resolved: it is resolved; nothing was recorded") from None
        except ConflictError:
            raise NotDone("busy: somebody works on it at this moment; nothing was recorded, try again") from None
    out.print(f"Recorded: position {position} of the log has it.")


@contextmanager
def _reconciling() -> Iterator[Reconciling]:
    structured_log.keep_quiet()
    settings = Settings()
    with (
        databases.history(settings) as (url, _),
        composition.services(settings, url, "reconciliation", pool_size=1) as services,
    ):
        yield services.reconciling


def _known_class(name: str | None) -> LineClass | None:
    try:
        return LineClass(name) if name is not None else None
    except ValueError:
        raise UsageProblem(f"--class is one of {', '.join(LineClass)}; not {name!r}") from None


def _checked(adapter: TypeAdapter[str], text: str, name: str) -> str:
    try:
        return adapter.validate_python(text)
    except ValidationError as error:
        raise UsageProblem(f"{name}: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from None


def _json(document: Any) -> None:
    sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
