"""Missing, or only not seen yet: that depends on what the other side's data tells of, not on the ends of the range."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from ledger.events import Book, LineClass
from ledger.reconciliation.activity import Activity
from ledger.reconciliation.compare import compare
from ledger.reconciliation.inputs import Inputs
from ledger.reconciliation.line import BANK_CATEGORIES, LOG_CATEGORIES, Line
from ledger.reconciliation.result import unseen
from ledger.reconciliation.scope import Coverage
from tests.reconciliation.lines import SINCE, UNTIL, at_bank, classes, line, ours, theirs, topup

LONG_AFTER = UNTIL + timedelta(days=60)


def day(month: int, number: int, hour: int = 0) -> datetime:
    return datetime(2026, month, number, hour, tzinfo=UTC)


def payout(number: int, at: datetime, amount_minor: int = 120_000) -> Line:
    """From Stripe to the bank."""
    return line(f"txn_po_{number}", "payout", -amount_minor, at, source_id=f"po_{number}")


def ended(
    book: Book, inputs: Inputs, book_lines: Sequence[Line], now: datetime = LONG_AFTER
) -> tuple[dict[str, LineClass], int]:
    """Where each line ended, and how many wait because of the data."""
    scope = inputs.scopes(now)[book]
    categories = BANK_CATEGORIES if book == "bank" else LOG_CATEGORIES
    found = compare(book, book_lines, inputs.stripe.lines, categories, scope)
    return classes(found), unseen(found, scope, is_over=True)


def with_bank(stripe: Sequence[Line], bank: Sequence[Line]) -> tuple[dict[str, LineClass], int]:
    """July, with files that tell of what lies between their first and their last line."""
    inputs = Inputs(Activity("stripe_csv", stripe), Activity("bank_csv", bank), SINCE, UNTIL)
    return ended("bank", inputs, bank)


def test_a_bank_line_near_the_end_is_missing_if_stripes_data_goes_on() -> None:
    stripe, bank = [topup(1, day(7, 1)), topup(2, day(8, 20))], [at_bank(1, day(7, 1)), at_bank(3, day(7, 29))]
    found, waiting = with_bank(stripe, bank)
    assert (found["2026-07-29/3/1"], waiting) == (LineClass.MISSING_AT_STRIPE, 0)


def test_a_bank_line_near_the_beginning_is_missing_if_stripes_data_begins_long_before() -> None:
    found, _ = with_bank([topup(1, day(6, 1)), topup(2, day(8, 20))], [at_bank(3, day(7, 3))])
    assert found["2026-07-03/3/1"] == LineClass.MISSING_AT_STRIPE


def test_a_payout_of_stripes_is_missing_at_the_bank_if_the_statement_goes_on() -> None:
    statement = [at_bank(1, day(7, 1)), at_bank(2, day(8, 21))]
    found, waiting = with_bank([topup(1, day(7, 1)), payout(3, day(7, 29))], statement)
    assert (found["txn_po_3"], waiting) == (LineClass.MISSING_AT_BANK, 0)


def test_where_nobody_has_looked_nothing_is_missing_but_that_is_told() -> None:
    july = [topup(1, day(7, 1)), topup(2, day(7, 5))]
    found, waiting = with_bank(july, [at_bank(1, day(7, 1)), at_bank(2, day(7, 5)), at_bank(3, day(7, 20))])
    assert (found["2026-07-20/3/1"], waiting) == (LineClass.TIMING, 1)


def test_without_any_line_of_the_other_side_nothing_is_known_to_be_missing() -> None:
    found, waiting = with_bank([], [at_bank(3, day(7, 20))])
    assert (found, waiting) == ({"2026-07-20/3/1": LineClass.TIMING}, 1)


@pytest.mark.parametrize(
    ("at", "is_complete", "line_class", "waiting"),
    [
        (day(7, 20), False, LineClass.TIMING, 1),  # after the last line of the report
        (day(7, 20), True, LineClass.MISSING_AT_STRIPE, 0),
        (UNTIL - timedelta(minutes=2), True, LineClass.TIMING, 0),  # by Stripe's clock it may be in August
    ],
)
def test_a_report_tells_of_what_lies_between_its_lines_or_of_the_range_if_it_is_complete(
    at: datetime, is_complete: bool, line_class: LineClass, waiting: int
) -> None:
    stripe = [theirs(1, day(7, 2)), theirs(2, day(7, 5))]
    inputs = Inputs(Activity("stripe_csv", stripe), None, SINCE, UNTIL, stripe_complete=is_complete)
    found, unseen_lines = ended("log", inputs, [ours(1, day(7, 2)), ours(2, day(7, 5)), ours(3, at)])
    assert (found["tr_3"], unseen_lines) == (line_class, waiting)


def test_a_complete_report_does_not_tell_of_what_has_not_happened_yet() -> None:
    now = day(7, 20)
    inputs = Inputs(Activity("stripe_csv", []), None, SINCE, UNTIL, stripe_complete=True)
    mine = [ours(1, now - timedelta(minutes=2)), ours(2, now - timedelta(hours=1))]
    found, _ = ended("log", inputs, mine, now)
    assert found == {"tr_1": LineClass.TIMING, "tr_2": LineClass.MISSING_AT_STRIPE}


def test_stripe_is_known_as_far_as_it_was_asked() -> None:
    around = timedelta(minutes=5)
    asked = Activity("stripe_api", [], asked=Coverage(SINCE - around, UNTIL + around))
    last = ours(1, UNTIL - timedelta(minutes=2))
    found, _ = ended("log", Inputs(asked, None, SINCE, UNTIL), [last])
    assert found == {"tr_1": LineClass.MISSING_AT_STRIPE}


def test_the_log_is_known_up_to_the_moment_in_which_it_was_read() -> None:
    now = day(7, 20)
    new, old = theirs(1, now - timedelta(minutes=2)), theirs(2, now - timedelta(minutes=6))
    found, _ = ended("log", Inputs(Activity("stripe_csv", [new, old]), None, SINCE, UNTIL), [], now)
    assert found == {"txn_1": LineClass.TIMING, "txn_2": LineClass.UNKNOWN_TO_US}


def test_what_is_in_flight_is_missing_once_stripe_was_seen_for_as_long_as_its_key_lasted() -> None:
    sent = day(7, 20)
    flying = line("payout:pay_1:a1", "transfer", -7500, sent, payout_id="pay_1", in_flight=True)
    soon, late = theirs(8, sent + timedelta(hours=12)), theirs(9, sent + timedelta(hours=25))
    before = theirs(7, day(7, 1))
    for last, line_class in ((soon, LineClass.TIMING), (late, LineClass.MISSING_AT_STRIPE)):
        found, _ = ended("log", Inputs(Activity("stripe_csv", [before, last]), None, SINCE, UNTIL), [flying])
        assert found[flying.id] == line_class
