"""`ledger close`, `ledger period`, `ledger periods`: months of the books."""

import sys
from contextlib import suppress
from pathlib import Path

import typer

from api import composition
from api.cli import books_screen, screen
from api.cli.actor import actor as whoever
from api.cli.books import books, month_of_books, print_json
from api.cli.errors import FOUND_WRONG, NotDone, UsageProblem
from api.closed_periods import PeriodSummary, PeriodView, Verified
from api.services import Services
from ledger.books.closing import JournalBehindError
from ledger.books.periods import ClosedPeriod, Refused
from ledger.event_log import ConflictError
from projections.projector import StandbyError

__all__ = ["close", "period", "periods"]


def close(month: str, actor: str | None, *, as_json: bool) -> None:
    wanted, by = month_of_books(month, "YYYY-MM"), whoever(actor)
    with books("close") as services:
        try:
            found = _closed(services, wanted, by)
        except ConflictError:
            raise NotDone("busy: somebody else is closing months just now; try again") from None
        except JournalBehindError as error:
            raise NotDone(f"{error}: the projector is busy; the same command goes on") from None
    view = PeriodView.of(found)
    if as_json:
        print_json(view.model_dump(mode="json"))
    else:
        books_screen.closed(view)


def period(month: str, output: Path | None) -> None:
    wanted = month_of_books(month, "YYYY-MM")
    with books("period") as services:
        known, _ = services.closing.periods()
        found = known.closed.get(wanted)
        if found is None:
            raise NotDone(f"not_closed: {wanted} is not closed; `ledger periods` lists those that are")
        with services.months.month(wanted, found.after) as of_month:
            if of_month.position < found.event.cut_off_position:
                behind = JournalBehindError(of_month.position, found.event.cut_off_position)
                raise NotDone(f"{behind}: the projector is busy; try again")
            verified = Verified(of_month.export(), found)
            if output is None:
                sys.stdout.buffer.writelines(verified)
                sys.stdout.buffer.flush()
            else:
                _write(output, verified)
    if not verified.as_closed:
        screen.note(f"The journal is not what was closed: SHA-256 {verified.digest}, and {found.event.digest} then.")
        raise typer.Exit(FOUND_WRONG)
    screen.note(f"As closed at position {found.position}: SHA-256 {found.event.digest}")


def periods(*, as_json: bool) -> None:
    with books("periods") as services:
        known, position = services.closing.periods()
    found = [PeriodSummary.of(known.closed[month]) for month in sorted(known.closed, reverse=True)]
    if as_json:
        print_json({"items": [each.model_dump(mode="json") for each in found], "position": position})
    else:
        books_screen.periods(found, known.to_be_closed)


def _closed(services: Services, month: str, actor: str) -> ClosedPeriod:
    begun = services.closing.begin(month, actor)
    if isinstance(begun, Refused):
        raise NotDone(f"{begun.code}: {begun.detail}")
    if isinstance(begun, ClosedPeriod):
        return begun
    if services.read_models.position() < begun.cut_off_position:
        with composition.projector(services.database_url) as (projector, _), suppress(StandbyError):
            projector.catch_up()
    return services.closing.finish(month, actor)


def _write(output: Path, verified: Verified) -> None:
    """Under its own name only what was closed. Raises UsageProblem."""
    found = output.with_name(f"{output.name}.differs")
    try:
        with found.open("wb") as file:
            file.writelines(verified)
        if verified.as_closed:
            found.replace(output)
    except OSError as error:
        raise UsageProblem(f"{output}: {error.strerror}") from None
