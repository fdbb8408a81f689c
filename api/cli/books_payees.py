"""`ledger payees`: who was paid how much in a calendar year."""

import sys

from api.cli import books_screen
from api.cli.books import books, print_json
from api.cli.errors import UsageProblem
from api.payees import as_csv, payees, threshold_minor
from ledger.major_units import money

__all__ = ["payees_of"]

PAGE = 1000


def payees_of(year: int, *, as_json: bool, csv: bool) -> None:
    if as_json and csv:
        raise UsageProblem("--json or --csv, not both")
    with books("payees") as services:
        page = services.journal.payees(year, limit=PAGE)
        found = list(page.items)
        while page.next_after is not None:
            page = services.journal.payees(year, limit=PAGE, offset=page.next_after, as_of=page.position)
            found += page.items
        thresholds = services.settings.payee_reporting_thresholds
        rows = payees(found, year, thresholds, services.people)
        currency = services.read_models.totals().currency
    if as_json:
        print_json({"items": [row.model_dump(mode="json") for row in rows], "position": page.position})
    elif csv:
        sys.stdout.writelines(as_csv(rows))
    else:
        books_screen.payees(rows, year, money(threshold_minor(thresholds, year), currency))
