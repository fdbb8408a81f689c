"""The read models: equal to a replay of the log, whatever happened and however it was batched."""

import threading
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import LiteralString

import psycopg
import pytest

from ledger.events import PlatformFundsAvailable, StripeCredentialsAccepted, StripeCredentialsRejected
from ledger.identifiers import payout_id
from ledger.lifecycle import parse_fact
from ledger.store import EventEnvelope, Wakeups
from ledger.store.connection import ConnectionSettings, open_pool
from projections.fold import apply
from projections.following import follow
from projections.projector import ProjectionStoppedError, Projector, StandbyError
from projections.rebuild import NothingToRollBackError, RebuildRunningError, compare_with_replay, rebuild, roll_back
from projections.rows import ReadModel
from sandbox.season.generator import generate
from tests.projections.conftest import SmallLedger


def play_a_season(ledger: SmallLedger, seed: int, instructors: int = 40) -> None:
    """A generated season, with the payouts it leads to carried out one way or another."""
    random = Random(seed)
    deliveries = [parse_fact(delivery) for delivery in generate(instructors, seed)]
    ledger.ingestion.ingest(deliveries, "tests")
    rows = ledger.log.read()[0]
    for bonus in [recorded.event for recorded in rows if type(recorded.event).__name__ == "BonusEarned"]:
        while random.random() < 0.8:
            request = ledger.request(bonus.payout_id)  # type: ignore[attr-defined]
            outcome = random.choice(["settled", "settled", "declined", "unknown", "nothing"])
            if outcome == "nothing":
                break
            ledger.answer(request, outcome)
            if outcome != "declined":
                break
    ledger.record(PlatformFundsAvailable(stripe_event_id="evt_1"), StripeCredentialsRejected())


@pytest.mark.parametrize(("seed", "batch_size"), [(1, 1), (2, 7), (3, 100), (4, 5000)])
def test_however_the_log_is_batched_the_tables_equal_a_replay_from_zero(
    ledger: SmallLedger, seed: int, batch_size: int
) -> None:
    play_a_season(ledger, seed)

    while ledger.projector.step(batch_size)[0]:
        pass

    assert compare_with_replay(ledger.owner_pool, ledger.log) == []
    replayed = ReadModel()
    for recorded in ledger.log.stream():
        apply(replayed, recorded)
    totals = ledger.read_models.totals()
    assert totals.position == ledger.log.recorder.head() == replayed.program.position
    assert len(replayed.payouts) > 3
    assert totals.money_minor["earned_minor"] == sum(row.amount_minor for row in replayed.payouts.values())
    assert sum(totals.statuses.values()) == len(replayed.referrals)
    assert sum(totals.money_minor.values()) == 2 * totals.money_minor["earned_minor"]


def test_a_row_changed_behind_our_back_is_named_and_mended_by_a_rebuild(ledger: SmallLedger) -> None:
    play_a_season(ledger, 5)
    ledger.projector.catch_up()
    with psycopg.connect(ledger.url) as connection:
        connection.execute(
            "UPDATE read_model.payout SET amount_minor = amount_minor + 1 WHERE earned_position IN "
            "(SELECT min(earned_position) FROM read_model.payout)"
        )

    found = compare_with_replay(ledger.owner_pool, ledger.log)
    rebuilt = rebuild(ledger.owner_pool, ledger.log)

    (difference,) = found
    assert (difference.table, difference.key) == ("payout", ("payout_id",))
    assert difference.live is not None
    assert difference.rebuilt is not None
    assert difference.live != difference.rebuilt
    assert rebuilt.differences == found
    assert compare_with_replay(ledger.owner_pool, ledger.log) == []


def test_a_rebuild_goes_on_from_where_others_write_and_can_be_rolled_back(ledger: SmallLedger) -> None:
    play_a_season(ledger, 6)
    ledger.projector.catch_up()
    ledger.earn_bonus("writes-meanwhile", "and-this-one-too")

    result = rebuild(ledger.owner_pool, ledger.log)

    assert result.differences == []
    assert result.position == ledger.log.recorder.head() == ledger.read_models.position()
    after = ledger.read_models.totals()
    roll_back(ledger.owner_pool, ledger.log)
    assert ledger.read_models.position() == result.position
    assert ledger.read_models.totals() == after


def test_the_next_read_models_are_built_by_one_at_a_time(ledger: SmallLedger) -> None:
    play_a_season(ledger, 7)
    ledger.projector.catch_up()
    under_way, may_end = threading.Event(), threading.Event()

    def dawdle(_position: int) -> None:
        under_way.set()
        assert may_end.wait(30)

    with ThreadPoolExecutor(1) as somebody_else:
        theirs = somebody_else.submit(rebuild, ledger.owner_pool, ledger.log, dawdle)
        assert under_way.wait(30)
        try:
            for ours in (rebuild, compare_with_replay):
                with pytest.raises(RebuildRunningError):
                    ours(ledger.owner_pool, ledger.log)
            with pytest.raises(RebuildRunningError):
                roll_back(ledger.owner_pool, ledger.log)
        finally:
            may_end.set()
        assert theirs.result(30).differences == []
    assert rebuild(ledger.owner_pool, ledger.log).differences == []


def test_without_previous_read_models_there_is_nothing_to_roll_back(ledger: SmallLedger) -> None:
    with pytest.raises(NothingToRollBackError):
        roll_back(ledger.owner_pool, ledger.log)


@pytest.mark.parametrize(
    "migration",
    [
        "ALTER TABLE read_model.payout ADD COLUMN added integer",
        "CREATE INDEX added ON read_model.payout (amount_minor)",
    ],
)
def test_there_is_no_way_back_over_a_migration(ledger: SmallLedger, migration: LiteralString) -> None:
    rebuild(ledger.owner_pool, ledger.log)
    with psycopg.connect(ledger.url) as connection:
        connection.execute(migration)
    with pytest.raises(NothingToRollBackError):
        roll_back(ledger.owner_pool, ledger.log)


def test_readers_see_whole_answers_while_rebuilds_swap(ledger: SmallLedger) -> None:
    ledger.earn_bonus("ref", "friend")
    ledger.projector.catch_up()
    expected = ledger.read_models.referred("ref", limit=10)
    done = threading.Event()
    wrong: list[object] = []

    def read() -> None:
        while not done.is_set():
            answer = ledger.read_models.referred("ref", limit=10)
            if answer != expected:
                wrong.append(answer)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for _ in range(5):
        rebuild(ledger.owner_pool, ledger.log)
    done.set()
    for reader in readers:
        reader.join()

    assert wrong == []


def test_an_event_that_cannot_be_digested_stops_the_projection_right_before_it(ledger: SmallLedger) -> None:
    ledger.earn_bonus("ref", "friend")
    head = ledger.log.recorder.head()
    ledger.log.recorder.append([EventEnvelope(type="FromTheFuture", data=b"{}", tags=["payout:x"])])
    ledger.earn_bonus("ref2", "friend2")

    with pytest.raises(ProjectionStoppedError) as stopped:
        ledger.projector.catch_up()

    assert stopped.value.position == head
    assert ledger.read_models.position() == head
    assert ledger.read_models.totals().bonuses["founding"] == 1


def test_a_payout_event_without_its_bonus_stops_the_projection(ledger: SmallLedger) -> None:
    ledger.earn_bonus("ref", "friend")
    request = ledger.request(payout_id("friend"))
    head = ledger.log.recorder.head()
    ledger.answer(request.model_copy(update={"payout_id": "pay_nobody"}), "settled")

    with pytest.raises(ProjectionStoppedError):
        ledger.projector.catch_up()

    assert ledger.read_models.position() == head


def test_one_projector_works_and_the_others_stand_by(ledger: SmallLedger) -> None:
    ledger.earn_bonus("ref", "friend")
    ledger.projector.catch_up()
    with psycopg.connect(ledger.url) as active:
        active.execute("SELECT FROM read_model.program FOR UPDATE")
        with pytest.raises(StandbyError):
            ledger.projector.catch_up()
    ledger.earn_bonus("ref2", "friend2")
    assert ledger.projector.catch_up() == ledger.log.recorder.head()


def test_a_batch_that_fails_leaves_neither_rows_nor_checkpoint(ledger: SmallLedger) -> None:
    ledger.earn_bonus("ref", "friend")
    with psycopg.connect(ledger.url) as connection:
        connection.execute("ALTER TABLE read_model.instructor_earnings ADD CONSTRAINT broken CHECK (paid = 99)")

    with pytest.raises(psycopg.errors.CheckViolation):
        ledger.projector.step(ledger.log.recorder.head())

    assert ledger.read_models.position() == 0
    assert ledger.read_models.referred("ref", limit=5).items == []


def test_an_event_that_the_tables_refuse_stops_the_projection_right_before_it(ledger: SmallLedger) -> None:
    ledger.earn_bonus("ref", "friend")
    with psycopg.connect(ledger.url) as connection:
        connection.execute("ALTER TABLE read_model.payout ADD CONSTRAINT broken CHECK (amount_minor = 0)")

    with pytest.raises(ProjectionStoppedError) as stopped:
        ledger.projector.catch_up()

    earned = next(each for each in ledger.log.read()[0] if type(each.event).__name__ == "BonusEarned")
    assert stopped.value.position == ledger.read_models.position() == earned.position - 1


def test_a_database_that_takes_no_writes_is_not_an_event_that_cannot_be_digested(ledger: SmallLedger) -> None:
    """As a server is that has handed over to another one."""
    ledger.earn_bonus("ref", "friend")
    read_only = ConnectionSettings(server_settings={"default_transaction_read_only": "on"})
    with open_pool(ledger.url, read_only) as pool, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        Projector(pool, ledger.log).catch_up()


def test_the_application_cannot_change_the_log_through_the_read_models_connection(ledger: SmallLedger) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege), ledger.pool.connection() as connection:
        connection.execute("DELETE FROM ledger.event")


def test_a_referral_tells_where_it_stands_and_why(ledger: SmallLedger) -> None:
    payout = ledger.earn_bonus("ref", "friend")
    ledger.projector.catch_up()
    (waiting,) = ledger.read_models.referred("ref", limit=5).items
    assert (waiting.status, waiting.reason, waiting.who) == ("pending_transfer", "no_payout_account", "referrer")
    assert (waiting.tier, waiting.founding_spot, waiting.amount_minor, waiting.currency) == ("founding", 1, 7500, "usd")

    ledger.tell(("payout_account_updated", "ref", {"stripe_account_id": "acct_closed1", "transfers_active": True}))
    ledger.answer(ledger.request(payout), "declined")
    ledger.projector.catch_up()
    (declined,) = ledger.read_models.referred("ref", limit=5).items
    assert (declined.status, declined.reason, declined.who) == ("failed", "account_declined", "referrer")
    assert declined.next_attempt_at is not None

    ledger.answer(ledger.request(payout), "unknown")
    ledger.projector.catch_up()
    (unknown,) = ledger.read_models.referred("ref", limit=5).items
    assert (unknown.status, unknown.reason) == ("pending_transfer", "confirming_with_stripe")

    ledger.answer(ledger.request(payout), "settled")
    ledger.projector.catch_up()
    (paid,) = ledger.read_models.referred("ref", limit=5).items
    assert (paid.status, paid.reason, paid.transfer_id) == ("paid", "paid", f"tr_{payout}")
    assert paid.paid_at is not None


def test_rejected_credentials_explain_every_payout_that_would_be_sent(ledger: SmallLedger) -> None:
    ledger.earn_bonus("ref", "friend")
    ledger.tell(("payout_account_updated", "ref", {"stripe_account_id": "acct_ok1", "transfers_active": True}))
    ledger.record(StripeCredentialsRejected())
    ledger.projector.catch_up()
    (view,) = ledger.read_models.payouts(limit=5).items
    assert (view.reason, view.who) == ("stripe_credentials_rejected", "operator")
    assert [each.payout_id for each in ledger.read_models.waiting(most=5).payouts] == [view.payout_id]

    ledger.record(StripeCredentialsAccepted())
    ledger.projector.catch_up()
    (view,) = ledger.read_models.payouts(limit=5).items
    assert view.reason == "queued"
    assert ledger.read_models.waiting(most=5).payouts == []


def test_pages_show_every_row_once_while_new_ones_arrive(ledger: SmallLedger) -> None:
    for number in range(7):
        ledger.earn_bonus("ref", f"friend-{number}")
    ledger.projector.catch_up()

    seen: list[str] = []
    after = None
    while True:
        page = ledger.read_models.payouts(limit=3, after=after, referrer_id="ref")
        seen += [view.referred_id for view in page.items]
        ledger.earn_bonus("ref", f"late-{len(seen)}")
        ledger.projector.catch_up()
        after = page.next_after
        if after is None:
            break

    assert seen == [f"friend-{number}" for number in reversed(range(7))]


def test_before_the_first_event_the_answers_are_empty_and_right(ledger: SmallLedger) -> None:
    founding = ledger.read_models.founding()
    assert (founding.is_founding_phase, founding.spots_filled, founding.spots_remaining) == (True, 0, 100)
    assert ledger.read_models.totals().statuses == {}
    assert ledger.read_models.stats("nobody").counts["paid"] == 0
    assert ledger.read_models.payout("pay_none") == (None, 0)


def test_the_follower_keeps_up_while_facts_arrive(ledger: SmallLedger) -> None:
    stop = threading.Event()
    with Wakeups(ledger.url) as wakeups:
        follower = threading.Thread(target=follow, args=(ledger.projector, stop, wakeups))
        follower.start()
        for number in range(20):
            ledger.earn_bonus("ref", f"friend-{number}")
        with Wakeups(ledger.url) as ours:
            while ledger.read_models.position() < ledger.log.recorder.head():
                ours.wait(ledger.log.recorder.head(), 0.01)
        stop.set()
        wakeups.close()
        follower.join()
    assert ledger.read_models.stats("ref").counts["pending_transfer"] == 20
