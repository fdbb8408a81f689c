"""`ledger up`: the whole ledger until Ctrl-C."""

import time
from contextlib import suppress

from api import composition
from api.cli import addresses, structured_log
from api.cli.interrupt import raise_on_stop
from api.cli.screen import note, sandbox_note
from api.cli.together import Running, everything
from api.settings import Settings
from api.tokens import token_check

__all__ = ["announce_restart", "run", "stay"]

CHECK_SECONDS = 0.5


def run(port: int | None) -> None:
    structured_log.keep_quiet()
    settings = composition.completed(Settings())
    token_check(settings)  # better said now than by the API's log
    workspace = composition.data_folder(settings).ledger
    raise_on_stop()
    with composition.database(settings, workspace) as url, workspace.claimed():
        if composition.is_sandbox(settings):
            sandbox_note()
        note("Starting ...")
        composition.migrate(url)
        with everything(settings, url, workspace, port, announce_restart) as running:
            addresses.show(running, url, instructor_id="ins_1")
            stay(running)
    note("Stopped.")


def stay(running: Running) -> None:
    """Until Ctrl-C, which is the way to end this and no failure. Raises PartFailed."""
    with suppress(KeyboardInterrupt):
        while True:
            running.supervisor.check()
            time.sleep(CHECK_SECONDS)
    note("Stopping ...")


def announce_restart(name: str, status: int) -> None:
    note(f"The {name} ended with status {status}; it is started again.")
