"""`ledger report`: the totals, as of now."""

import sys

import orjson

from api import composition
from api.cli import databases, screen, structured_log
from api.cli.caught_up import caught_up
from api.settings import Settings

__all__ = ["run"]


def run(*, as_json: bool) -> None:
    structured_log.keep_quiet()
    settings = Settings()
    with databases.history(settings) as (url, workspace):
        is_demo = settings.database_url is None and workspace != composition.data_folder(settings).ledger
        with caught_up(settings, url, "report") as services:
            totals = services.read_models.totals()
    if is_demo:
        screen.note(f"The ledger is empty; this is the demo of {workspace.path}.")
    if as_json:
        options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        sys.stdout.buffer.write(orjson.dumps(totals.model_dump(mode="json"), option=options))
        return
    if composition.is_sandbox(settings):
        screen.sandbox_note()
    for table in screen.totals(totals.statuses, totals.bonuses, totals.money_minor, totals.currency):
        screen.out.print(table)
    screen.out.print(f"As of position {totals.position} of the log")
