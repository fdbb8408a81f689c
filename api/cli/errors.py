"""Errors as one clear line, and the exit code that goes with them. A traceback is for us, and only when asked for."""

# ruff: noqa: PLC0415 - what could go wrong is imported once something did

import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

__all__ = ["FOUND_WRONG", "USAGE", "NotDone", "OneLineErrors", "UsageProblem", "explain"]

FOUND_WRONG = 1
USAGE = 2
INTERRUPTED = 130


class UsageProblem(Exception):
    """The command cannot be carried out like this; the message says what to do instead."""


class NotDone(Exception):
    """The command was understood, and the ledger refuses it; the message says why."""


class OneLineErrors(TyperGroup):
    """The group of all commands: whatever one of them raises ends here."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # Whoever read our output has seen enough. Python would complain once more while it exits.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except Exception as error:
            if isinstance(error, typer.Exit | typer.Abort) or hasattr(error, "exit_code"):
                raise  # typer's own: it knows how to show them
            line, status = explain(error)
            sys.stderr.write(f"ledger: {line}\n")
            if os.environ.get("LEDGER_LOG_LEVEL") == "debug":
                raise
            raise typer.Exit(status) from None


def explain(error: Exception) -> tuple[str, int]:
    """What to tell a person, and the exit code."""
    from api.cli.databases import LedgerNotEmpty
    from api.cli.quiet import NotQuiet
    from api.composition import NoStripe, SchemaNotReady
    from api.data_folder import FolderInUse, FolderUnusable
    from api.processes import PartFailed
    from api.stripe_mode import WrongStripeMode
    from api.tokens import NoTokenKeyError
    from ledger.proof.errors import SealingError
    from ledger.reconciliation.run_lines import OtherLinesError
    from projections.filling import FillingStoppedError
    from projections.projector import ProjectionStoppedError, StandbyError
    from projections.rebuild import MigratedMeanwhileError, ReadersInTheWayError, RebuildRunningError
    from sandbox.postgres import EmbeddedPostgresError
    from sandbox.season.player import SeasonError

    match error:
        case UsageProblem() | SchemaNotReady() | LedgerNotEmpty() | NoTokenKeyError():
            return str(error), USAGE
        case NoStripe() | WrongStripeMode():
            return str(error), USAGE
        case EmbeddedPostgresError() | FolderInUse() | FolderUnusable() | RebuildRunningError() | StandbyError():
            return str(error), USAGE
        case PartFailed() | SeasonError() | NotQuiet() | NotDone() | SealingError() | OtherLinesError():
            return str(error), FOUND_WRONG
        case ReadersInTheWayError() | MigratedMeanwhileError() | FillingStoppedError() | ProjectionStoppedError():
            return str(error), FOUND_WRONG
    return _of_settings(error) or _of_database(error) or _of_the_system(error), _status_of(error)


def _status_of(error: Exception) -> int:
    from pydantic import ValidationError

    return USAGE if isinstance(error, ValidationError) else FOUND_WRONG


def _of_settings(error: Exception) -> str | None:
    from pydantic import ValidationError

    if not isinstance(error, ValidationError) or error.title != "Settings":
        return None
    problems = [
        f"{'_'.join(str(part) for part in issue['loc']).upper() or 'settings'}: {issue['msg'].removeprefix('Value error, ')}"
        for issue in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    return "; ".join(problems)


def _of_database(error: Exception) -> str | None:
    import psycopg
    from eventsourcing.persistence import PersistenceError

    if not isinstance(error, psycopg.Error | PersistenceError):
        return None
    said = " ".join(str(error).split())
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        said += " (migrate, rebuild and check-ledger need the user who owns the schema)"
    return f"the database does not do its part: {said}"


def _of_the_system(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f" ({place.tb_frame.f_globals.get('__name__')}:{place.tb_lineno})" if place is not None else ""
    return f"a defect of ours: {type(error).__name__}: {error}{where}; LEDGER_LOG_LEVEL=debug shows more"
