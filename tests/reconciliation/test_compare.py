"""The comparison in examples: what belongs together, what never does, and what is only a matter of time."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from ledger.events import LineClass
from ledger.reconciliation.candidates import MOST_NAMED
from ledger.reconciliation.line import Line
from ledger.reconciliation.nearest import consecutive_sum, nearest_pairs
from ledger.reconciliation.result import unseen
from ledger.reconciliation.scope import Coverage
from tests.reconciliation.lines import (
    MIDDLE,
    SINCE,
    UNTIL,
    at_bank,
    candidates,
    classes,
    compared,
    in_flight,
    line,
    ours,
    scope,
    theirs,
    topup,
)

SOON = timedelta(minutes=1)


def reversal(name: str, amount_minor: int, *, transfer_id: str) -> Line:
    return line(name, "transfer_reversal", amount_minor, MIDDLE, transfer_id=transfer_id)


def test_what_is_in_flight_is_timing_with_or_without_its_transfer() -> None:
    near = UNTIL - timedelta(hours=2)
    there = theirs(1, near, source_id="tr_unheard")
    found, _ = compared("log", [in_flight(1, near), in_flight(2, near)], [there])
    assert set(classes(found).values()) == {LineClass.TIMING}


def test_what_is_in_flight_for_longer_than_its_key_lasts_is_an_exception() -> None:
    found, _ = compared("log", [in_flight(1), in_flight(2)], [theirs(1, source_id="tr_unheard")])
    assert classes(found) == {
        "payout:pay_1:a1": LineClass.UNKNOWN_TO_US,
        "txn_1": LineClass.UNKNOWN_TO_US,
        "payout:pay_2:a1": LineClass.MISSING_AT_STRIPE,
    }


def test_without_the_payouts_id_account_amount_and_time_tell_what_is_in_flight() -> None:
    near = UNTIL - timedelta(hours=2)
    stripes = [
        theirs(1, near, source_id="tr_unheard", payout_id=None),
        theirs(2, near, source_id="tr_x", payout_id=None),
    ]
    found, _ = compared("log", [in_flight(1, near)], stripes)
    assert classes(found)["txn_1"] == LineClass.TIMING
    assert classes(found)["txn_2"] == LineClass.UNKNOWN_TO_US


def test_a_second_transfer_for_a_payout_that_was_paid_in_another_month_is_a_duplicate() -> None:
    paid_before = ours(1, SINCE - timedelta(days=20))
    found, totals = compared("log", [paid_before], [theirs(1, source_id="tr_99")])
    assert classes(found) == {"txn_1": LineClass.DUPLICATE}
    assert (found.left_out_of_book, totals.difference_minor) == ([paid_before], 7500)


def test_a_second_transfer_does_not_stand_in_for_the_first_that_is_gone_at_stripe() -> None:
    found, _ = compared("log", [ours(1)], [theirs(1, source_id="tr_99")])
    assert classes(found) == {"tr_1": LineClass.MISSING_AT_STRIPE, "txn_1": LineClass.DUPLICATE}


def test_equal_amounts_of_different_transfers_never_explain_each_other() -> None:
    found, totals = compared("log", [ours(1)], [theirs(8, payout_id=None)])
    assert classes(found) == {"tr_1": LineClass.MISSING_AT_STRIPE, "txn_8": LineClass.UNKNOWN_TO_US}
    assert totals.difference_minor == 0


def test_a_line_near_an_end_of_the_range_may_be_beyond_it() -> None:
    last, first = UNTIL - SOON, SINCE + SOON
    found, _ = compared("log", [ours(1, last), ours(2)], [theirs(2), theirs(3, first)])
    assert classes(found) == {
        "tr_1": LineClass.TIMING,
        "txn_3": LineClass.UNKNOWN_TO_US,  # the log is read beyond the ends of a range that is over
        "tr_2": LineClass.MATCHED,
        "txn_2": LineClass.MATCHED,
    }


def test_an_outcome_that_was_known_only_after_the_range_is_matched_by_its_id() -> None:
    late = ours(1, UNTIL + timedelta(days=2))
    found, totals = compared("log", [late, ours(2, UNTIL + timedelta(days=2))], [theirs(1)])
    assert classes(found) == {"tr_1": LineClass.MATCHED, "txn_1": LineClass.MATCHED}
    assert [each.id for each in found.left_out_of_book] == ["tr_2"]
    assert totals.difference_minor == 0


def test_what_began_before_the_range_and_was_known_within_is_timing() -> None:
    adopted = ours(1, SINCE - timedelta(hours=5))._replace(until=SINCE + timedelta(days=3))
    found, _ = compared("log", [adopted], [])
    assert classes(found) == {"tr_1": LineClass.TIMING}


def test_reversals_are_matched_by_transfer_and_several_may_be_one_event() -> None:
    book = [reversal("tr_1/2000", 2000, transfer_id="tr_1"), reversal("tr_2/700", 700, transfer_id="tr_2")]
    stripe = [
        reversal("txn_a", 1500, transfer_id="tr_1"),
        reversal("txn_b", 500, transfer_id="tr_1"),
        reversal("txn_c", 600, transfer_id="tr_2"),
        reversal("txn_d", 700, transfer_id="tr_3"),
    ]
    found, totals = compared("log", book, stripe)
    assert classes(found) == {
        "tr_1/2000": LineClass.MATCHED,
        "txn_a": LineClass.MATCHED,
        "txn_b": LineClass.MATCHED,
        "tr_2/700": LineClass.AMOUNT_DIFFERS,
        "txn_c": LineClass.AMOUNT_DIFFERS,
        "txn_d": LineClass.UNKNOWN_TO_US,
    }
    assert (totals.difference_minor, totals.remainder_minor) == (-600, 0)


def test_what_the_book_does_not_keep_is_told_by_its_category() -> None:
    lines = [line("txn_fee", "fee", -200, MIDDLE), line("txn_adj", "adjustment", 50, MIDDLE), topup(1)]
    _, totals = compared("log", [], lines)
    assert {each.category: each.difference_minor for each in totals.classes} == {
        "fee": 200,
        "adjustment": -50,
        "topup": -500_000,
    }
    assert {each.line_class for each in totals.classes} == {LineClass.OTHER_AT_STRIPE}


def test_a_fee_on_a_line_is_explained_apart_from_it() -> None:
    _, totals = compared("log", [ours(1)], [theirs(1)._replace(fee_minor=25, net_minor=-7525)])
    assert (totals.difference_minor, totals.remainder_minor) == (25, 0)


def test_a_bank_line_without_a_reference_is_matched_with_its_only_candidate() -> None:
    day = timedelta(days=1)
    bank = [at_bank(1, MIDDLE + day, named=False), at_bank(2, MIDDLE + 10 * day, 700_000, named=False)]
    found, _ = compared("bank", bank, [topup(1), topup(2, MIDDLE + 9 * day, 700_000), topup(3, MIDDLE - 8 * day)])
    pairs = {each.book.id[-3]: each.stripe.id for each in found.classified if each.book and each.stripe}
    assert pairs == {"1": "txn_tu_1", "2": "txn_tu_2"}
    assert classes(found)["txn_tu_3"] == LineClass.MISSING_AT_BANK


def test_equal_bank_lines_on_other_days_are_not_guessed_but_named_as_candidates() -> None:
    day = timedelta(days=1)
    bank = [at_bank(1, MIDDLE + day, named=False), at_bank(2, MIDDLE + 4 * day, named=False)]
    found, totals = compared("bank", bank, [topup(1), topup(2, MIDDLE + 3 * day), topup(3, MIDDLE - 8 * day)])
    assert candidates(found) == {
        "2026-07-16/1/1": ["txn_tu_1", "txn_tu_2"],  # the nearest first
        "2026-07-19/2/1": ["txn_tu_2", "txn_tu_1"],
        "txn_tu_1": ["2026-07-16/1/1", "2026-07-19/2/1"],
        "txn_tu_2": ["2026-07-19/2/1", "2026-07-16/1/1"],
    }
    absent = {"2026-07-16/1/1": LineClass.MISSING_AT_STRIPE, "2026-07-19/2/1": LineClass.MISSING_AT_STRIPE}
    assert classes(found) == absent | dict.fromkeys(("txn_tu_1", "txn_tu_2", "txn_tu_3"), LineClass.MISSING_AT_BANK)
    assert (totals.difference_minor, totals.remainder_minor) == (-500_000, 0)


def test_a_bank_line_without_a_reference_that_is_there_twice_is_a_duplicate() -> None:
    once = at_bank(1, named=False)
    found, totals = compared("bank", [once, once._replace(id=once.id[:-1] + "2")], [topup(1)])
    assert sorted(each.line_class for each in found.classified) == [LineClass.DUPLICATE, LineClass.MATCHED]
    assert totals.difference_minor == 500_000


MINUTES = st.lists(st.tuples(st.integers(0, 200), st.booleans()), max_size=24, unique_by=lambda each: each[0])


@given(minutes=MINUTES)
def test_pairs_are_the_nearest_first(minutes: list[tuple[int, bool]]) -> None:
    """Against the plain way: take the nearest of all pairs that are left, over and over."""
    lines = [
        (line(f"{place:02}", "bank", 1, MIDDLE + timedelta(minutes=at)), is_ours)
        for place, (at, is_ours) in enumerate(minutes)
    ]
    ours = [each for each, is_ours in lines if is_ours]
    theirs = [each for each, is_ours in lines if not is_ours]

    assert list(nearest_pairs(ours, theirs)) == greedy(ours, theirs)


def greedy(book: list[Line], stripe: list[Line]) -> list[tuple[Line, Line]]:
    taken: list[tuple[Line, Line]] = []
    left, right = list(book), list(stripe)
    while left and right:
        pairs = ((mine, other) for mine in left for other in right)
        mine, other = min(pairs, key=lambda pair: (abs(pair[0].at - pair[1].at), pair[0].id, pair[1].id))
        taken.append((mine, other))
        left.remove(mine)
        right.remove(other)
    return taken


def test_reversals_of_which_stripe_names_neither_transfer_nor_account_do_not_add_up_to_anything() -> None:
    ours_reversed = line("tr_1/5000", "transfer_reversal", 5000, MIDDLE)._replace(transfer_id="tr_1", account="acct_1")
    parts = [line(f"txn_{place}", "transfer_reversal", 2500, MIDDLE) for place in range(2)]
    found, totals = compared("log", [ours_reversed], parts)
    assert sorted(each.line_class for each in found.classified) == sorted(
        [LineClass.MISSING_AT_STRIPE, LineClass.UNKNOWN_TO_US, LineClass.UNKNOWN_TO_US]
    )
    assert totals.remainder_minor == 0
    named = [each._replace(transfer_id="tr_1") for each in parts]
    found, _ = compared("log", [ours_reversed], named)
    assert {each.line_class for each in found.classified} == {LineClass.MATCHED}


def unnamed(name: str, amount_minor: int, account: str | None = None) -> Line:
    """A reversal as the report has it."""
    return line(name, "transfer_reversal", amount_minor, MIDDLE, account=account)


def test_one_line_that_names_its_account_does_not_keep_others_from_being_matched() -> None:
    book = [reversal(f"tr_{n}/{amount}", amount, transfer_id=f"tr_{n}") for n, amount in ((1, 500), (2, 700))]
    book = [each._replace(account=f"acct_{place}") for place, each in enumerate(book)]
    found, _ = compared("log", book, [unnamed("txn_a", 500, account="acct_0"), unnamed("txn_b", 700)])
    assert set(classes(found).values()) == {LineClass.MATCHED}


def test_equal_reversals_are_told_apart_by_what_a_line_names_and_not_by_time_alone() -> None:
    book = [reversal(f"tr_{n}/500", 500, transfer_id=f"tr_{n}")._replace(account=f"acct_{n}") for n in (1, 2)]
    named, open_to_all = unnamed("txn_a", 500, account="acct_1"), unnamed("txn_b", 500)
    found, totals = compared("log", book, [named, open_to_all])
    assert candidates(found) == {
        "tr_1/500": ["txn_a", "txn_b"],
        "tr_2/500": ["txn_b"],
        "txn_a": ["tr_1/500"],
        "txn_b": ["tr_1/500", "tr_2/500"],
    }
    assert LineClass.MATCHED not in classes(found).values()
    assert (totals.difference_minor, totals.remainder_minor) == (0, 0)
    found, _ = compared("log", book, [named, open_to_all._replace(account="acct_2")])
    assert set(classes(found).values()) == {LineClass.MATCHED}


def test_reversals_of_one_account_add_up_to_nothing_but_are_named() -> None:
    book = [reversal("tr_1/2000", 2000, transfer_id="tr_1")._replace(account="acct_1")]
    parts = [unnamed("txn_a", 1500, account="acct_1"), unnamed("txn_b", 500, account="acct_1")]
    found, totals = compared("log", book, [*parts, unnamed("txn_c", 2000, account="acct_2")])
    assert classes(found) == {
        "tr_1/2000": LineClass.MISSING_AT_STRIPE,
        "txn_a": LineClass.UNKNOWN_TO_US,
        "txn_b": LineClass.UNKNOWN_TO_US,
        "txn_c": LineClass.UNKNOWN_TO_US,
    }
    assert candidates(found) == {"tr_1/2000": ["txn_a", "txn_b"], "txn_a": ["tr_1/2000"], "txn_b": ["tr_1/2000"]}
    assert totals.remainder_minor == 0


def test_equal_reversals_of_one_transfer_belong_together_by_its_id() -> None:
    book = [reversal(f"tr_1/{total}", 500, transfer_id="tr_1") for total in (500, 1000)]
    stripe = [reversal(f"txn_{place}", 500, transfer_id="tr_1") for place in "ab"]
    found, _ = compared("log", book, stripe)
    assert {(each.line_class, each.matched_by) for each in found.classified} == {(LineClass.MATCHED, "id")}


def test_what_is_in_flight_waits_for_its_outcome_though_it_has_several_candidates() -> None:
    near = UNTIL - timedelta(hours=2)
    twice = [theirs(1, near, source_id=f"tr_{name}", payout_id=None)._replace(id=f"txn_{name}") for name in "ab"]
    found, _ = compared("log", [in_flight(1, near)], twice)
    assert classes(found)["payout:pay_1:a1"] == LineClass.TIMING
    assert candidates(found) == {"txn_a": ["payout:pay_1:a1"], "txn_b": ["payout:pay_1:a1"]}


def test_of_many_candidates_the_nearest_are_named_and_all_are_counted() -> None:
    hour = timedelta(hours=1)
    mine = reversal("tr_1/500", 500, transfer_id="tr_1")
    many = [unnamed(f"txn_{n:02}", 500)._replace(at=MIDDLE + n * hour, until=MIDDLE + n * hour) for n in range(30)]
    found, _ = compared("log", [mine], many)
    (named,) = (each.candidates for each in found.classified if each.book)
    assert [each.id for each in named.nearest] == [f"txn_{n:02}" for n in range(MOST_NAMED)]
    assert named.in_all == 30


def test_a_reversal_of_before_the_range_does_not_explain_another_one_within_it() -> None:
    """Its own is at Stripe before the file begins, and was matched by the run of that month."""
    day = timedelta(days=1)
    before = reversal("tr_1/500", 500, transfer_id="tr_1")._replace(at=SINCE - day, until=SINCE - day)
    unheard_of = unnamed("txn_b", 500)._replace(at=SINCE + day, until=SINCE + day)

    found, _ = compared("log", [before], [unheard_of])

    assert classes(found) == {"txn_b": LineClass.UNKNOWN_TO_US}
    assert candidates(found) == {"txn_b": ["tr_1/500"]}
    seen = scope(stripe=Coverage(SINCE - 10 * day, UNTIL))
    assert set(classes(compared("log", [before], [unheard_of], seen)[0]).values()) == {LineClass.MATCHED}


def test_a_line_of_a_longer_statement_does_not_explain_a_top_up_of_the_range() -> None:
    """Six days before it, one more than the bank takes. Nobody can tell; with Stripe's data of June somebody can."""
    of_june = at_bank(1, SINCE - timedelta(days=5), named=False)
    of_july, junes_own = topup(2, SINCE + timedelta(days=1)), topup(1, SINCE - timedelta(days=7))
    within = scope("bank", seen=Coverage(SINCE - timedelta(days=20), UNTIL))
    found, _ = compared("bank", [of_june], [of_july], within)
    assert (classes(found), unseen(found, within, is_over=False)) == ({"txn_tu_2": LineClass.TIMING}, 1)
    within = scope("bank", seen=within.book, stripe=Coverage(SINCE - timedelta(days=10), UNTIL))
    found, _ = compared("bank", [of_june], [of_july, junes_own], within)
    assert classes(found) == {"txn_tu_2": LineClass.MISSING_AT_BANK}


def test_a_transfer_that_went_to_another_account_or_for_another_payout_is_an_exception() -> None:
    elsewhere = [theirs(1, account="acct_x"), theirs(2, payout_id="pay_x"), theirs(3, account=None, payout_id=None)]
    found, totals = compared("log", [ours(1), ours(2), ours(3)], elsewhere)
    assert classes(found) == {
        **dict.fromkeys(("tr_1", "txn_1", "tr_2", "txn_2"), LineClass.RECIPIENT_DIFFERS),
        **dict.fromkeys(("tr_3", "txn_3"), LineClass.MATCHED),
    }
    assert (totals.difference_minor, totals.remainder_minor) == (0, 0)
    found, _ = compared("log", [in_flight(1)], [theirs(1, source_id="tr_unheard", account="acct_x")])
    assert set(classes(found).values()) == {LineClass.RECIPIENT_DIFFERS}


def test_parts_that_add_up_to_what_is_still_being_taken_back_are_not_matched_yet() -> None:
    claim = reversal("payout:pay_1:r1", 2000, transfer_id="tr_1")._replace(in_flight=True)
    parts = [reversal("txn_a", 1500, transfer_id="tr_1"), reversal("txn_b", 500, transfer_id="tr_1")]
    found, _ = compared("log", [claim], parts)
    assert set(classes(found).values()) == {LineClass.UNKNOWN_TO_US}
    soon = scope(seen=Coverage(SINCE, MIDDLE + timedelta(hours=1)))
    assert set(classes(compared("log", [claim], parts, soon)[0]).values()) == {LineClass.TIMING}


def test_a_sum_is_made_of_neighbours() -> None:
    parts = [line(str(place), "transfer_reversal", minor, MIDDLE) for place, minor in enumerate([5, 7, 3, 2])]
    assert [each.id for each in consecutive_sum(12, parts)] == ["0", "1"]
    assert [each.id for each in consecutive_sum(10, parts)] == ["1", "2"]
    assert consecutive_sum(4, parts) == ()
