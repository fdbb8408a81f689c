"""`ledger replay` and `ledger explain`: their options and their help. What they do is in `replay.py` and `explain.py`."""

# ruff: noqa: PLC0415 - each command imports what it needs when it is called: `ledger --help` needs none of it

from typing import Annotated

import typer

__all__ = ["explain", "replay"]


def replay(
    as_of: Annotated[
        str | None,
        typer.Option(
            metavar="POSITION|TIME",
            help="3488; 2026-03-31T18:00:00Z by the log's clock; or 2026-03-31, which means its end in UTC. Default: now.",
        ),
    ] = None,
    referral: Annotated[str | None, typer.Option(metavar="ID", help="Of one referral: ref_…")] = None,
    instructor: Annotated[str | None, typer.Option(metavar="ID", help="One instructor's sums and referrals.")] = None,
    payout: Annotated[str | None, typer.Option(metavar="ID", help="Of one payout: pay_…")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Compare the live read models with a replay; 1 if they differ.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: as GET /audit/replay.")] = False,
) -> None:
    """Fold the log from zero, and answer as of any moment.

    The answers are those that the live read models gave then: the totals, or
    one referral, instructor or payout. No table is read and none is touched.

    With --check every live table is compared with a replay, row by row, and
    the first difference is named. That needs the database user who owns the
    schema; it changes nothing either.

    [bold]Examples[/bold]

    ledger replay --as-of 2026-03-31

    ledger replay --as-of 3488 --instructor ins_2 --json

    ledger replay --check
    """
    from api.cli import replay
    from projections.replay import Question

    question = Question(referral, instructor, payout)
    if check:
        replay.check(as_of, question, as_json=as_json)
    else:
        replay.run(as_of, question, as_json=as_json)


def explain(
    name: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="A referral, payout, transfer or instructor; a position or an event's id; or a total: earned_minor, "
            "paid_minor, pending_minor, failed_minor, cancelled_minor, reversed_minor, founding, standard.",
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="For programs: as GET /audit/explain/ID.")] = False,
) -> None:
    """Tell the story behind an id, or how a total is made up.

    Each event in the order of the log: when it was recorded and when it had
    happened, by whom, because of what, why this amount, which request to
    Stripe it led to and what was answered; and what it waits for now.

    [bold]Examples[/bold]

    ledger explain pay_…

    ledger explain tr_… --json

    ledger explain earned_minor
    """
    from api.cli.explain import run

    run(name, as_json=as_json)
