"""The formats on their own: bounded row groups, account names, amounts, the day of an entry."""

import io
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from beancount.core import account as beancount
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from api.export.accounts import beancount_account, component, posted_on
from api.export.parquet import ROW_GROUP_SIZE, as_parquet
from api.export.table import Column, Table, in_pages
from api.export.text_formats import as_csv, as_ndjson
from ledger.books.accounts import Account
from ledger.major_units import decimals, in_major_units
from projections.journal_stretch import ExportedLine
from tests.export.decoding import instructor_of

ids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.:\-]{0,127}", fullmatch=True)


def numbers(count: int) -> Table:
    return Table((Column("number", "integer"),), in_pages([number] for number in range(count)))


def test_parquet_is_handed_on_in_bounded_row_groups() -> None:
    count = 2 * ROW_GROUP_SIZE + 1
    chunks = list(as_parquet(numbers(count)))
    assert len(chunks) == 4  # the groups, and the end of the file
    file = parquet.ParquetFile(io.BytesIO(b"".join(chunks)))
    groups = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
    assert groups == [ROW_GROUP_SIZE, ROW_GROUP_SIZE, 1]
    assert file.read().column("number").to_pylist() == list(range(count))


def test_an_empty_export_is_a_file_all_the_same() -> None:
    assert b"".join(as_csv(numbers(0))) == b"number\r\n"
    assert b"".join(as_ndjson(numbers(0))) == b""
    assert parquet.read_table(io.BytesIO(b"".join(as_parquet(numbers(0))))).num_rows == 0


@given(ids | st.text(min_size=1, max_size=20))
def test_an_account_of_beancounts_names_its_instructor(instructor_id: str) -> None:
    name = beancount_account(Account.BONUSES_PAYABLE, instructor_id)
    assert beancount.is_valid(name)
    assert instructor_of(name.split(":")[-1]) == instructor_id


@given(st.lists(ids, unique=True))
def test_no_two_instructors_share_an_account(instructor_ids: list[str]) -> None:
    assert len({component(each) for each in instructor_ids}) == len(instructor_ids)


@pytest.mark.parametrize(
    ("minor", "currency", "written"),
    [
        (7500, "usd", "75.00"),
        (-7505, "usd", "-75.05"),
        (5, "eur", "0.05"),
        (-5, "eur", "-0.05"),
        (7500, "jpy", "7500"),
        (-1, "jpy", "-1"),
        (7500, "kwd", "7.500"),
        (10**15 - 1, "usd", "9999999999999.99"),
    ],
)
def test_amounts_in_major_units(minor: int, currency: str, written: str) -> None:
    assert in_major_units(minor, currency) == written


@given(st.integers(-(10**18), 10**18), st.sampled_from(["usd", "jpy", "bhd"]))
def test_no_cent_is_lost_on_the_way(minor: int, currency: str) -> None:
    assert Decimal(in_major_units(minor, currency)).scaleb(decimals(currency)) == minor


@pytest.mark.parametrize(
    ("occurred_at", "period", "day"),
    [
        (datetime(2026, 1, 31, 23, 59, tzinfo=UTC), "2026-01", date(2026, 1, 31)),
        (datetime(2026, 1, 31, 23, 59, tzinfo=UTC), "2026-03", date(2026, 3, 1)),
    ],
)
def test_what_happened_in_a_closed_month_is_dated_in_the_open_one(
    occurred_at: datetime, period: str, day: date
) -> None:
    line = ExportedLine(
        position=1,
        line=1,
        event_id=UUID(int=1),
        event_type="BonusEarned",
        account=Account.BONUS_EXPENSE,
        instructor_id=None,
        payout_id="pay_1",
        currency="usd",
        amount_minor=7500,
        occurred_at=occurred_at,
        recorded_at=datetime(2026, 3, 2, tzinfo=UTC),
        period=period,
        opens=False,
    )
    assert posted_on(line) == day
