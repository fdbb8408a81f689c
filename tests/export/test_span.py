"""From and to, by date or position, both included."""

from datetime import UTC, datetime, timedelta

import pytest

from api.export.span import Span, SpanError, span_of
from ledger.store import EventEnvelope, InMemoryRecorder

FIRST = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def log() -> InMemoryRecorder:
    """Two events a day, at midnight and half a second before the next one, from January 1st to 10th, but none on the 5th."""
    moments = iter(
        FIRST + timedelta(days=day) + offset
        for day in range(10)
        if day != 4
        for offset in (timedelta(), timedelta(hours=23, minutes=59, seconds=59.5))
    )
    recorder = InMemoryRecorder(clock=lambda: next(moments))
    for _ in range(18):
        recorder.append([EventEnvelope("Happened", b"{}", [])])
    return recorder


@pytest.mark.parametrize(
    ("begin", "end", "positions"),
    [
        (None, None, (1, 18)),
        ("1", "18", (1, 18)),
        ("7", "7", (7, 7)),
        ("2026-01-01", "2026-01-01", (1, 2)),
        ("2026-01-02", "2026-01-04", (3, 8)),
        ("2026-01-04", "2026-01-06", (7, 10)),
        ("2026-01-05", None, (9, 18)),
        (None, "2026-01-05", (1, 8)),
        ("2025-01-01", "2199-12-31", (1, 18)),
        ("3", "2026-01-03", (3, 6)),
        ("2026-01-09", "17", (15, 17)),
    ],
)
def test_both_ends_are_included(
    log: InMemoryRecorder, begin: str | None, end: str | None, positions: tuple[int, int]
) -> None:
    span = span_of(log, begin, end, log.head())
    assert [event.position for event in span.read(log)] == list(range(positions[0], positions[1] + 1))
    assert str(span) == f"{positions[0]}-{positions[1]}"


def test_days_on_which_nothing_happened_are_no_mistake(log: InMemoryRecorder) -> None:
    for day in ("2026-01-05", "2027-01-01", "2025-12-31"):
        assert list(span_of(log, day, day, log.head()).read(log)) == []
    assert span_of(InMemoryRecorder(), None, None, 0) == Span(0, 0)


def test_days_that_follow_each_other_share_nothing_and_leave_nothing_out(log: InMemoryRecorder) -> None:
    days = [(FIRST + timedelta(days=day)).date().isoformat() for day in range(10)]
    spans = [span_of(log, day, day, log.head()) for day in days]
    assert [event.position for span in spans for event in span.read(log)] == list(range(1, 19))


@pytest.mark.parametrize(
    ("begin", "end", "wrong"),
    [
        ("19", None, "from: the log ends at position 18"),
        (None, "19", "to: the log ends at position 18"),
        ("8", "7", "from: it begins after its end"),
        ("2026-01-06", "2026-01-05", "from: it begins after its end"),
        ("2026-01-09", "3", "from: it begins after its end"),
        ("3", "2026-01-01", "from: it begins after its end"),
        ("2026-01-05", "8", "from: it begins after its end"),
        ("2026-02-30", None, "from: there is no such day"),
        ("0", None, "from: a date like"),
        ("-1", None, "from: a date like"),
        (None, "yesterday", "to: a date like"),
        (None, "9999-12-31", "to: a date like"),
        ("9999-12-30", None, "from: a date like"),
        ("0001-01-01", None, "from: a date like"),
        (None, "0001-01-01", "to: a date like"),
        (None, "2200-01-01", "to: a date like"),
        ("1999-12-31", None, "from: a date like"),
        (None, "٢", "to: a date like"),
        ("20260101x", None, "from: a date like"),
        ("", None, "from: a date like"),
    ],
)
def test_ends_that_name_no_stretch_are_refused(
    log: InMemoryRecorder, begin: str | None, end: str | None, wrong: str
) -> None:
    with pytest.raises(SpanError) as refused:
        span_of(log, begin, end, log.head())
    assert str(refused.value).startswith(wrong)
