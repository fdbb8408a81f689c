"""Cells that a spreadsheet would run are made text; numbers stay numbers; nothing is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.csv_cells import neutralised
from tests.export.decoding import as_it_was

STARTS = "=+-@\t\r\n＝＋－＠"  # noqa: RUF001 - the full-width forms are meant

text = st.text(st.sampled_from([*STARTS, *" '0123456789.,abc|é"]), max_size=12) | st.text(max_size=12)


@pytest.mark.parametrize("start", STARTS)
def test_what_begins_a_formula_is_made_text(start: str) -> None:
    for cell in (f"{start}cmd|'/C calc'!A0", f"  {start}1", start):
        assert neutralised(cell) == f"'{cell}"


@pytest.mark.parametrize("number", ["0", "7500", "-7500", "+5", "-75.00", "12.5"])
def test_numbers_stay_numbers(number: str) -> None:
    assert neutralised(number) == number


@pytest.mark.parametrize("plain", ["", "ins_1", "pay_abc", "a=1", "1+1", "O'Hara", "{}", "[1]", "'quoted'"])
def test_plain_text_stays_as_it_is(plain: str) -> None:
    assert neutralised(plain) == plain


@given(text)
def test_no_cell_begins_a_formula_and_none_is_lost(cell: str) -> None:
    written = neutralised(cell)
    assert not written.lstrip(" ").startswith(tuple(STARTS)) or written.strip("+-").replace(".", "").isdigit()
    assert as_it_was(written) == cell
