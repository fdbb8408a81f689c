"""`ledger export` and `ledger forget`: their options and their help. What they do is in the modules of their names."""

# ruff: noqa: PLC0415 - each command imports what it needs when it is called: `ledger --help` needs none of it

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["export", "forget"]


def export(
    what: Annotated[str, typer.Argument(metavar="WHAT", help="events, journal or payouts.")],
    written_as: Annotated[
        str, typer.Option("--format", help="csv, ndjson or parquet; the journal also beancount and journal-csv.")
    ] = "csv",
    begin: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="DATE|POSITION", help="Included: day of recording, or event. Default: the beginning."
        ),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option("--to", metavar="DATE|POSITION", help="Included, as --from. Default: what is on the log now."),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="A file. Default: standard output.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """Write events, the journal or payouts for other programs.

    A date is the day (UTC) on which something was recorded, which may be later
    than the day on which it happened; a position is that of an event. Payouts
    are those earned in between, as they stood at the end. The same ends give
    the same bytes. A file appears when it is complete, and only its owner can
    read it.

    [bold]Examples[/bold]

    ledger export journal --format beancount --output books.beancount

    ledger export events --format ndjson --to 5000 > events.ndjson

    ledger export payouts --from 2026-01-01 --to 2026-01-31
    """
    from api.cli.export import run

    run(what, written_as, begin, end, output, force=force)


def forget(
    instructor_id: Annotated[str, typer.Argument(metavar="INSTRUCTOR_ID", help="As the platform knows them.")],
    reason: Annotated[
        str, typer.Option(help="requested_by_person, retention or other: a code, since the log keeps it for ever.")
    ],
    actor: Annotated[
        str | None, typer.Option(help="Who does it; kept on the log. Default: your user name on this machine.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Erase what is personal about somebody, for good.

    Their name, and what they have seen. A sign-up that is delivered again
    brings no name back. Payments go on; log, totals and proofs stay as they
    are, but for one event that says who was forgotten by their opaque id.

    [bold]Example[/bold]

    ledger forget ins_2 --reason requested_by_person --actor ada@example.com
    """
    from api.cli.forget import run

    run(instructor_id, reason, actor, as_json=as_json)
