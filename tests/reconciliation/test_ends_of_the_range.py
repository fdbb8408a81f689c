"""Pairs that only amount and time connect, across the first or the last midnight of a range: neither a false alarm in every month,
nor one month's line explaining another's.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from ledger.events import Book, LineClass
from ledger.reconciliation.activity import Activity
from ledger.reconciliation.compare import compare
from ledger.reconciliation.inputs import Inputs, asked_beyond
from ledger.reconciliation.line import BANK_CATEGORIES, LOG_CATEGORIES, Line
from ledger.reconciliation.matching import Compared
from ledger.reconciliation.result import unseen
from ledger.reconciliation.scope import BANK_MARGIN, CLOCKS_MARGIN, Coverage
from tests.reconciliation.lines import SINCE, UNTIL, candidates, classes, line

LONG_AFTER = UNTIL + timedelta(days=60)
A_DAY = timedelta(days=1)
A_SECOND = timedelta(seconds=1)
BEYOND = asked_beyond(CLOCKS_MARGIN, BANK_MARGIN)


def day(month: int, number: int, hour: int = 0) -> datetime:
    return datetime(2026, month, number, hour, tzinfo=UTC)


def payout(at: datetime) -> Line:
    """From Stripe to the bank; of each day another amount."""
    return line(f"txn_po_{at:%m%d}", "payout", -_amount_of(at), at, source_id=f"po_{at:%m%d}")


def arrived(at: datetime, sent: datetime) -> Line:
    """What the bank has of it, without a reference."""
    return line(f"{at:%Y-%m-%d}/{sent:%m%d}/1", "bank", -_amount_of(sent), at)


def _amount_of(sent: datetime) -> int:
    return 100_000 + (sent - day(1, 1)).days


def noticed(at: datetime) -> Line:
    """A reversal that somebody made at Stripe, as the log has it."""
    return line("tr_1/500", "transfer_reversal", 500, at, transfer_id="tr_1")


def reversed_at_stripe(at: datetime) -> Line:
    """As the report has it, without the transfer."""
    return line("txn_1", "transfer_reversal", 500, at)


def run(book: Book, book_lines: Sequence[Line], stripe: Activity, *, is_complete: bool = False) -> tuple[Compared, int]:
    inputs = Inputs(stripe, Activity("bank_csv", book_lines), SINCE, UNTIL, stripe_complete=is_complete)
    scope = inputs.scopes(LONG_AFTER)[book]
    found = compare(book, book_lines, stripe.lines, BANK_CATEGORIES if book == "bank" else LOG_CATEGORIES, scope)
    return found, unseen(found, scope, is_over=True)


def by_api(*lines: Line, beyond: timedelta = BEYOND) -> Activity:
    asked = Coverage(SINCE - beyond, UNTIL + beyond)
    return Activity("stripe_api", [each for each in lines if asked.holds(each.at, each.at)], asked=asked)


def by_report(stripe: Line, book: Line) -> tuple[dict[str, LineClass], int]:
    """A report of July, and no more."""
    of_july = [stripe] if SINCE <= stripe.at < UNTIL else []
    found, waiting = run("log", [book], Activity("stripe_csv", of_july), is_complete=True)
    return classes(found), waiting


@pytest.mark.parametrize("beyond", [BEYOND, BANK_MARGIN])
@pytest.mark.parametrize(
    ("first", "last", "matched", "timing"),
    [
        (day(7, 1), day(7, 31), 31, 2),  # what was sent on the last two days arrives in August
        (day(7, 1), day(8, 9), 33, 0),
        (day(6, 20), day(8, 9), 33, 0),
    ],
)
def test_a_payout_a_day_that_arrives_two_days_later_is_no_exception_wherever_the_statement_begins_and_ends(
    first: datetime, last: datetime, matched: int, timing: int, beyond: timedelta
) -> None:
    sent = [day(6, 1) + number * A_DAY for number in range(90)]
    statement = [arrived(at + 2 * A_DAY, at) for at in sent if first <= at + 2 * A_DAY <= last]

    found, _ = run("bank", statement, by_api(*map(payout, sent), beyond=beyond))

    ended = Counter(each.line_class for each in found.classified)
    assert ended == Counter({LineClass.MATCHED: matched, LineClass.TIMING: timing})


def test_a_payout_before_the_range_whose_own_line_is_known_hides_none_that_is_missing_within_it() -> None:
    """Both came to the same. What the statement has is the earlier one's, and the later one never arrived. So Stripe is asked for
    twice what the bank takes.
    """
    earlier, later = payout(day(6, 24)), payout(day(7, 1))._replace(amount_minor=-_amount_of(day(6, 24)))
    its_own = arrived(day(6, 27), day(6, 24))
    around = [arrived(at, at) for at in (day(6, 10), day(8, 20))]

    found, _ = run("bank", [its_own, *around], by_api(earlier, later))

    assert classes(found) == {later.id: LineClass.MISSING_AT_BANK}
    assert candidates(found) == {later.id: [its_own.id]}


@pytest.mark.parametrize(
    ("book", "stripe"),
    [(SINCE - A_SECOND, SINCE + A_SECOND), (UNTIL + A_SECOND, UNTIL - A_SECOND)],
    ids=["first midnight", "last midnight"],
)
def test_a_reversal_across_midnight_is_matched(book: datetime, stripe: datetime) -> None:
    found, waiting = by_report(reversed_at_stripe(stripe), noticed(book))
    assert (set(found.values()), waiting) == ({LineClass.MATCHED}, 0)


def test_a_reversal_that_may_have_been_noticed_after_the_range_is_undecided_until_more_of_stripe_is_seen() -> None:
    """Or what was noticed then is another one, of August, and nobody has heard of July's."""
    at_stripe, ours = reversed_at_stripe(day(7, 31, 23)), noticed(day(8, 1, 6))
    assert by_report(at_stripe, ours) == ({at_stripe.id: LineClass.TIMING}, 1)

    of_august = reversed_at_stripe(day(8, 20))._replace(id="txn_2", amount_minor=900)
    found, waiting = run("log", [ours], Activity("stripe_csv", [at_stripe, of_august]), is_complete=True)
    assert (classes(found), waiting) == ({at_stripe.id: LineClass.MATCHED, ours.id: LineClass.MATCHED}, 0)

    its_own = reversed_at_stripe(day(8, 1, 6))._replace(id="txn_3")
    found, waiting = run("log", [ours], Activity("stripe_csv", [at_stripe, its_own, of_august]), is_complete=True)
    assert (classes(found), waiting) == ({at_stripe.id: LineClass.UNKNOWN_TO_US}, 0)


def test_a_reversal_of_which_the_log_had_heard_before_it_was_made_is_another_one() -> None:
    at_stripe = reversed_at_stripe(day(7, 1, 6))
    assert by_report(at_stripe, noticed(day(6, 30, 23))) == ({at_stripe.id: LineClass.UNKNOWN_TO_US}, 0)
