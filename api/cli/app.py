"""Every command: its name, its options and its help. What it does is in the module of the same name."""

# ruff: noqa: PLC0415 - each command imports what it needs when it is called: `ledger --help` needs none of it

from pathlib import Path
from typing import Annotated

import typer

from api.cli import audit_commands, books_commands, export_commands, payout_commands, proof_commands, reconcile_commands
from api.cli.errors import OneLineErrors

app = typer.Typer(
    cls=OneLineErrors,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Referral bonuses, from the facts of a lesson marketplace to money moved once.

    Without any setting everything runs in a sandbox on this machine: an embedded PostgreSQL and a stand-in for Stripe.
    DATABASE_URL and STRIPE_API_KEY, in the environment or in .env, take the place of one and the other.

    [bold]Exit codes[/bold]: 0 all is well, 1 something was found wrong, 2 wrong usage or settings.""",
)

TOGETHER = "Everything at once"
FACTS = "Facts and figures"
PARTS = "One part each, for production"
CARE = "Care"
BOOKS = "The books"

FILE = {"exists": True, "dir_okay": False, "readable": True}

Port = Annotated[
    int | None, typer.Option(min=0, max=65535, help="Of the API. Default: LEDGER_PORT, else any free one.")
]
InputEnds = Annotated[bool, typer.Option("--stop-at-end-of-input", hidden=True)]


@app.command(rich_help_panel=TOGETHER)
def demo(
    season: Annotated[Path | None, typer.Option(**FILE, help="Lifecycle events, one a line.")] = None,
    seed: Annotated[int, typer.Option(help="Of the season that is made up without a file.")] = 1,
    instructors: Annotated[int, typer.Option(min=1, max=250_000, help="How many it has.")] = 300,
    stop: Annotated[bool, typer.Option("--exit", help="Stop when all is quiet; 1 if a check fails.")] = False,
    port: Port = None,
    expect: Annotated[
        Path | None, typer.Option(**FILE, help="The result it must have. Default: the file beside it.")
    ] = None,
    json_result: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Gets the result, in the same shape.")
    ] = None,
) -> None:
    """Play a season through the whole ledger, and check the invariants.

    Starts the store, the Stripe sandbox, the API, the worker and the
    projector on a fresh ledger of their own; plays the season through the
    HTTP API; waits until nothing is due; prints totals and checks. Then it
    stays up, with addresses and curl lines to try, unless --exit is given.

    The result of a season FILE is expected in FILE's name.expected.json, or
    in expected.json if that cannot mean another season; a season that is
    made up is held against the oracle.

    [bold]Examples[/bold]

    ledger demo

    ledger demo --season season.ndjson --exit

    ledger demo --seed 7 --instructors 2000 --exit
    """
    from api.cli.demo import Options, run

    run(Options(season, seed, instructors, stop=stop, port=port, expect=expect, json_result=json_result))


@app.command(rich_help_panel=TOGETHER)
def up(port: Port = None) -> None:
    """Run the whole ledger until Ctrl-C.

    The ledger lasts: it is kept in LEDGER_DATA_DIR, or in the database that
    DATABASE_URL names. With STRIPE_API_KEY real money moves; without it the
    Stripe sandbox answers.

    [bold]Examples[/bold]

    ledger up --port 8000

    DATABASE_URL=postgresql://ledger@db/ledger ledger up
    """
    from api.cli.up import run

    run(port)


@app.command(rich_help_panel=FACTS)
def ingest(
    file: Annotated[str, typer.Argument(metavar="FILE", help="One CloudEvent a line (NDJSON); -: standard input.")],
) -> None:
    """Record lifecycle events from a file, straight into the store.

    Sending the same file again is safe: what is recorded already counts as
    duplicate. Exits with 1 if a line is invalid; the others are recorded all
    the same.

    [bold]Examples[/bold]

    ledger ingest season.ndjson

    zcat season.ndjson.gz | ledger ingest -
    """
    from api.cli.ingest import run

    run(file)


@app.command(rich_help_panel=FACTS)
def report(
    as_json: Annotated[bool, typer.Option("--json", help="For programs: as GET /finance/totals.")] = False,
) -> None:
    """Print the totals: referrals by status, bonuses, money."""
    from api.cli.report import run

    run(as_json=as_json)


@app.command(rich_help_panel=FACTS)
def token(
    role: Annotated[list[str], typer.Option(help="instructor, platform, finance, auditor or admin; may be repeated.")],
    subject: Annotated[str, typer.Option(help="Whose it is: for an instructor their id.")],
    ttl: Annotated[str, typer.Option(help="How long it is valid: 90s, 30m, 12h, 7d.")] = "12h",
) -> None:
    """Print a bearer token for trying things out.

    [bold]Example[/bold]

    ledger token --role finance --subject ada@example.com --ttl 30m
    """
    from api.cli.token import run

    run(role, subject, ttl)


@app.command(rich_help_panel=FACTS)
def terms(
    change: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=NUMBER",
            help="founding_cap, founding_bonus_minor or standard_bonus_minor; may be repeated.",
        ),
    ] = None,
    actor: Annotated[
        str | None, typer.Option(help="Who changes them; kept on the log. Default: your user name on this machine.")
    ] = None,
) -> None:
    """Show the program's terms, or change them for future bonuses.

    [bold]Example[/bold]

    ledger terms --set standard_bonus_minor=6000 --actor ada@example.com
    """
    from api.cli.terms import run

    run(change or [], actor)


app.add_typer(payout_commands.app, name="payout", rich_help_panel=FACTS)


@app.command(rich_help_panel=PARTS)
def serve(
    host: Annotated[str | None, typer.Option(help="Default: LEDGER_HOST, else 127.0.0.1.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Default: LEDGER_PORT, else 8000; 0: any free one.")
    ] = None,
    input_ends: InputEnds = False,
) -> None:
    """Serve the HTTP API. Run as many as you like."""
    _watch(input_ends)
    from api.cli.parts import serve

    serve(host, port)


@app.command(rich_help_panel=PARTS)
def work(input_ends: InputEnds = False) -> None:
    """Pay what is owed, through Stripe. Run as many as you like."""
    _watch(input_ends)
    from api.cli.parts import work

    work()


@app.command(rich_help_panel=PARTS)
def project(input_ends: InputEnds = False) -> None:
    """Keep the read models. Run two: one works, the other stands by."""
    _watch(input_ends)
    from api.cli.parts import project

    project()


@app.command(rich_help_panel=PARTS)
def migrate() -> None:
    """Bring the database to this release; begin a new log with its terms.

    Run it before the other parts, as the user who owns the schema. It may be
    run again at any time.
    """
    from api.cli.parts import migrate

    migrate()


@app.command(rich_help_panel=CARE)
def check_ledger() -> None:
    """Check the invariants of a ledger, also while it works.

    Exits with 1 if one does not hold. Needs the database user who owns the
    schema. Stripe's books are compared in the sandbox, while that runs.
    """
    from api.cli.check_ledger import run

    run()


@app.command(rich_help_panel=CARE)
def rebuild(
    back: Annotated[bool, typer.Option("--roll-back", help="Bring back the ones before the last rebuild.")] = False,
    processes: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="How many fold the log at once. [default: as many as are worth it]"),
    ] = None,
    anew: Annotated[bool, typer.Option("--anew", help="Do not go on with a rebuild that was stopped.")] = False,
) -> None:
    """Rebuild the read models from the log, compare row by row, swap.

    Nothing stops meanwhile: they are built beside the live ones. One that was
    stopped is gone on with. Exits with 1 if the old ones were not what the log
    says. Needs the database user who owns the schema.
    """
    from api.cli.rebuild import go_back, run

    if back:
        go_back()
    else:
        run(processes, anew=anew)


app.command(rich_help_panel=CARE)(proof_commands.verify)
app.command(rich_help_panel=CARE)(proof_commands.seal_key)

for _command in (
    books_commands.trial_balance,
    books_commands.journal,
    books_commands.statement,
    books_commands.close,
    books_commands.period,
    books_commands.periods,
    books_commands.payees,
):
    app.command(rich_help_panel=BOOKS)(_command)
app.command(rich_help_panel=BOOKS)(export_commands.export)
app.command(rich_help_panel=BOOKS)(export_commands.forget)
app.command(rich_help_panel=BOOKS)(reconcile_commands.reconcile)
app.add_typer(reconcile_commands.app, name="reconciliation", rich_help_panel=BOOKS)
app.command(rich_help_panel=BOOKS)(audit_commands.replay)
app.command(rich_help_panel=BOOKS)(audit_commands.explain)


def _watch(input_ends: bool) -> None:
    """Before anything is imported: a part can be asked to stop from its first moment."""
    if input_ends:
        from api.processes import stop_at_end_of_input

        stop_at_end_of_input()
