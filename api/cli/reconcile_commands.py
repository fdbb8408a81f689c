"""`ledger reconcile` and `ledger reconciliation …`: their options and their help. What they do is in the modules beside."""

# ruff: noqa: PLC0415 - each command imports what it needs when it is called: `ledger --help` needs none of it

from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app", "reconcile"]

FILE = {"exists": True, "dir_okay": False, "readable": True}
DAY = {"formats": ["%Y-%m-%d"], "metavar": "DAY"}

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
Actor = Annotated[
    str | None, typer.Option(help="Who does this; kept on the log. Default: your user name on this machine.")
]
ExceptionId = Annotated[str, typer.Argument(metavar="ID", help="Of the exception: exc_…")]


def reconcile(
    stripe_csv: Annotated[
        Path | None, typer.Option(**FILE, help="Stripe's report balance_change_from_activity.itemized.3, as exported.")
    ] = None,
    stripe_api: Annotated[bool, typer.Option("--stripe-api", help="Ask Stripe. The default without a file.")] = False,
    bank_csv: Annotated[
        Path | None, typer.Option(**FILE, help="Bank statement: date, amount, currency, description, reference.")
    ] = None,
    bank_columns: Annotated[
        str | None, typer.Option(metavar="OURS=THEIRS,…", help="Other names of the statement's columns.")
    ] = None,
    first_day: Annotated[
        datetime | None,
        typer.Option("--from", **DAY, help="First day (UTC) on which it happened. Default: the file's; 31 days ago."),
    ] = None,
    last_day: Annotated[
        datetime | None, typer.Option("--to", **DAY, help="Last day, included. Default: the file's; today.")
    ] = None,
    stripe_complete: Annotated[
        bool,
        typer.Option("--stripe-complete", help="The report was made for all these days, also where it has no lines."),
    ] = False,
    bank_complete: Annotated[bool, typer.Option("--bank-complete", help="The same of the bank statement.")] = False,
    currency: Annotated[
        str | None, typer.Option(help="Leave out lines in other currencies; without this they are errors.")
    ] = None,
    margin_minutes: Annotated[
        int, typer.Option(min=0, max=10_080, help="So far apart may Stripe and the log have the same.")
    ] = 5,
    bank_days: Annotated[int, typer.Option(min=0, max=31, help="So far may Stripe and the bank.")] = 5,
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Hold the log, Stripe's activity and a bank statement against each other.

    Every line ends in one class, and the difference is explained to the last
    cent. What does not fit becomes an exception, for somebody to settle. The
    run is kept; running it again changes nothing. Exits with 1 while any
    exception is open, anything is unexplained, or a file does not reach far
    enough to decide on all lines, and with 2 if a file cannot be taken: then
    every problem is listed with its line, and nothing is recorded.

    [bold]Examples[/bold]

    ledger reconcile --stripe-csv july.csv --from 2026-07-01 --to 2026-07-31 --stripe-complete

    ledger reconcile --stripe-api --bank-csv statement.csv

    ledger reconcile --bank-csv konto.csv --bank-columns date=Datum,amount=Betrag,currency=Waehrung
    """
    from api.cli.reconcile import Options, run

    run(
        Options(
            stripe_csv=stripe_csv,
            stripe_api=stripe_api,
            bank_csv=bank_csv,
            bank_columns=bank_columns,
            first_day=first_day,
            last_day=last_day,
            stripe_complete=stripe_complete,
            bank_complete=bank_complete,
            currency=currency,
            margin_minutes=margin_minutes,
            bank_days=bank_days,
            actor=actor,
            as_json=as_json,
        )
    )


app = typer.Typer(
    no_args_is_help=True,
    help="""Look at past reconciliations, and settle exceptions.

    [bold]Examples[/bold]

    ledger reconciliation exceptions

    ledger reconciliation assign exc_… ada@example.com

    ledger reconciliation resolve exc_… --as corrected --note 'reversed at Stripe'""",
)


class State(Enum):
    OPEN = "open"
    RESOLVED = "resolved"
    ALL = "all"


class ResolvedAs(Enum):
    CORRECTED = "corrected"
    ACCEPTED = "accepted"
    NOT_OURS = "not_ours"


@app.command("list")
def list_runs(as_json: AsJson = False) -> None:
    """Past runs, newest first."""
    from api.cli.reconcile_review import list_runs

    list_runs(as_json=as_json)


@app.command()
def show(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="As `ledger reconciliation list` has it: rec_…")],
    line_class: Annotated[str | None, typer.Option("--class", help="Only lines of this class.")] = None,
    after: Annotated[int, typer.Option(min=0, help="Only lines after this number.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many lines.")] = 50,
    as_json: AsJson = False,
) -> None:
    """One run, with its lines.

    All of them are held against the SHA-256 that the run's event has of them.
    Exits with 1 if they are not those that the run recorded.
    """
    from api.cli.reconcile_review import show

    show(run_id, line_class, after, limit, as_json=as_json)


@app.command("exceptions")
def list_exceptions(
    state: Annotated[State, typer.Option(help="Which of them.")] = State.OPEN, as_json: AsJson = False
) -> None:
    """What people have to settle, oldest first, with age and owner."""
    from api.cli.reconcile_review import list_exceptions

    list_exceptions(state.value, as_json=as_json)


@app.command()
def assign(
    exception_id: ExceptionId,
    owner: Annotated[
        str, typer.Argument(metavar="OWNER", help="Who looks after it: a colleague, never an instructor.")
    ],
    actor: Actor = None,
) -> None:
    """Say who looks after an exception."""
    from api.cli.reconcile_review import assign

    assign(exception_id, owner, actor)


@app.command()
def note(
    exception_id: ExceptionId,
    text: Annotated[
        str,
        typer.Argument(metavar="TEXT", help="1 to 500 characters. Never erased: nothing personal about instructors."),
    ],
    actor: Actor = None,
) -> None:
    """Note what was found out about an exception."""
    from api.cli.reconcile_review import note

    note(exception_id, text, actor)


@app.command()
def resolve(
    exception_id: ExceptionId,
    resolution: Annotated[
        ResolvedAs,
        typer.Option("--as", help="corrected: somebody mended it; accepted: it stays; not_ours: not of this program."),
    ],
    text: Annotated[str, typer.Option("--note", help="Why: 1 to 500 characters, never erased.")],
    actor: Actor = None,
) -> None:
    """Settle an exception. Later runs do not open it again."""
    from api.cli.reconcile_review import resolve
    from ledger.events import Resolution

    resolve(exception_id, Resolution(resolution.value), text, actor)
