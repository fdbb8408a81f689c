"""`ledger rebuild`: the read models anew, from the log."""

import typer

from api import composition
from api.cli import databases, screen, structured_log
from api.cli.errors import FOUND_WRONG
from api.settings import Settings
from projections.rebuild import rebuild

__all__ = ["run"]


def run() -> None:
    structured_log.keep_quiet()
    with (
        databases.prepared_database(Settings()) as url,
        composition.event_log(url, "rebuild") as log,
        composition.owner_pool(url) as pool,
        screen.progress("Replaying the log", log.recorder.head()) as meter,
    ):
        result = rebuild(pool, log, meter.at)
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
