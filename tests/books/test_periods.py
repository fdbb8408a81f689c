"""Which month may be closed, and what it takes: the pure decision."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.books.months import following, month_of, period_of
from ledger.books.periods import AlreadyClosed, CutOff, GoOn, Refused, decide, fold
from ledger.events import Event, PeriodClosed, PeriodCutOff, Recorded

NOW = datetime(2026, 5, 10, tzinfo=UTC)


def cut(month: str) -> PeriodCutOff:
    return PeriodCutOff(month=month)


def closed(month: str) -> PeriodClosed:
    return PeriodClosed(month=month, cut_off_position=1, entries=0, trial_balance=(), digest="0" * 64, seal=None)


def log_of(*events: Event) -> list[Recorded]:
    return [Recorded(event, NOW, place, uuid4(), NOW, "ada", None, None) for place, event in enumerate(events, start=1)]


def decided(*events: Event, month: str, first: str | None = "2026-02") -> str:
    """In words."""
    match decide(fold(log_of(*events)), month, first, NOW):
        case CutOff(event=event):
            return f"cut off {event.month}"
        case GoOn(after=after):
            return f"go on after {after}"
        case AlreadyClosed(period=period):
            return f"closed at {period.position} after {period.after}"
        case Refused(code=code):
            return code


MARCH_CLOSED = (cut("2026-02"), closed("2026-02"), cut("2026-03"), closed("2026-03"))


@pytest.mark.parametrize(
    ("events", "month", "decision"),
    [
        pytest.param((), "2026-02", "cut off 2026-02", id="the first month with an entry"),
        pytest.param((), "2026-01", "period_not_next", id="before the books begin"),
        pytest.param((), "2026-03", "period_not_next", id="a month that leaves a gap"),
        pytest.param((), "2026-05", "period_not_over", id="the month we are in"),
        pytest.param((), "2027-01", "period_not_over", id="a month to come"),
        pytest.param((cut("2026-02"),), "2026-02", "go on after None", id="a closing that was interrupted"),
        pytest.param((cut("2026-02"),), "2026-03", "period_not_next", id="another one meanwhile"),
        pytest.param((cut("2026-02"), closed("2026-02")), "2026-02", "closed at 2 after None", id="closed"),
        pytest.param(MARCH_CLOSED, "2026-03", "closed at 4 after 2026-02", id="closed after another"),
        pytest.param(MARCH_CLOSED, "2026-04", "cut off 2026-04", id="the next month"),
        pytest.param((*MARCH_CLOSED, cut("2026-04")), "2026-04", "go on after 2026-03", id="the next one, interrupted"),
        pytest.param(MARCH_CLOSED, "2026-01", "period_not_next", id="before what was closed first"),
        pytest.param(MARCH_CLOSED, "2026-05", "period_not_over", id="not over, and next"),
        pytest.param(MARCH_CLOSED, "0000-01", "period_not_next", id="no year of any calendar"),
    ],
)
def test_months_are_closed_in_order_once_they_are_over(events: tuple[Event, ...], month: str, decision: str) -> None:
    assert decided(*events, month=month) == decision


def test_where_nothing_was_posted_there_is_nothing_to_close() -> None:
    assert decided(month="2026-02", first=None) == "nothing_to_close"


def test_a_month_ends_at_midnight_utc() -> None:
    summer = datetime.fromisoformat("2026-08-01T01:30:00+02:00")
    assert month_of(summer) == "2026-07"
    assert isinstance(decide(fold([]), "2026-07", "2026-07", summer), Refused)
    assert isinstance(decide(fold([]), "2026-07", "2026-07", summer + timedelta(hours=1)), CutOff)


@pytest.mark.parametrize(
    ("occurred", "cut_off", "period"),
    [
        ("2026-03-31", None, "2026-03"),
        ("2026-03-31", "2026-02", "2026-03"),
        ("2026-03-31", "2026-03", "2026-04"),
        ("2025-01-01", "2026-12", "2027-01"),
        ("2026-05-01", "2026-03", "2026-05"),
    ],
)
def test_an_entry_is_posted_to_its_own_month_or_the_earliest_open_one(
    occurred: str, cut_off: str | None, period: str
) -> None:
    assert period_of(datetime.fromisoformat(f"{occurred}T12:00:00Z"), cut_off) == period


@given(st.dates(max_value=date(9998, 12, 31)).map(lambda day: datetime(day.year, day.month, day.day, tzinfo=UTC)))
def test_months_follow_each_other_as_text_does(moment: datetime) -> None:
    month = month_of(moment)
    assert following(month) == month_of(moment.replace(day=28) + timedelta(days=4)) > month
