"""`ledger payout …`: its commands, their options and their help. What they do is in `payout.py` and `payout_screen.py`."""

# ruff: noqa: PLC0415 - each command imports what it needs when it is called: `ledger --help` needs none of it

from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="""Look at payouts, and act on one.

    Hold, release and a retry after a decline take one person. Cancel, reverse
    and a retry after an unknown outcome are asked for by one person and
    approved by another. Who, when and why goes into the log.

    [bold]Examples[/bold]

    ledger payout list --status failed

    ledger payout cancel pay_… --reason 'case 4711' --actor ada@example.com

    ledger payout approve pay_… 1 --reason 'I looked' --actor bob@example.com""",
)

PayoutId = Annotated[str, typer.Argument(metavar="ID", help="Of the payout: pay_…")]
Number = Annotated[
    int, typer.Argument(metavar="NUMBER", min=1, help="Of the request, as `ledger payout approvals` has it.")
]
Reason = Annotated[
    str,
    typer.Option(
        help="Why: 1 to 500 printable characters. It can never be erased from the log: no personal data, like names."
    ),
]
Actor = Annotated[
    str | None,
    typer.Option(
        help="Who decides; kept on the log. Use the `sub` of your token, so that you are one person everywhere. "
        "Default: your user name on this machine."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.command("list")
def list_payouts(
    status: Annotated[
        str | None, typer.Option(help="Only these: pending_transfer, paid, failed, cancelled or reversed.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Payouts, newest first: what each waits for, who has to act, when it is tried next."""
    from api.cli.payout import list_payouts

    list_payouts(status, limit, as_json=as_json)


@app.command()
def show(payout_id: PayoutId, as_json: AsJson = False) -> None:
    """One payout, with its timeline."""
    from api.cli.payout import show

    show(payout_id, as_json=as_json)


@app.command()
def approvals(as_json: AsJson = False) -> None:
    """What a second person has to decide on."""
    from api.cli.payout import approvals

    approvals(as_json=as_json)


@app.command()
def hold(payout_id: PayoutId, reason: Reason, actor: Actor = None, as_json: AsJson = False) -> None:
    """Make no new attempt. One in flight still comes to its end."""
    from api.cli.payout import act

    act("hold", payout_id, reason, actor, as_json=as_json)


@app.command()
def release(payout_id: PayoutId, reason: Reason, actor: Actor = None, as_json: AsJson = False) -> None:
    """Let a held payout go on. The rules do not hold it again."""
    from api.cli.payout import act

    act("release", payout_id, reason, actor, as_json=as_json)


@app.command()
def retry(payout_id: PayoutId, reason: Reason, actor: Actor = None, as_json: AsJson = False) -> None:
    """Try again: after a decline; after an unknown outcome with approval."""
    from api.cli.payout import act

    act("retry", payout_id, reason, actor, as_json=as_json)


@app.command()
def cancel(payout_id: PayoutId, reason: Reason, actor: Actor = None, as_json: AsJson = False) -> None:
    """Ask to give a payout up. A second person approves it."""
    from api.cli.payout import act

    act("cancel", payout_id, reason, actor, as_json=as_json)


@app.command()
def reverse(payout_id: PayoutId, reason: Reason, actor: Actor = None, as_json: AsJson = False) -> None:
    """Ask to take back what was paid. A second person approves it."""
    from api.cli.payout import act

    act("reverse", payout_id, reason, actor, as_json=as_json)


@app.command()
def approve(payout_id: PayoutId, number: Number, reason: Reason, actor: Actor = None, as_json: AsJson = False) -> None:
    """Approve what somebody else asked for."""
    from api.cli.payout import decide

    decide(payout_id, number, reason, actor, granted=True, as_json=as_json)


@app.command()
def refuse(payout_id: PayoutId, number: Number, reason: Reason, actor: Actor = None, as_json: AsJson = False) -> None:
    """Refuse a request, or withdraw your own."""
    from api.cli.payout import decide

    decide(payout_id, number, reason, actor, granted=False, as_json=as_json)
