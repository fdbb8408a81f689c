"""How the books look on a terminal."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from api.cli import screen
from api.closed_periods import PeriodSummary, PeriodView
from api.payees import Payee
from ledger.books.accounts import CHART
from ledger.major_units import money
from projections.journal_views import JournalEntry, Statement, TrialBalance

__all__ = ["closed", "journal", "payees", "periods", "statement", "trial_balance"]


def trial_balance(found: TrialBalance) -> None:
    table = _table("Trial balance", ["account"], ["debits", "credits", "balance"])
    for currency in dict.fromkeys(each.currency for each in found.accounts):
        of_one = [each for each in found.accounts if each.currency == currency]
        for each in of_one:
            amounts = (each.debit_minor, each.credit_minor, each.balance_minor)
            _row(table, CHART[each.account].name, *(money(amount, currency) for amount in amounts))
        sums = (
            sum(each.debit_minor for each in of_one),
            sum(each.credit_minor for each in of_one),
            sum(each.balance_minor for each in of_one),
        )
        table.add_section()
        _row(table, "", *(money(amount, currency) for amount in sums))
    screen.out.print(table)
    happened = f", of what had happened by {_moment(found.effective_at)}" if found.effective_at else ""
    screen.out.print(f"As of position {found.as_of} of the log{happened}. A debit balance is positive.")


def journal(found: Sequence[JournalEntry], *, more: bool, position: int) -> None:
    """A few lines for each, at any width."""
    for entry in found:
        about = f"{entry.position}  {_moment(entry.occurred_at)}  {entry.event_type}  {entry.payout_id}"
        screen.out.print(f"{about}  ({entry.period})", markup=False, soft_wrap=True)
        for line in entry.lines:
            side = " " * 16 if line.credit_minor else ""
            shown = money(line.debit_minor or line.credit_minor, entry.currency)
            of_whom = f"  {line.instructor_id}" if line.instructor_id else ""
            screen.out.print(f"    {line.account:20} {side}{shown:>16}{of_whom}", markup=False, soft_wrap=True)
    screen.out.print(
        f"{len(found)} entries{', and there are more' if more else ''}. As of position {position} of the log"
    )


def statement(found: Statement) -> None:
    whose = f" of {found.instructor_id}" if found.instructor_id else ""
    table = _table(f"{CHART[found.account].name}{whose}", ["position", "happened", "entry"], ["amount", "balance"])
    opening = money(found.opening_minor, found.currency)
    _row(table, "", _day(found.effective_from), "opening balance", "", opening)
    for line in found.items:
        amounts = (line.debit_minor - line.credit_minor, line.balance_minor)
        entry = f"{line.event_type}\n{line.payout_id}"
        shown = (money(amount, found.currency) for amount in amounts)
        _row(table, str(line.position), _day(line.occurred_at), entry, *shown)
    if found.next_after is not None:
        _row(table, "…", "", "and more lines", "", "")
    _row(table, "", _day(found.effective_at), "closing balance", "", money(found.closing_minor, found.currency))
    screen.out.print(table)
    screen.out.print(f"As of position {found.as_of} of the log. Debits are positive, credits negative.")


def closed(found: PeriodView) -> None:
    table = _table(f"Books of {found.month}", ["account"], ["opening", "debits", "credits", "closing"])
    for each in found.trial_balance:
        amounts = (each.opening_minor, each.debit_minor, each.credit_minor, each.closing_minor)
        _row(table, CHART[each.account].name, *(money(amount, each.currency) for amount in amounts))
    screen.out.print(table)
    screen.out.print(
        f"{found.entries} entries. Closed by {found.closed_by}, {_moment(found.closed_at)}, at {found.position}"
    )
    screen.out.print(f"SHA-256 {found.digest}", soft_wrap=True)
    screen.out.print("Sealed by a signed checkpoint." if found.seal else "Not sealed by a checkpoint.")


def periods(found: Iterable[PeriodSummary], to_be_closed: str | None) -> None:
    table = _table("Closed months", ["month", "closed", "by", "SHA-256"], ["entries", "position"])
    for each in found:
        numbers = (str(each.entries), str(each.position))
        _row(table, each.month, _day(each.closed_at), each.closed_by, f"{each.digest[:12]}…", *numbers)
    screen.out.print(table if table.row_count else "No month is closed yet.")
    if to_be_closed is not None:
        screen.note(f"The closing of {to_be_closed} was interrupted: `ledger close {to_be_closed}` goes on.")


def payees(found: Iterable[Payee], year: int, threshold: str) -> None:
    table = _table(f"Payees {year}", ["instructor", "name"], ["settled", "reversed", "paid", "reportable"])
    for each in found:
        amounts = (each.settled_minor, each.reversed_minor, each.paid_minor)
        sums = (money(amount, each.currency) for amount in amounts)
        _row(table, each.instructor_id, each.display_name or "", *sums, "yes" if each.reportable else "")
    screen.out.print(table if table.row_count else f"Nobody was paid in {year}.")
    screen.out.print(f"Reportable from {threshold} on")


def _table(title: str, names: Iterable[str], numbers: Iterable[str]) -> Table:
    """Where there is no room a cell goes on in the next line: nothing is cut off an amount."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in names:
        table.add_column(name, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right", overflow="fold")
    return table


def _row(table: Table, *cells: str) -> None:
    """As it is: what somebody typed may look like markup."""
    table.add_row(*(Text(cell) for cell in cells))


def _day(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d}" if at is not None else ""


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"
