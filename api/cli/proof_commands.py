"""`ledger verify` and `ledger seal-key`: their options and their help."""

# ruff: noqa: PLC0415 - each command imports what it needs when it is called: `ledger --help` needs none of it

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["seal_key", "verify"]


def verify(
    public_key: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME+ID+KEY", help="Whose seals to believe; may be repeated. Default: this ledger's own key."
        ),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(metavar="FOLDER|URL", help="Where the seals are kept outside. Default: LEDGER_SEAL_STORE."),
    ] = None,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="A checkpoint that you kept: the log must begin with it still. May be repeated."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Prove that nothing was changed, deleted, added or put in another place.

    Hashes every event again and compares: with the hashes kept of it, with
    every signed checkpoint inside and outside the database, and these with
    each other. And the log must be guarded still: its triggers in force, its
    functions those of this release, no right to change it granted. Exits
    with 1 on any finding, which names the position. Nothing stops meanwhile.

    [bold]Examples[/bold]

    ledger verify

    ledger verify --public-key payout-ledger+1f2e3d4c+AZ... --store s3://seals/ledger

    ledger verify --checkpoint kept-in-march.txt --checkpoint kept-in-june.txt
    """
    from api.cli.verify import run

    run(public_key or [], store, checkpoint or [], as_json=as_json)


def seal_key(
    name: Annotated[
        str, typer.Option(help="Of the key, and of the log in every seal: best a domain of yours.")
    ] = "payout-ledger",
) -> None:
    """Make a key that seals the log, and print it with its public half.

    [bold]Example[/bold]

    ledger seal-key --name ledger.example.com
    """
    from api.cli.seal_key import run

    run(name)
