"""`ledger payees`: who was paid how much in a calendar year."""

import sys
from itertools import chain

from api.cli import books_screen
from api.cli.books import books, print_json
from api.cli.errors import UsageProblem
from api.payees import as_csv, paid_in, payees, threshold_minor
from ledger.major_units import money

__all__ = ["payees_of"]


def payees_of(year: int, *, as_json: bool, csv: bool) -> None:
    if as_json and csv:
        raise UsageProblem("--json or --csv, not both")
    with books("payees") as services:
        thresholds = services.settings.payee_reporting_thresholds
        paid = paid_in(services.journal, year)
        if csv:
            rows = (payee for page in paid for payee in payees(page.items, year, thresholds, services.people))
            sys.stdout.writelines(as_csv(rows))
            return
        pages = list(paid)
        found = payees(chain.from_iterable(page.items for page in pages), year, thresholds, services.people)
        currency = services.read_models.totals().currency
    if as_json:
        print_json({"items": [row.model_dump(mode="json") for row in found], "position": pages[0].position})
    else:
        books_screen.payees(found, year, money(threshold_minor(thresholds, year), currency))
