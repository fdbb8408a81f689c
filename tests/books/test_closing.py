"""Closing months on a real ledger: final, in order, repeatable, and safe against crashes and each other."""

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from ledger.books.closing import Begun, JournalBehindError, NotCutOffError, PeriodClosing
from ledger.books.periods import ClosedPeriod, Refused
from ledger.events import PeriodClosed, PeriodCutOff
from projections.journal_month import COLUMNS, MonthsOfJournal
from projections.rebuild import compare_with_replay, rebuild
from tests.projections.conftest import SmallLedger


@dataclass
class Clock:
    now: datetime = datetime(2026, 5, 10, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def closing_of(ledger: SmallLedger, **parts: Any) -> PeriodClosing:
    given: dict[str, Any] = {
        "log": ledger.log,
        "journal": MonthsOfJournal(ledger.pool),
        "clock": Clock(),
        "seal_at_least": lambda _: None,
    }
    return PeriodClosing(**(given | parts))


def close(ledger: SmallLedger, month: str, **parts: Any) -> ClosedPeriod:
    closing = closing_of(ledger, **parts)
    begun = closing.begin(month, "ada")
    assert not isinstance(begun, Refused), begun
    ledger.projector.catch_up()
    return closing.finish(month, "ada")


def export(ledger: SmallLedger, period: ClosedPeriod) -> bytes:
    with MonthsOfJournal(ledger.pool).month(period.event.month, period.after) as books:
        return b"".join(books.export())


def balances(period: ClosedPeriod) -> dict[str, tuple[int, int, int, int]]:
    return {
        str(each.account): (each.opening_minor, each.debit_minor, each.credit_minor, each.closing_minor)
        for each in period.event.trial_balance
    }


def periods_on_the_log(ledger: SmallLedger) -> list[str]:
    kinds = (PeriodCutOff, PeriodClosed)
    return [
        f"{type(each.event).__name__} {each.event.month}"
        for each in ledger.log.stream()
        if isinstance(each.event, kinds)
    ]


@pytest.fixture
def march(ledger: SmallLedger) -> SmallLedger:
    """Two bonuses are earned in March; one of them is paid in April, by which time both are known."""
    payout_id = ledger.earn_bonus("anna", "ben")
    ledger.earn_bonus("anna", "carl")
    ledger.answer(ledger.request(payout_id), "settled")
    ledger.projector.catch_up()
    return ledger


def test_a_closed_month_holds_its_entries_and_the_next_goes_on_from_it(march: SmallLedger) -> None:
    first = close(march, "2026-03")
    assert (first.event.entries, first.closed_by, first.after) == (2, "ada", None)
    assert balances(first) == {"bonuses_payable": (0, 0, 15000, -15000), "bonus_expense": (0, 15000, 0, 15000)}

    second = close(march, "2026-04")
    assert (second.event.entries, second.after) == (2, "2026-03")
    assert balances(second) == {
        "stripe_balance": (0, 0, 7500, -7500),
        "transfers_in_flight": (0, 7500, 7500, 0),
        "bonuses_payable": (-15000, 7500, 0, -7500),
        "bonus_expense": (15000, 0, 0, 15000),
    }


def test_a_closed_month_is_the_same_to_the_byte_for_ever(march: SmallLedger) -> None:
    closed = close(march, "2026-03")
    before = export(march, closed)
    assert hashlib.sha256(before).hexdigest() == closed.event.digest
    march.earn_bonus("dora", "emil")  # happened in March
    close(march, "2026-04")
    rebuild(march.owner_pool, march.log)
    assert export(march, closed) == before
    assert compare_with_replay(march.owner_pool, march.log) == []


def test_late_facts_are_posted_to_the_open_month_under_their_original_date(march: SmallLedger) -> None:
    close(march, "2026-03")
    march.earn_bonus("dora", "emil")
    april = close(march, "2026-04")
    late = [line for line in export(march, april).decode().splitlines() if "BonusEarned" in line]
    assert april.event.entries == 3
    assert [line.split(",")[1] for line in late] == ["2026-04", "2026-04"]
    assert all("2026-03-01T" in line for line in late)


def test_the_export_has_opening_balances_lines_turnover_and_closing_balances(march: SmallLedger) -> None:
    header, *rows = export(march, close(march, "2026-03")).decode().splitlines()
    assert header.split(",") == list(COLUMNS)
    assert [row.split(",")[0] for row in rows] == ["opening"] * 2 + ["line"] * 4 + ["turnover"] * 2 + ["closing"] * 2
    assert rows[-1] == "closing,2026-03,,,,,,,bonus_expense,,usd,15000,0"


def test_closing_a_closed_month_changes_nothing(march: SmallLedger) -> None:
    closed = close(march, "2026-03")
    head = march.log.recorder.head()
    assert closing_of(march).begin("2026-03", "bob") == closed
    assert closing_of(march).finish("2026-03", "bob") == closed
    assert march.log.recorder.head() == head


def test_a_closing_that_was_interrupted_goes_on(march: SmallLedger) -> None:
    begun = closing_of(march).begin("2026-03", "ada")
    march.earn_bonus("dora", "emil")  # comes between the crash and the second try
    march.projector.catch_up()
    assert closing_of(march).begin("2026-03", "bob") == begun
    assert isinstance(closing_of(march).begin("2026-04", "bob"), Refused)
    closed = closing_of(march).finish("2026-03", "bob")
    assert (closed.event.entries, closed.closed_by) == (2, "bob")
    assert periods_on_the_log(march) == ["PeriodCutOff 2026-03", "PeriodClosed 2026-03"]


def test_nothing_is_closed_before_the_journal_reflects_the_cut_off(march: SmallLedger) -> None:
    closing = closing_of(march)
    begun = closing.begin("2026-03", "ada")
    assert isinstance(begun, Begun)
    with pytest.raises(JournalBehindError):
        closing.finish("2026-03", "ada")
    with pytest.raises(NotCutOffError):
        closing.finish("2026-04", "ada")
    march.projector.catch_up(until=begun.cut_off_position)
    assert closing.finish("2026-03", "ada").event.cut_off_position == begun.cut_off_position


def test_many_who_close_the_same_month_close_it_once(march: SmallLedger) -> None:
    together = threading.Barrier(4)

    def one(name: str) -> ClosedPeriod:
        closing = closing_of(march)
        together.wait()
        closing.begin("2026-03", name)
        if together.wait() == 0:
            march.projector.catch_up()
        together.wait()
        return closing.finish("2026-03", name)

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(one, ["ada", "bob", "cleo", "dan"]))
    assert found == [found[0]] * 4
    assert periods_on_the_log(march) == ["PeriodCutOff 2026-03", "PeriodClosed 2026-03"]


def test_a_month_without_entries_is_closed_too(march: SmallLedger) -> None:
    later = Clock(datetime(2026, 7, 1, tzinfo=UTC))
    *_, may = [close(march, month, clock=later) for month in ("2026-03", "2026-04", "2026-05")]
    assert may.event.entries == 0
    assert balances(may)["bonuses_payable"] == (-7500, 0, 0, -7500)


def test_what_was_posted_to_a_month_before_the_first_closed_one_belongs_to_that(march: SmallLedger) -> None:
    """Two facts race: the first closing, and a bonus that was earned before all others."""

    class LooksTooEarly(MonthsOfJournal):
        def first_period(self) -> str | None:
            return "2026-04"

    closed = close(march, "2026-04", journal=LooksTooEarly(march.pool))
    assert closed.event.entries == 4
    assert balances(closed)["bonuses_payable"] == (0, 7500, 15000, -7500)


def test_a_closed_month_carries_the_seal_of_the_log_it_was_made_from(march: SmallLedger) -> None:
    asked: list[int] = []

    def seal(position: int) -> str:
        asked.append(position)
        return "a signed checkpoint"

    closed = close(march, "2026-03", seal_at_least=seal)
    assert closed.event.seal == "a signed checkpoint"
    assert asked == [closed.event.cut_off_position]


def test_a_line_changed_behind_our_back_changes_the_digest(march: SmallLedger) -> None:
    closed = close(march, "2026-03")
    with psycopg.connect(march.url) as connection:
        connection.execute("UPDATE read_model.journal_line SET payout_id = 'pay_other' WHERE line = 1")
    assert hashlib.sha256(export(march, closed)).hexdigest() != closed.event.digest
