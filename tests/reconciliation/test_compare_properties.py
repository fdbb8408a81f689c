"""Whatever is compared, every line ends in one class and the difference is explained to the last cent."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.events import Book, LineClass
from ledger.reconciliation.line import Line
from ledger.reconciliation.matching import Classified, Compared
from ledger.reconciliation.result import EXCEPTIONAL, rows_of
from tests.reconciliation.lines import MIDDLE, SINCE, at_bank, compared, line, ours, scope, theirs, topup

AMOUNTS = st.sampled_from([5000, 7500, 7501])
INSIDE = st.integers(0, 12 * 24 * 60).map(lambda minutes: SINCE + timedelta(days=8, minutes=minutes))


@dataclass
class Books:
    """Two sides that agree, but for what was done to them; and where each line that was touched has to end."""

    ours: list[Line]
    theirs: list[Line]
    expected: Counter[tuple[str, LineClass]]


def counted(found: Compared) -> Counter[tuple[str, LineClass]]:
    return Counter(
        (each.id, classified.line_class)
        for classified in found.classified
        for each in (classified.book, classified.stripe)
        if each is not None
    )


def assert_each_ended_once(books: Books, found: Compared) -> None:
    left_out = Counter(each.id for each in found.left_out_of_book + found.left_out_of_stripe)
    ended = Counter(name for name, _ in counted(found).elements()) + left_out
    assert ended == Counter(each.id for each in books.ours + books.theirs)


@st.composite
def log_and_stripe(draw: st.DrawFn) -> Books:
    books = Books([], [], Counter())
    for number in range(draw(st.integers(0, 25))):
        at, amount = draw(INSIDE), draw(AMOUNTS)
        mine, stripes = ours(number, at, amount), theirs(number, at + timedelta(seconds=1), amount)
        done = draw(st.sampled_from(DONE_TO_TRANSFERS))
        if done != "paid twice" and draw(st.booleans()):
            stripes = stripes._replace(payout_id=None)  # as in the report, where only a description may name it
        put(books, mine, stripes, done, draw(st.integers(1, 10**6)))
    return books


DONE_TO_TRANSFERS = ("nothing", "omitted by Stripe", "omitted by us", "twice", "paid twice", "changed", "shifted")


def put(books: Books, mine: Line, stripes: Line, done: str, number: int) -> None:
    expected = {mine.id: LineClass.MATCHED, stripes.id: LineClass.MATCHED}
    match done:
        case "omitted by Stripe":
            books.ours.append(mine)
            books.expected[mine.id, LineClass.MISSING_AT_STRIPE] += 1
            return
        case "omitted by us":
            books.theirs.append(stripes)
            unknown = LineClass.MISSING_AT_BANK if stripes.category == "topup" else LineClass.UNKNOWN_TO_US
            books.expected[stripes.id, unknown] += 1
            return
        case "twice":
            books.theirs.append(stripes)
            books.expected[stripes.id, LineClass.DUPLICATE] += 1
        case "paid twice":
            again = stripes._replace(id=f"{stripes.id}_again", source_id=f"{stripes.source_id}_again")
            again = again._replace(at=stripes.at + timedelta(hours=1), until=stripes.at + timedelta(hours=1))
            books.theirs.append(again)
            books.expected[again.id, LineClass.DUPLICATE] += 1
        case "twice at the bank":
            again = mine._replace(id=mine.id.rpartition("/")[0] + "/2")
            books.ours.append(again)
            books.expected[again.id, LineClass.DUPLICATE] += 1
        case "changed":
            amount = stripes.amount_minor + (number if stripes.amount_minor > 0 else -number)
            stripes = stripes._replace(amount_minor=amount, net_minor=amount)
            expected = dict.fromkeys(expected, LineClass.AMOUNT_DIFFERS)
        case "shifted":
            at = stripes.at + timedelta(minutes=number % 2000)
            stripes = stripes._replace(at=at, until=at)
    books.ours.append(mine)
    books.theirs.append(stripes)
    books.expected.update(expected.items())


@given(books=log_and_stripe(), shuffled=st.randoms(use_true_random=False))
def test_what_was_done_to_the_books_is_found_and_explained(books: Books, shuffled: Any) -> None:
    found, totals = compared("log", books.ours, books.theirs)

    assert counted(found) == books.expected
    assert_each_ended_once(books, found)
    assert totals.difference_minor == sum(each.difference_minor for each in totals.classes)
    assert totals.remainder_minor == 0
    shuffled.shuffle(books.ours)
    shuffled.shuffle(books.theirs)
    assert rows_of([("log", compared("log", books.ours, books.theirs)[0])]) == rows_of([("log", found)])


# Few amounts, few days and few names, of which lines tell some: nearly everything could be nearly anything.
SOME_DAYS = st.integers(0, 12).map(lambda days: MIDDLE + timedelta(days=days))
FEW = st.sampled_from(["a", "b"])
FEW_OR_NONE = st.none() | FEW


@st.composite
def reversals(draw: st.DrawFn, prefix: str, names: st.SearchStrategy[str | None]) -> list[Line]:
    amounts = st.sampled_from([500, 700, 1200])
    return [
        line(
            f"{prefix}_{number}",
            "transfer_reversal",
            draw(amounts),
            draw(SOME_DAYS),
            transfer_id=draw(names),
            account=draw(FEW_OR_NONE),
        )
        for number in range(draw(st.integers(0, 8)))
    ]


@st.composite
def bank_lines(draw: st.DrawFn, prefix: str) -> list[Line]:
    category = "bank" if prefix == "bank" else "topup"
    return [
        line(f"{prefix}_{number}/1", category, draw(st.sampled_from([500, 700])), draw(SOME_DAYS))
        for number in range(draw(st.integers(0, 8)))
    ]


def may_be(book: Line, stripe: Line, window: timedelta) -> bool:
    told = ((book.transfer_id, stripe.transfer_id), (book.account, stripe.account))
    agree = all(ours is None or theirs is None or ours == theirs for ours, theirs in told)
    return agree and book.amount_minor == stripe.amount_minor and abs(book.at - stripe.at) <= window


@given(
    book_and_sides=st.one_of(
        st.tuples(st.just("log"), reversals("ours", FEW_OR_NONE), reversals("txn", FEW_OR_NONE)),
        st.tuples(st.just("bank"), bank_lines("bank"), bank_lines("txn")),
    ),
    shuffled=st.randoms(use_true_random=False),
)
@settings(max_examples=200)
def test_nothing_is_paired_by_amount_and_time_where_two_could_be_meant(
    book_and_sides: tuple[Book, list[Line], list[Line]], shuffled: Any
) -> None:
    """Against the plain way, which holds every line against every other."""
    book, ours, theirs = book_and_sides
    found, totals = compared(book, ours, theirs)

    assert_each_ended_once(Books(ours, theirs, Counter()), found)
    assert totals.difference_minor == sum(each.difference_minor for each in totals.classes)
    assert totals.remainder_minor == 0
    by_id = {each.id for pair in found.classified if pair.matched_by in ("id", "sum") for each in both(pair)}
    left, right = ([each for each in side if each.id not in by_id] for side in (ours, theirs))
    window = scope(book).window
    of_left = {each.id: {other.id for other in right if may_be(each, other, window)} for each in left}
    of_right = {each.id: {other.id for other in left if may_be(other, each, window)} for each in right}
    only = {
        (name, other)
        for name, others in of_left.items()
        for other in others
        if len(others) == len(of_right[other]) == 1
    }
    assert {(a.id, b.id) for a, b in map(both, by_amount_and_time(found))} == only
    alone = [each for each in found.classified if len(both(each)) == 1 and each.matched_by is None]
    for each in alone:
        (single,) = both(each)
        possible = {**of_left, **of_right}[single.id]
        if possible:
            assert {other.id for other in each.candidates.nearest} == possible
            assert each.line_class in EXCEPTIONAL
    for side in (ours, theirs):
        shuffled.shuffle(side)
    assert rows_of([(book, compared(book, ours, theirs)[0])]) == rows_of([(book, found)])


def both(pair: Classified) -> list[Line]:
    return [each for each in (pair.book, pair.stripe) if each is not None]


def by_amount_and_time(found: Compared) -> list[Classified]:
    return [each for each in found.classified if each.matched_by == "amount_and_time"]


@st.composite
def bank_and_stripe(draw: st.DrawFn) -> Books:
    books = Books([], [], Counter())
    for number in range(draw(st.integers(0, 12))):
        at, amount = draw(INSIDE), draw(st.sampled_from([500_000, 700_000]))
        done = draw(st.sampled_from([each for each in DONE_TO_TRANSFERS if each not in ("twice", "paid twice")]))
        if done == "nothing":
            done = draw(st.sampled_from(["nothing", "twice", "twice at the bank"]))
        put(books, at_bank(number, at, amount), topup(number, at, amount), done, draw(st.integers(1, 10**6)))
    return books


@given(books=bank_and_stripe())
def test_what_was_done_to_the_bank_statement_is_found_and_explained(books: Books) -> None:
    found, totals = compared("bank", books.ours, books.theirs)

    assert counted(found) == books.expected
    assert totals.difference_minor == sum(each.difference_minor for each in totals.classes)
    assert totals.remainder_minor == 0


NAMES = st.sampled_from(["a", "b", "c", "d"])
MAYBE = st.none() | NAMES
MOMENTS = st.integers(-20, 40).map(lambda days: MIDDLE + timedelta(days=days))


@st.composite
def anything(draw: st.DrawFn, prefix: str) -> Line:
    at: datetime = draw(MOMENTS)
    categories = ["transfer", "transfer_reversal", "topup", "payout", "fee"]
    return line(
        f"{prefix}/{draw(NAMES)}/{draw(st.integers(1, 3))}",
        draw(st.sampled_from(categories)),
        draw(st.integers(-3, 3)),
        at,
        until=at + timedelta(hours=draw(st.sampled_from([0, 1, 500]))),
        fee_minor=draw(st.integers(0, 2)) if prefix == "txn" else 0,
        source_id=draw(MAYBE),
        transfer_id=draw(MAYBE),
        payout_id=draw(MAYBE),
        account=draw(MAYBE),
        in_flight=prefix != "txn" and draw(st.booleans()),
    )


@given(
    ours=st.lists(anything("ours"), max_size=25),
    theirs=st.lists(anything("txn"), max_size=25),
    book=st.sampled_from(["log", "bank"]),
)
@settings(max_examples=100)
def test_lines_of_any_kind_end_in_one_class_each(ours: list[Line], theirs: list[Line], book: Book) -> None:
    found, totals = compared(book, ours, theirs)

    assert_each_ended_once(Books(ours, theirs, Counter()), found)
    assert rows_of([(book, compared(book, ours[::-1], theirs[::-1])[0])]) == rows_of([(book, found)])
    assert totals.remainder_minor == 0
    assert sum(each.lines for each in totals.classes) == len(ours) + len(theirs) - len(
        found.left_out_of_book + found.left_out_of_stripe
    )


def test_a_net_amount_that_is_not_gross_less_fee_is_left_unexplained() -> None:
    stripes = theirs(1)._replace(fee_minor=30, net_minor=-7500)

    _, totals = compared("log", [ours(1)], [stripes])

    assert totals.remainder_minor == -30
