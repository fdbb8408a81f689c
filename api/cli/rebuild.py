"""`ledger rebuild`: the read models anew, from the log; and the way back to the previous ones."""

import typer

from api import composition
from api.cli import databases, screen, structured_log
from api.cli.errors import FOUND_WRONG, NotDone
from api.settings import Settings
from projections.rebuild import NothingToRollBackError, rebuild, roll_back

__all__ = ["go_back", "run"]


def go_back() -> None:
    structured_log.keep_quiet()
    with (
        databases.prepared_database(Settings()) as url,
        composition.event_log(url, "rebuild") as log,
        composition.owner_pool(url) as pool,
    ):
        try:
            position = roll_back(pool, log)
        except NothingToRollBackError as error:
            raise NotDone(str(error)) from None
    screen.note(f"The previous read models are back, at position {position}; the newer ones are kept in their place.")


def run(processes: int | None, *, anew: bool) -> None:
    structured_log.keep_quiet()
    with (
        databases.prepared_database(Settings()) as url,
        composition.event_log(url, "rebuild") as log,
        composition.owner_pool(url) as pool,
        screen.progress("Replaying the log", log.recorder.head()) as meter,
    ):
        result = rebuild(pool, log, meter.at, processes=processes, anew=anew)
        meter.at(result.position)
    screen.note(
        f"The read models were rebuilt up to position {result.position}; the old ones are kept as read_model_previous."
    )
    if not result.differences:
        screen.out.print("The old ones were what the log says, row by row.")
        return
    screen.out.print("The old ones were not what the log says:")
    for difference in result.differences:
        screen.out.print(f"{difference.table}: was {difference.live}", markup=False)
        screen.out.print(f"{difference.table}: is  {difference.rebuilt}", markup=False)
    raise typer.Exit(FOUND_WRONG)
