"""The terms of the program: events like everything else."""

import pytest

from ledger.event_log import EventLog
from ledger.events import ProgramTermsSet
from ledger.program import INITIAL_TERMS
from ledger.set_terms import CurrencyFixedError, ensure_terms, set_terms
from ledger.store import InMemoryRecorder
from tests.rules.vocabulary import minute, terms


@pytest.fixture
def log() -> EventLog:
    return EventLog(InMemoryRecorder())


def terms_in(log: EventLog) -> list[ProgramTermsSet]:
    return [recorded.event for recorded in log.read()[0] if isinstance(recorded.event, ProgramTermsSet)]


def test_a_program_starts_with_a_hundred_founding_spots_of_75_dollars_and_then_pays_50() -> None:
    assert terms(cap=100, founding=7500, standard=5000, currency="usd") == INITIAL_TERMS


def test_a_new_log_begins_with_the_initial_terms_once(log: EventLog) -> None:
    ensure_terms(log, now=minute(0))
    ensure_terms(log, now=minute(1))
    assert terms_in(log) == [INITIAL_TERMS]


def test_terms_that_were_changed_are_not_reset(log: EventLog) -> None:
    set_terms(log, terms(cap=7), actor="ada", now=minute(0))
    ensure_terms(log, now=minute(1))
    assert terms_in(log) == [terms(cap=7)]


def test_new_terms_are_recorded_and_repeating_them_is_not(log: EventLog) -> None:
    ensure_terms(log, now=minute(0))
    assert set_terms(log, terms(cap=7), actor="ada", now=minute(1)) == 2
    assert set_terms(log, terms(cap=7), actor="ada", now=minute(2)) is None
    assert set_terms(log, INITIAL_TERMS, actor="ada", now=minute(3)) == 3
    assert terms_in(log) == [INITIAL_TERMS, terms(cap=7), INITIAL_TERMS]


def test_the_currency_stays(log: EventLog) -> None:
    ensure_terms(log, now=minute(0))
    with pytest.raises(CurrencyFixedError, match="usd, not in eur"):
        set_terms(log, terms(currency="eur"), actor="ada", now=minute(1))
    assert terms_in(log) == [INITIAL_TERMS]
