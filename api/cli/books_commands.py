"""The commands of the books: their options and their help. What they do is in `books.py`, `books_periods.py`, `books_payees.py`."""

# ruff: noqa: PLC0415 - each command imports what it needs when it is called: `ledger --help` needs none of it

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["close", "journal", "payees", "period", "periods", "statement", "trial_balance"]

AsOf = Annotated[
    str | None,
    typer.Option(
        metavar="POSITION|TIME",
        help="With what was recorded by then: 3488; 2026-03-31T18:00:00Z; or 2026-03-31, which means its end in UTC.",
    ),
]
EffectiveAt = Annotated[
    str | None, typer.Option(metavar="TIME", help="Of what had happened by then; a date means its end in UTC.")
]
EffectiveFrom = Annotated[
    str | None, typer.Option(metavar="TIME", help="Of what happened from then on; a date means its beginning in UTC.")
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
MonthArgument = Annotated[str, typer.Argument(metavar="YYYY-MM", help="A calendar month, in UTC.")]
Limit = Annotated[int, typer.Option(min=1, max=100_000, help="How many, oldest first.")]


def trial_balance(as_of: AsOf = None, effective_at: EffectiveAt = None, as_json: AsJson = False) -> None:
    """Every account: debits, credits, balance; at any moment.

    Both clocks may be given: what was known then of what had happened by
    then.

    [bold]Examples[/bold]

    ledger trial-balance --as-of 2026-03-31

    ledger trial-balance --as-of 3488 --effective-at 2026-02-28T23:59:59Z
    """
    from api.cli.books import trial_balance

    trial_balance(as_of, effective_at, as_json=as_json)


def journal(
    account: Annotated[str | None, typer.Option(help="Entries with a line on this account.")] = None,
    instructor: Annotated[str | None, typer.Option(metavar="ID", help="Entries with a line about them.")] = None,
    payout: Annotated[str | None, typer.Option(metavar="ID", help="Of one payout: pay_…")] = None,
    period: Annotated[str | None, typer.Option(metavar="YYYY-MM", help="Posted to this month.")] = None,
    effective_from: EffectiveFrom = None,
    effective_at: EffectiveAt = None,
    as_of: AsOf = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Journal entries, oldest first.

    [bold]Examples[/bold]

    ledger journal --period 2026-03 --limit 1000

    ledger journal --instructor ins_2 --json
    """
    from api.cli.books import journal

    journal(account, instructor, payout, period, effective_from, effective_at, as_of, limit, as_json=as_json)


def statement(
    account: Annotated[
        str,
        typer.Argument(
            metavar="ACCOUNT",
            help="stripe_balance, transfers_in_flight, clawbacks_receivable, bonuses_payable or bonus_expense.",
        ),
    ],
    instructor: Annotated[
        str | None, typer.Option(metavar="ID", help="Their part of bonuses_payable or clawbacks_receivable.")
    ] = None,
    effective_from: EffectiveFrom = None,
    effective_at: EffectiveAt = None,
    as_of: AsOf = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """An account: opening balance, lines, closing balance.

    [bold]Examples[/bold]

    ledger statement stripe_balance --effective-from 2026-03-01 --effective-at 2026-03-31

    ledger statement bonuses_payable --instructor ins_2
    """
    from api.cli.books import statement

    statement(account, instructor, effective_from, effective_at, as_of, limit, as_json=as_json)


def close(
    month: MonthArgument,
    actor: Annotated[
        str | None,
        typer.Option(
            help="Who closes it; kept on the log. Use the `sub` of your token. Default: your user name on this machine."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Close a month of the books, for good.

    Once it is over, in order, without gaps. What is recorded of it later is
    posted to the month after it, under its original date. Closing a month
    again changes nothing; a closing that was interrupted goes on.

    [bold]Example[/bold]

    ledger close 2026-03 --actor ada@example.com
    """
    from api.cli.books_periods import close

    close(month, actor, as_json=as_json)


def period(
    month: MonthArgument,
    output: Annotated[Path | None, typer.Option(dir_okay=False, help="A file. Default: standard output.")] = None,
) -> None:
    """Write a closed month's books: the same bytes whenever you ask.

    A CSV file: opening balances, every line, turnover, closing balances. It
    is made from the journal, and held against the digest that is on the log
    since the closing. Exits with 1 if they differ: then FILE is not written,
    and what was found is in FILE.differs.

    [bold]Example[/bold]

    ledger period 2026-03 --output books-2026-03.csv
    """
    from api.cli.books_periods import period

    period(month, output)


def periods(as_json: AsJson = False) -> None:
    """Closed months, newest first."""
    from api.cli.books_periods import periods

    periods(as_json=as_json)


def payees(
    year: Annotated[int, typer.Argument(metavar="YEAR", min=1970, max=9998)],
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="For spreadsheets.")] = False,
) -> None:
    """Who was paid how much in a calendar year, most first.

    Settled less reversed, each in the year (UTC) in which it happened, and
    whether that reaches the year's reporting threshold, which
    PAYEE_REPORTING_THRESHOLDS sets.

    [bold]Examples[/bold]

    ledger payees 2026

    ledger payees 2026 --csv > payees-2026.csv
    """
    from api.cli.books_payees import payees_of

    payees_of(year, as_json=as_json, csv=as_csv)
