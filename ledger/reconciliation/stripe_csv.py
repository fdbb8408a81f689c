"""Stripe's report `balance_change_from_activity.itemized.3`, exactly as Stripe exports it: major units, times in UTC.

Columns after docs.stripe.com/reports/report-types. Only `REQUIRED` must be there; the Connect columns make more lines certain.
"""

import re
from collections.abc import Callable

from ledger import identifiers
from ledger.major_units import decimals
from ledger.reconciliation.activity import Activity
from ledger.reconciliation.csv_file import CsvFile, read_csv
from ledger.reconciliation.line import Line

NAME = "Stripe's activity report"
REQUIRED = (
    "balance_transaction_id",
    "created_utc",
    "currency",
    "gross",
    "fee",
    "net",
    "reporting_category",
    "source_id",
)
DESCRIPTION = "description"
ACCOUNT = "connected_account_id"
PAYOUT_METADATA = "metadata[payout_id]"
TEXTS = ("balance_transaction_id", "reporting_category", "source_id", DESCRIPTION, ACCOUNT)

_PAYOUT_ID = re.compile(rf"\b{identifiers.PAYOUT_ID.pattern}\b")
_SUSPECT = frozenset("=@+- \t\r\n")
"""What a formula begins with; looked at before anything slower."""


def parse_stripe_csv(content: bytes, currency: str, *, others_left_out: bool = False) -> Activity:
    """The lines of a file, in the program's currency. Lines in others are left out and counted, or else errors.

    Raises BadFileError with everything that is wrong.
    """
    file = read_csv(content, NAME)
    file.require(REQUIRED)
    parse = _parser(file, currency)
    lines: list[Line] = []
    left_out = 0
    at_currency = file.columns["currency"]
    for number, row in file.rows():
        said = row[at_currency]
        if said != currency and not file.is_in(currency, number, "currency", said, others_left_out=others_left_out):
            left_out += 1
        elif (line := parse(number, row)) is not None:
            lines.append(line)
    file.problems.done()
    return Activity("stripe_csv", lines, left_out)


def _parser(file: CsvFile, currency: str) -> Callable[[int, list[str]], Line | None]:
    """Places looked up once: this runs for each of a hundred thousand lines."""
    at_id, at_time, _, at_gross, at_fee, at_net, at_category, at_source = (file.columns[name] for name in REQUIRED)
    at_description, at_account = file.columns.get(DESCRIPTION), file.columns.get(ACCOUNT)
    at_payout = next((place for name, place in file.columns.items() if name.endswith(PAYOUT_METADATA)), None)
    texts = [(name, place) for name, place in file.columns.items() if name in TEXTS or place == at_payout]
    places = decimals(currency)
    problems, amount = file.problems.found, file.amount

    def parse(number: int, row: list[str]) -> Line | None:
        before = len(problems)
        for name, place in texts:
            if row[place][:1] in _SUSPECT:
                file.check_text(number, name, row[place])
        gross = amount(number, "gross", row[at_gross], places)
        fee = amount(number, "fee", row[at_fee], places)
        net = amount(number, "net", row[at_net], places)
        at = file.moment(number, "created_utc", row[at_time])
        if not row[at_id]:
            file.problems.add(number, "balance_transaction_id", "it is empty", "export the file again")
        if len(problems) > before:
            return None
        named = row[at_payout] if at_payout is not None else ""
        if not named and at_description is not None and "pay_" in row[at_description]:
            said = _PAYOUT_ID.search(row[at_description])
            named = said.group() if said is not None else ""
        source_id = row[at_source] or None
        transfer_id = None  # of a reversal, the report does not say which one it takes back
        payout_id = named or None
        account = (row[at_account] or None) if at_account is not None else None
        category = row[at_category]
        return Line(row[at_id], at, at, category, currency, gross, fee, net, source_id, transfer_id, payout_id, account)

    return parse
