"""A bank statement: what went from the platform's bank account to Stripe (top-ups), and what came back (payouts).

    date,amount,currency,description,reference
    2026-07-01,-5000.00,USD,STRIPE TOP-UP,tu_1…
    2026-07-31,1200.00,USD,STRIPE PAYOUT,po_1…

Signed as the bank account sees it, in major units, comma or semicolon between the fields. `description` and `reference` may be
missing; an id of Stripe's in one of them makes the match certain. Other names for the columns are told by a mapping.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping

from ledger.major_units import decimals
from ledger.reconciliation.activity import Activity
from ledger.reconciliation.csv_file import CsvFile, read_csv
from ledger.reconciliation.line import Line

NAME = "the bank statement"
REQUIRED = ("date", "amount", "currency")
OPTIONAL = ("description", "reference")
COLUMNS = (*REQUIRED, *OPTIONAL)

_STRIPE_ID = re.compile(r"\b(?:po|tu)_[A-Za-z0-9]{8,60}\b")


def parse_bank_csv(
    content: bytes, currency: str, *, names: Mapping[str, str] | None = None, others_left_out: bool = False
) -> Activity:
    """The lines of a statement, seen from Stripe's balance: what leaves the bank is positive. `names`: ours → the file's.

    Raises BadFileError with everything that is wrong.
    """
    given = {name: name for name in COLUMNS} | dict(names or {})
    file = read_csv(content, NAME, delimiters=",;")
    file.require([given[name] for name in REQUIRED])
    lines: list[Line] = []
    seen: Counter[str] = Counter()
    left_out = 0
    for number, row in file.rows():
        cells = {name: row[file.columns[given[name]]].strip() for name in COLUMNS if given[name] in file.columns}
        if not file.is_in(currency, number, given["currency"], cells["currency"], others_left_out=others_left_out):
            left_out += 1
        elif (line := _line(file, number, cells, given, currency, seen)) is not None:
            lines.append(line)
    file.problems.done()
    return Activity("bank_csv", lines, left_out)


def _line(
    file: CsvFile,
    number: int,
    cells: Mapping[str, str],
    given: Mapping[str, str],
    currency: str,
    seen: Counter[str],
) -> Line | None:
    before = len(file.problems.found)
    for name in OPTIONAL:
        file.check_text(number, given[name], cells.get(name, ""))
    at = file.moment(number, given["date"], cells["date"])
    amount_minor = -file.amount(number, given["amount"], cells["amount"], decimals(currency))
    if len(file.problems.found) > before:
        return None
    words = " ".join(cells.get(name, "") for name in reversed(OPTIONAL))
    said = _STRIPE_ID.search(words)
    # A bank gives its lines no id: one is made of what they say. Of equal lines each has a number.
    content = hashlib.sha256("\x1f".join((str(at), str(amount_minor), words)).encode()).hexdigest()[:12]
    seen[content] += 1
    return Line(
        id=f"{at:%Y-%m-%d}/{content}/{seen[content]}",
        at=at,
        until=at,
        category="bank",
        currency=currency,
        amount_minor=amount_minor,
        net_minor=amount_minor,
        source_id=said.group() if said is not None else None,
    )
