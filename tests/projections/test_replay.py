"""Looking back: as of any position, a replay gives the answers that were given then."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import LiteralString

import psycopg
import pytest

from ledger.event_log import EventLog
from ledger.events import AboutPayout, Event, ReferralAttributed
from ledger.identifiers import referral_id
from ledger.ingestion import Ingestion
from ledger.payouts.policy import PAY_AT_ONCE
from ledger.store import InMemoryRecorder
from projections import answers, replay
from projections.as_of import AsOf, NotYetError, UnreadableMomentError, moment, parse
from projections.queries import ReadModels
from projections.rebuild import compare_with_replay
from projections.replay import Replay
from projections.replay_check import DifferingValue, differing_value
from tests.ingestion.names import Names
from tests.projections.conftest import SmallLedger
from tests.projections.lively import live

NOW = datetime(2026, 4, 1, 12, 30, tzinfo=UTC)


class Clock:
    """An hour later whenever it is looked at."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(hours=1)
        return self.now


def a_lively_log(seed: int, instructors: int = 40) -> EventLog:
    log = EventLog(InMemoryRecorder(Clock()))
    live(log, Ingestion(log, Names(), patience_seconds=0), seed, instructors)
    return log


def whom_it_concerns(event: Event) -> set[str]:
    """The instructors that an event speaks of."""
    names = ("instructor_id", "referrer_id", "referred_id")
    return {getattr(event, name) for name in names if hasattr(event, name)}


def test_as_of_every_position_the_answers_are_those_that_were_given_then(ledger: SmallLedger) -> None:
    live(ledger.log, ledger.ingestion, seed=1, instructors=14)
    looking_back = Replay(ledger.log)
    compared, then = 0, AsOf(0, NOW)

    for recorded in ledger.log.read()[0]:
        then = AsOf(recorded.position, recorded.recorded_at)
        ledger.projector.catch_up(until=then.position)
        given = ReadModels(ledger.pool, lambda then=then: then.at)  # type: ignore[misc]

        assert looking_back.totals(then) == given.totals()
        for instructor_id in whom_it_concerns(recorded.event):
            replayed = looking_back.instructor(instructor_id, then)
            assert replayed.stats == given.stats(instructor_id)
            assert replayed.referred == given.referred(instructor_id, limit=100).items
            compared += len(replayed.referred)
        if isinstance(recorded.event, AboutPayout):
            assert (looking_back.payout(recorded.event.payout_id, then), then.position) == given.payout(
                recorded.event.payout_id
            )

    assert then.position == ledger.log.recorder.head() > 60
    assert compared > 60


@pytest.mark.parametrize("seed", range(6))
def test_what_is_folded_for_one_answer_gives_what_the_whole_log_gives(seed: int) -> None:
    log = a_lively_log(seed)
    narrow, lots = Replay(log), Random(seed)
    instructors = set().union(*(whom_it_concerns(recorded.event) for recorded in log.stream()))
    referrals = {each.event.referral_id for each in log.stream() if isinstance(each.event, ReferralAttributed)}
    payouts = {each.event.payout_id for each in log.stream() if isinstance(each.event, AboutPayout)}
    assert len(payouts) > 3

    for position in {log.recorder.head(), *(lots.randint(0, log.recorder.head()) for _ in range(4))}:
        then = AsOf(position, Clock().now + timedelta(hours=position))
        whole = replay.fold(log, position)
        around = replay.surroundings(whole, then, PAY_AT_ONCE)

        assert narrow.totals(then) == answers.totals(whole.program)
        for name in instructors:
            assert narrow.instructor(name, then) == replay.instructor_as_of(whole, name, around)
        for name in referrals:
            assert narrow.referral(name, then) == replay.referral_as_of(whole, name, around)
        for name in payouts:
            assert narrow.payout(name, then) == replay.payout_as_of(whole, name, around)


def test_before_its_first_event_nothing_is_known_of_it() -> None:
    log = a_lively_log(1)
    first = next(each for each in log.stream() if isinstance(each.event, ReferralAttributed))
    assert isinstance(first.event, ReferralAttributed)
    replayed = Replay(log)

    before = moment(log.recorder, first.position - 1, NOW)
    assert replayed.referral(first.event.referral_id, before) is None
    assert replayed.referral(first.event.referral_id, moment(log.recorder, first.position, NOW)) is not None
    assert replayed.instructor("nobody", before).stats.earned_minor == 0
    assert replayed.totals(AsOf(0, NOW)).statuses == {}
    assert referral_id(first.event.referred_id) == first.event.referral_id


def test_a_time_is_the_last_position_recorded_by_then() -> None:
    log = a_lively_log(2, instructors=5)
    for recorded in log.stream():
        after = recorded.recorded_at + timedelta(minutes=1)
        newest = max(each.position for each in log.stream() if each.recorded_at == recorded.recorded_at)
        assert moment(log.recorder, recorded.recorded_at, NOW) == AsOf(newest, recorded.recorded_at)
        assert moment(log.recorder, after, NOW) == AsOf(newest, after)
        assert moment(log.recorder, recorded.position, NOW) == AsOf(recorded.position, recorded.recorded_at)
    assert moment(log.recorder, datetime(2020, 1, 1, tzinfo=UTC), NOW).position == 0
    assert moment(log.recorder, None, NOW) == AsOf(log.recorder.head(), NOW)


def test_what_is_still_to_come_cannot_be_looked_back_to() -> None:
    log = a_lively_log(2, instructors=5)
    with pytest.raises(NotYetError, match="is still to come"):
        moment(log.recorder, NOW + timedelta(seconds=1), NOW)
    with pytest.raises(NotYetError, match="the log ends at position"):
        moment(log.recorder, log.recorder.head() + 1, NOW)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("0", 0),
        (" 3488 ", 3488),
        ("2026-03-31T18:00:00Z", datetime(2026, 3, 31, 18, tzinfo=UTC)),
        ("2026-03-31t18:00:00.25+02:00", datetime(2026, 3, 31, 16, 0, 0, 250000, tzinfo=UTC)),
        ("2026-03-31", datetime(2026, 3, 31, 23, 59, 59, 999999, tzinfo=UTC)),
        ("2026-04-01", NOW),
        ("2026-04-02", datetime(2026, 4, 2, 23, 59, 59, 999999, tzinfo=UTC)),
    ],
)
def test_a_moment_is_a_position_a_time_or_a_day(text: str, meant: object) -> None:
    assert parse(text, NOW) == meant


@pytest.mark.parametrize(
    "text",
    [
        *("", "yesterday", "-1", "1e3", "٣", "9" * 19, "2026-03-31T18:00:00", "2026-02-30", "2026-03-31T25:00:00Z"),
        *("2026-03-31T18:00:00+99:00", "9999-12-31", "0001-01-01T00:00:00+14:00"),
    ],
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(UnreadableMomentError, match="not a moment"):
        parse(text, NOW)


def differing(ledger: SmallLedger, tampering: LiteralString) -> DifferingValue:
    """The first difference once somebody has changed the live tables."""
    with psycopg.connect(ledger.url) as connection:
        connection.execute(tampering)
    return differing_value(compare_with_replay(ledger.owner_pool, ledger.log)[0])


def test_the_check_names_row_column_and_both_values(ledger: SmallLedger) -> None:
    payout = ledger.earn_bonus("anna", "ben")
    ledger.earn_bonus("anna", "carl")
    ledger.projector.catch_up()

    assert differing(
        ledger, "UPDATE read_model.payout SET tier = 'standard' WHERE referred_id = 'ben'"
    ) == DifferingValue(
        table="payout", key=f"payout_id {payout}", column="tier", live='"standard"', replayed='"founding"'
    )
    tampering: LiteralString = """
        UPDATE read_model.payout SET tier = 'founding', state = jsonb_set(state, '{bonus,amount_minor}', '1')
        WHERE referred_id = 'ben'
    """
    assert differing(ledger, tampering) == DifferingValue(
        table="payout", key=f"payout_id {payout}", column="state.bonus.amount_minor", live="1", replayed="7500"
    )
    mended: LiteralString = "UPDATE read_model.payout SET state = jsonb_set(state, '{bonus,amount_minor}', '7500')"
    found = differing(ledger, mended + "; UPDATE read_model.program SET earned_minor = 0, paid = 9")
    assert (found.table, found.key, found.column, found.more) == ("program", "only_row True", "earned_minor", 1)


def test_the_check_names_rows_that_one_side_does_not_have(ledger: SmallLedger) -> None:
    ledger.earn_bonus("anna", "ben")
    ledger.projector.catch_up()
    made_up = differing(ledger, "INSERT INTO read_model.instructor (instructor_id, codes) VALUES ('nobody', '{}')")
    assert (made_up.table, made_up.key, made_up.column) == ("instructor", "instructor_id nobody", None)
    assert made_up.replayed == "(no such row)"
    gone = differing(ledger, "DELETE FROM read_model.instructor WHERE instructor_id IN ('nobody', 'ben')")
    assert (gone.table, gone.key, gone.live) == ("instructor", "instructor_id ben", "(no such row)")


def test_the_check_is_not_fooled_by_a_checkpoint_that_was_removed(ledger: SmallLedger) -> None:
    ledger.earn_bonus("anna", "ben")
    assert compare_with_replay(ledger.owner_pool, ledger.log) == []
    ledger.projector.catch_up()
    assert differing(ledger, "DELETE FROM read_model.program").replayed == "(no such row)"


def test_the_check_changes_nothing(ledger: SmallLedger) -> None:
    ledger.earn_bonus("anna", "ben")
    ledger.projector.catch_up()
    before = ledger.read_models.totals(), ledger.log.recorder.head()
    assert compare_with_replay(ledger.owner_pool, ledger.log) == []
    assert (ledger.read_models.totals(), ledger.log.recorder.head()) == before
    with psycopg.connect(ledger.url) as connection:
        schemas = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'read_model%'"
        assert [name for (name,) in connection.execute(schemas)] == ["read_model"]
