"""Eight processes, one PostgreSQL, the same moment."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from random import Random
from typing import Any

import pytest

from ledger.event_log import EventLog
from ledger.events import BonusEarned, ProgramTermsSet, Recorded
from ledger.ingestion import Ingestion
from ledger.lifecycle import parse_fact
from ledger.program import INITIAL_TERMS
from ledger.set_terms import ensure_terms
from ledger.store import PostgresRecorder
from tests.ingestion.invariants import check_log
from tests.ingestion.names import Names
from tests.ingestion.racing import RACERS, Race, change_terms, ingest, ingest_or_change_terms, racers
from tests.rules.vocabulary import cloud_event, minute, terms

REFERRED = [f"ins_{number:03}" for number in range(130)]


@pytest.fixture(scope="module")
def race() -> Iterator[Race]:
    with racers() as ready:
        yield ready


@pytest.fixture
def url(database_url: str) -> str:
    """A program that has begun, with one code."""
    with closing(PostgresRecorder(database_url)) as recorder:
        ensure_terms(EventLog(recorder), now=minute(0))
    record(database_url, [cloud_event("referral_code_issued", "ada", code="ADA")])
    return database_url


def record(url: str, deliveries: list[dict[str, Any]]) -> None:
    with closing(PostgresRecorder(url)) as recorder:
        receipts = Ingestion(EventLog(recorder), Names()).ingest([parse_fact(item) for item in deliveries], "tests")
    assert {receipt.outcome for receipt in receipts} == {"recorded"}


def log_of(url: str) -> list[Recorded]:
    with closing(PostgresRecorder(url)) as recorder:
        return EventLog(recorder).read()[0]


def bonuses_in(log: list[Recorded]) -> list[BonusEarned]:
    return [recorded.event for recorded in log if isinstance(recorded.event, BonusEarned)]


def almost_earned(referred: list[str]) -> list[dict[str, Any]]:
    signed_up = [cloud_event("signed_up", who, referral_code="ADA") for who in referred]
    return signed_up + [cloud_event("went_live", who) for who in referred]


def shares(deliveries: list[Any], size: int) -> list[tuple[int, list[Any]]]:
    """Dealt like cards, so that the last spots are wanted by everyone."""
    return [(size, deliveries[racer::RACERS]) for racer in range(RACERS)]


@pytest.mark.parametrize("size", [1, 3])
def test_the_founding_cap_is_exact_however_many_race_for_the_last_spots(race: Race, url: str, size: int) -> None:
    record(url, almost_earned(REFERRED))
    lessons = [cloud_event("lesson_completed", who, lesson_id="first") for who in REFERRED]
    outcomes = race.run(ingest, url, shares(lessons, size))
    assert Counter(outcome for each in outcomes for outcome in each) == {("recorded", None): 130}
    log = log_of(url)
    bonuses = bonuses_in(log)
    assert [bonus.founding_spot for bonus in bonuses] == [*range(1, 101), *[None] * 30]
    assert Counter((bonus.tier, bonus.amount_minor) for bonus in bonuses) == {
        ("founding", 7500): 100,
        ("standard", 5000): 30,
    }
    assert {bonus.referred_id for bonus in bonuses} == set(REFERRED)
    check_log(log)


def test_the_same_facts_told_by_everyone_earn_each_bonus_once(race: Race, url: str) -> None:
    referred = REFERRED[:12]
    facts = [
        *almost_earned(referred),
        *(cloud_event("lesson_completed", who, lesson_id="first") for who in referred),
        *(
            cloud_event("payout_account_updated", who, stripe_account_id="acct_1", transfers_active=True)
            for who in referred
        ),
    ]
    told = [(5, Random(racer).sample(facts, len(facts))) for racer in range(RACERS)]
    outcomes = Counter(outcome for each in race.run(ingest, url, told) for outcome in each)
    assert outcomes == {("recorded", None): len(facts), ("duplicate", None): len(facts) * (RACERS - 1)}
    log = log_of(url)
    assert sorted(bonus.referred_id for bonus in bonuses_in(log)) == referred
    check_log(log)


def test_a_code_that_everyone_wants_has_one_owner(race: Race, url: str) -> None:
    codes = [f"CODE{number}" for number in range(25)]
    wanted = [
        (4, [cloud_event("referral_code_issued", f"ins_{racer}", code=code) for code in codes])
        for racer in range(RACERS)
    ]
    outcomes = race.run(ingest, url, wanted)
    for attempts in zip(*outcomes, strict=True):
        assert Counter(attempts) == {("recorded", None): 1, ("rejected", "code_taken"): RACERS - 1}
    check_log(log_of(url))


def test_terms_set_by_everyone_are_all_recorded_in_some_order(race: Race, url: str) -> None:
    wanted = [terms(cap) for cap in range(RACERS)]
    positions = race.run(change_terms, url, wanted)
    log = log_of(url)
    events = [recorded.event for recorded in log if isinstance(recorded.event, ProgramTermsSet)]
    assert events[0] == INITIAL_TERMS
    assert sorted(events[1:], key=lambda each: each.founding_cap) == wanted
    assert [log[(position or 0) - 1].event for position in positions] == wanted


def test_every_bonus_has_the_terms_in_force_while_somebody_keeps_changing_them(race: Race, url: str) -> None:
    referred = REFERRED[: 7 * 6]
    record(url, almost_earned(referred))
    lessons = [cloud_event("lesson_completed", who, lesson_id="first") for who in referred]
    caps = Random(7).choices(range(30), k=12)
    changes = [terms(cap, founding=7500 + place) for place, cap in enumerate(caps)]
    told = [(2, lessons[racer::7]) for racer in range(7)]
    race.run(ingest_or_change_terms, url, [*told, changes])
    log = log_of(url)
    assert len(bonuses_in(log)) == len(referred)
    assert sum(isinstance(recorded.event, ProgramTermsSet) for recorded in log) == 1 + len(changes)
    check_log(log)
