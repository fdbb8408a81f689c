"""Lines of July 2026, as each side would have them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from ledger.events import Book, Comparison, LineClass
from ledger.reconciliation.compare import compare
from ledger.reconciliation.line import BANK_CATEGORIES, LOG_CATEGORIES, Line
from ledger.reconciliation.matching import Compared
from ledger.reconciliation.result import totals
from ledger.reconciliation.scope import BANK_MARGIN, BANK_WINDOW, CLOCKS_MARGIN, LOG_WINDOW, Coverage, Scope

SINCE = datetime(2026, 7, 1, tzinfo=UTC)
UNTIL = datetime(2026, 8, 1, tzinfo=UTC)
MIDDLE = datetime(2026, 7, 15, 12, tzinfo=UTC)


def line(name: str, category: str, amount_minor: int, at: datetime, **more: Any) -> Line:
    until = more.pop("until", at)
    fee_minor = more.pop("fee_minor", 0)
    net_minor = more.pop("net_minor", amount_minor - fee_minor)
    return Line(name, at, until, category, "usd", amount_minor, fee_minor, net_minor, **more)


def ours(number: int, at: datetime = MIDDLE, amount_minor: int = 7500, **more: Any) -> Line:
    """A settled transfer as the log has it: known a second after it was sent."""
    about: dict[str, Any] = {"source_id": f"tr_{number}", "payout_id": f"pay_{number}", "account": f"acct_{number % 7}"}
    return line(f"tr_{number}", "transfer", -amount_minor, at, until=at + timedelta(seconds=1), **(about | more))


def in_flight(number: int, at: datetime = MIDDLE, amount_minor: int = 7500) -> Line:
    about = {"payout_id": f"pay_{number}", "account": f"acct_{number % 7}", "in_flight": True}
    return line(f"payout:pay_{number}:a1", "transfer", -amount_minor, at, **about)


def theirs(number: int, at: datetime = MIDDLE, amount_minor: int = 7500, **more: Any) -> Line:
    """The same transfer as Stripe has it; with the payout's id, as the API tells it."""
    about: dict[str, Any] = {"source_id": f"tr_{number}", "payout_id": f"pay_{number}", "account": f"acct_{number % 7}"}
    return line(f"txn_{number}", "transfer", -amount_minor, at, **(about | more))


def at_bank(number: int, at: datetime = MIDDLE, amount_minor: int = 500_000, *, named: bool = True) -> Line:
    """A top-up as the bank statement has it, seen from Stripe's balance."""
    return line(f"{at:%Y-%m-%d}/{number}/1", "bank", amount_minor, at, source_id=f"tu_{number}" if named else None)


def topup(number: int, at: datetime = MIDDLE, amount_minor: int = 500_000) -> Line:
    return line(f"txn_tu_{number}", "topup", amount_minor, at, source_id=f"tu_{number}")


RANGE = Coverage(SINCE, UNTIL)
LOG_SEEN = Coverage(datetime.min.replace(tzinfo=UTC), UNTIL + timedelta(hours=1))


def scope(book: Book = "log", *, seen: Coverage | None = None, stripe: Coverage | None = RANGE) -> Scope:
    """Of July. Unless it is said otherwise, the log is read soon after it, and the files are of the whole month."""
    if book == "bank":
        return Scope(SINCE, UNTIL, BANK_MARGIN, BANK_WINDOW, seen or RANGE, stripe)
    return Scope(SINCE, UNTIL, CLOCKS_MARGIN, LOG_WINDOW, seen or LOG_SEEN, stripe)


def compared(
    book: Book, book_lines: list[Line], stripe_lines: list[Line], within: Scope | None = None
) -> tuple[Compared, Comparison]:
    categories = BANK_CATEGORIES if book == "bank" else LOG_CATEGORIES
    found = compare(book, book_lines, stripe_lines, categories, within or scope(book))
    return found, totals(book, found, book_lines, stripe_lines)


def classes(found: Compared) -> dict[str, LineClass]:
    """Where the line of each id ended, for lines whose ids differ."""
    return {
        each.id: classified.line_class
        for classified in found.classified
        for each in (classified.book, classified.stripe)
        if each is not None
    }


def candidates(found: Compared) -> dict[str, list[str]]:
    """Of each line that has any."""
    return {
        line.id: [each.id for each in classified.candidates.nearest]
        for classified in found.classified
        for line in (classified.book, classified.stripe)
        if line is not None and classified.candidates.in_all
    }
