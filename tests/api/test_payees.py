"""Reporting thresholds by year, and payees as a CSV file."""

import csv
import io

import pytest
from pydantic import ValidationError

from api.payees import Payee, as_csv, threshold_minor
from api.settings import Settings


@pytest.mark.parametrize(
    ("year", "threshold"), [(1999, 60_000), (2024, 60_000), (2025, 60_000), (2026, 200_000), (2031, 200_000)]
)
def test_by_default_thresholds_are_those_of_the_united_states(year: int, threshold: int) -> None:
    assert threshold_minor(Settings(_env_file=None).payee_reporting_thresholds, year) == threshold


def test_a_year_without_a_threshold_of_its_own_has_that_of_the_newest_before_it() -> None:
    assert [threshold_minor({2020: 1, 2024: 2}, year) for year in (2019, 2020, 2023, 2024, 2025)] == [1, 1, 1, 2, 2]


def test_thresholds_are_set_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAYEE_REPORTING_THRESHOLDS", '{"2027": 250000}')
    assert Settings(_env_file=None).payee_reporting_thresholds == {2027: 250_000}


@pytest.mark.parametrize(
    "text", ["600", "{}", '{"2026": -1}', '{"2026": 1.5}', '{"MMXXVI": 1}', "{", "[]", '{"2026": null}']
)
def test_thresholds_that_make_no_sense_are_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("PAYEE_REPORTING_THRESHOLDS", text)
    with pytest.raises(ValidationError):
        Settings(_env_file=None)


def payee(name: str | None) -> Payee:
    return Payee(
        instructor_id="ins_1",
        display_name=name,
        year=2026,
        currency="usd",
        settled_minor=7500,
        reversed_minor=0,
        paid_minor=7500,
        threshold_minor=200_000,
        reportable=False,
    )


@pytest.mark.parametrize("name", ["=1+1", "+1+2", "-1+2", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_name_that_a_spreadsheet_would_run_is_made_plain_text(name: str) -> None:
    written = "".join(as_csv([payee(name)]))
    cell = next(csv.DictReader(io.StringIO(written, newline="")))["display_name"]
    assert cell.startswith("'")


def test_names_with_commas_quotes_and_lines_are_read_back() -> None:
    written = "".join(as_csv([payee('Ada "the first", of\nher name'), payee(None)]))
    rows = list(csv.DictReader(io.StringIO(written, newline="")))
    assert [row["display_name"] for row in rows] == ['Ada "the first", of\nher name', ""]
    assert rows[0]["paid_minor"] == "7500"
