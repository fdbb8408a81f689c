"""Files as people break them: every problem is told with its line, and a file with problems is not taken at all."""

from typing import Any

import pytest
from pydantic import ValidationError

from ledger.events import ClassTotal, LineClass
from ledger.reconciliation.activity import Activity
from ledger.reconciliation.bank_csv import parse_bank_csv
from ledger.reconciliation.csv_file import MOST_PROBLEMS, BadFileError
from ledger.reconciliation.stripe_csv import parse_stripe_csv

HEADER = "balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,source_id,description"
GOOD = "txn_1,2026-07-01 12:00:00,usd,-75.00,0.00,-75.00,transfer,tr_1,"
BANK = "date,amount,currency,description,reference\n"


def report(*lines: str) -> bytes:
    return ("\n".join([HEADER, *lines]) + "\n").encode()


def problems(content: bytes) -> list[str]:
    with pytest.raises(BadFileError) as refused:
        parse_stripe_csv(content, "usd")
    return [str(each) for each in refused.value.problems]


def test_an_honest_report_is_read_to_the_cent() -> None:
    activity = parse_stripe_csv(
        report(GOOD, "txn_2,2026-07-02 00:00:00,USD,1000.5,0.30,1000.20,topup,tu_1,Top-up"), "usd"
    )

    assert [(each.amount_minor, each.fee_minor, each.net_minor) for each in activity.lines] == [
        (-7500, 0, -7500),
        (100_050, 30, 100_020),
    ]


@pytest.mark.parametrize(
    ("currency", "written", "minor"), [("jpy", "-7500", -7500), ("jpy", "7500.00", 7500), ("kwd", "1.234", 1234)]
)
def test_minor_units_are_those_of_the_currency(currency: str, written: str, minor: int) -> None:
    line = f"txn_1,2026-07-01 12:00:00,{currency},{written},0,{written},transfer,tr_1,"
    (read,) = parse_stripe_csv(report(line), currency).lines
    assert read.amount_minor == minor


def test_a_sum_that_cannot_be_sealed_is_no_part_of_an_event() -> None:
    about: dict[str, Any] = {"line_class": LineClass.MATCHED, "category": "transfer", "lines": 1, "stripe_minor": 0}
    assert ClassTotal(**about, book_minor=2**53 - 1).difference_minor == 2**53 - 1
    with pytest.raises(ValidationError):
        ClassTotal(**about, book_minor=2**53)


def test_a_byte_order_mark_is_no_part_of_the_first_name() -> None:
    assert parse_stripe_csv(b"\xef\xbb\xbf" + report(GOOD), "usd") == parse_stripe_csv(report(GOOD), "usd")


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2026-07-01 12:00:00", "2026-07-01T12:00:00+00:00"),
        ("2026-07-01T12:00:00", "2026-07-01T12:00:00+00:00"),
        ("2026-07-01 12:00", "2026-07-01T12:00:00+00:00"),
        ("2026-07-01 12:00:00.25", "2026-07-01T12:00:00.250000+00:00"),
        ("2026-07-01 12:00:00Z", "2026-07-01T12:00:00+00:00"),
        ("2026-07-01 12:00:00+02:00", "2026-07-01T10:00:00+00:00"),
        ("2026-07-01", "2026-07-01T00:00:00+00:00"),
    ],
)
def test_a_time_is_in_utc_unless_it_says_otherwise(written: str, utc: str) -> None:
    (read,) = parse_stripe_csv(report(GOOD.replace("2026-07-01 12:00:00", written)), "usd").lines
    assert read.at.isoformat() == utc


@pytest.mark.parametrize(
    "written",
    [
        "20260701120000",
        "20260701212000",
        "2026-07-01 12:00:001",
        "2026-07-01T192",
        "2026-07-01 12:00:0",
        "2026-07-01 12-00-00",
        "2026-07-01 12:60:00",
        "2026-07-01 12:0a:00",
        "2026/07/01 12:00:00",
    ],
)
def test_a_time_with_digits_too_many_or_too_few_is_refused(written: str) -> None:
    (said,) = problems(report(GOOD.replace("2026-07-01 12:00:00", written)))
    assert said.startswith(f"line 2, created_utc: {written!r} is not a time")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            report(GOOD).replace(b"tr_1", b"tr_\xe9"),
            ["line 2: byte 160 of the file (0xe9) is not UTF-8"],
        ),
        (report(GOOD).decode().encode("utf-16"), ["line 1: byte 0: it is in UTF-16"]),
        (b"", ["the file: it is empty"]),
        (b"\n\n", ["the file: it is empty"]),
        (report(GOOD).replace(b",net,", b",nett,"), ["line 1: missing columns: net"]),
        (report(GOOD).replace(b",fee,", b",gross,"), ["line 1, gross: two columns have this name"]),
        (report(GOOD.replace("-75.00,0", '"-1,075.00",0')), ["line 2, gross: '-1,075.00' has thousands separators"]),
        (report(GOOD.replace("-75.00,0", '"-75,00",0')), ["line 2, gross: '-75,00' has a decimal comma"]),
        (report(GOOD.replace("-75.00,0", "-75.001,0")), ["line 2, gross: -75.001 has more than 2 decimal places"]),
        (report(GOOD.replace("-75.00,0", "1e5,0")), ["line 2, gross: '1e5' is not an amount"]),
        (report(GOOD.replace("-75.00,0", "=1+1,0")), ["line 2, gross: '=1+1' is a formula, not an amount"]),
        (
            report(GOOD.replace("-75.00,0", "-1000000000000,0")),
            ["line 2, gross: '-1000000000000' has more than 12 digits before the point"],
        ),
        (
            report(*[GOOD.replace("-75.00", "-999999999999.00")] * 30),
            ["line 24, net: the amounts up to here come to more than 4503599627370496 minor units"],
        ),
        (report(GOOD.replace("-75.00,0", ",0")), ["line 2, gross: the amount is empty"]),
        (report(GOOD + "=cmd|' /C calc'!A0"), ["line 2, description: \"=cmd|' /C calc'!A0\" is a formula"]),
        (report(GOOD + "@SUM(A1)"), ["line 2, description: '@SUM(A1)' is a formula"]),
        (report(GOOD.replace(",usd,", ",eur,")), ["line 2, currency: 'eur' is not usd, the currency of the program"]),
        (report(GOOD.replace("2026-07-01 12", "7/1/26 12")), ["line 2, created_utc: '7/1/26 12:00:00' is not a time"]),
        (
            report(GOOD.replace("2026", "1999"), GOOD.replace("2026", "9999")),
            [
                f"line {line}, created_utc: '{year}-07-01 12:00:00' is not in the years"
                for line, year in ((2, 1999), (3, 9999))
            ],
        ),
        (report(GOOD, GOOD.replace("tr_1", "tr_\0")), ["line 3: it holds a NUL byte"]),
        (("a," * 500 + "\n").encode() + report(GOOD), ["line 1: it has 501 columns"]),
        (report(GOOD, GOOD[:40]), ["line 3: 5 fields, where the header has 9"]),
        (report(GOOD, GOOD + '"cut'), ["line 3: a quote is opened and never closed"]),
        (report(GOOD + "x" * 200_000), ["line 2: field larger than field limit (131072)"]),
        (report(GOOD.replace("txn_1", "")), ["line 2, balance_transaction_id: it is empty"]),
        (
            report(GOOD.replace("-75.00,0", "x,0"), GOOD, GOOD.replace("tr_1", "=A1")),
            ["line 2, gross: 'x' is not an amount", "line 4, source_id: '=A1' is a formula"],
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_what_to_do(content: bytes, said: list[str]) -> None:
    found = problems(content)
    assert [each.startswith(expected) for each, expected in zip(found, said, strict=True)] == [True] * len(said), found
    assert all("; " in each for each in found)


def test_the_payouts_metadata_is_no_formula_either() -> None:
    content = report(GOOD + ",=A1").replace(b"description", b"description,transfer_metadata[payout_id]")
    (said,) = problems(content)
    assert said.startswith("line 2, transfer_metadata[payout_id]: '=A1' is a formula")


def test_a_line_break_in_a_cell_does_not_move_the_numbers_of_lines() -> None:
    lines = (GOOD + '"two\nlines"', GOOD.replace("-75.00,0", "x,0"))
    assert problems(report(*lines))[0].startswith("line 4, gross")


def test_problems_are_listed_up_to_a_bound() -> None:
    with pytest.raises(BadFileError) as refused:
        parse_stripe_csv(report(*[GOOD.replace("-75.00,0", "x,0")] * (MOST_PROBLEMS + 5)), "usd")
    assert (len(refused.value.problems), refused.value.more) == (MOST_PROBLEMS, True)


def test_other_currencies_are_left_out_and_counted_if_only_one_is_asked_for() -> None:
    content = report(GOOD, GOOD.replace(",usd,", ",eur,").replace("-75.00", "no amount"))
    activity = parse_stripe_csv(content, "usd", others_left_out=True)
    assert (len(activity.lines), activity.left_out) == (1, 1)


def test_a_payout_is_known_by_what_stripe_exports_of_it() -> None:
    payout = "pay_abcdefghijklmnopqrst"
    (said,) = parse_stripe_csv(report(f"{GOOD}Bonus {payout}"), "usd").lines
    with_metadata = report(GOOD + f",{payout}").replace(b"description", b"description,transfer_metadata[payout_id]")
    (named,) = parse_stripe_csv(with_metadata, "usd").lines
    assert said.payout_id == named.payout_id == payout


def test_the_order_of_lines_is_not_part_of_the_digest() -> None:
    other = GOOD.replace("_1", "_2")
    digests = [parse_stripe_csv(report(*lines), "usd").sha256 for lines in ((GOOD, other), (other, GOOD), (GOOD,))]
    assert digests[0] == digests[1] != digests[2]


def test_a_bank_statement_is_seen_from_stripes_balance() -> None:
    statement = "date;amount;currency;reference\n2026-07-01;-5000.00;USD;top-up tu_1AbCdEfGh\n2026-07-31;12.30;usd;\n"
    topup, payout = parse_bank_csv(statement.encode(), "usd").lines
    assert (topup.amount_minor, topup.source_id, payout.amount_minor, payout.source_id) == (
        500_000,
        "tu_1AbCdEfGh",
        -1230,
        None,
    )


def test_columns_of_a_statement_may_have_other_names() -> None:
    names = {"date": "Datum", "amount": "Betrag", "currency": "Wkz"}
    content = b"Datum;Saldo;Betrag;Wkz\n2026-07-01;9,99;-1.00;USD\n"
    assert [each.amount_minor for each in parse_bank_csv(content, "usd", names=names).lines] == [100]
    with pytest.raises(BadFileError, match="missing columns: date, amount, currency"):
        parse_bank_csv(content, "usd")


def test_equal_lines_of_a_statement_stay_two() -> None:
    line = "2026-07-01,-1.00,usd,STRIPE,\n"
    activity: Activity = parse_bank_csv((BANK + line + line).encode(), "usd")
    assert len({each.id for each in activity.lines}) == 2


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("2026-07-01,-1.00,usd,=HYPERLINK(),", "line 2, description: '=HYPERLINK()' is a formula"),
        ('2026-07-01,"1.234,56",usd,,', "line 2, amount: '1.234,56' has thousands separators"),
        ("01.07.2026,-1.00,usd,,", "line 2, date: '01.07.2026' is not a time"),
        ("2026-07-01,-1.00,gbp,,", "line 2, currency: 'gbp' is not usd"),
    ],
)
def test_a_bad_line_of_a_statement_is_told(line: str, said: str) -> None:
    with pytest.raises(BadFileError) as refused:
        parse_bank_csv((BANK + line + "\n").encode(), "usd")
    (problem,) = refused.value.problems
    assert str(problem).startswith(said)
