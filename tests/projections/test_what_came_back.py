"""What came back of a payment, in every figure: totals, books, payees, explanations; until it is given up, a part or all of it."""

from collections.abc import Mapping
from pathlib import Path

import pytest

import migrations
from api.cli import story_screen
from ledger.books.accounts import Account
from ledger.events import BonusEarned, PayoutCancelled, payout_tag
from ledger.history import about
from ledger.payouts.review import Done, PayoutReview
from ledger.reasons import EXPLANATIONS
from projections.journal import Journal
from projections.rebuild import compare_with_replay
from projections.replay import Replay
from projections.story import Stories
from projections.story_views import Sum
from tests.projections.conftest import NOW, SmallLedger
from tests.projections.lively import came_back

MONEY = ("earned_minor", "pending_minor", "failed_minor", "paid_minor", "reversed_minor", "cancelled_minor")


@pytest.fixture
def payout_id(ledger: SmallLedger) -> str:
    """A payout of 75 dollars, paid."""
    found = ledger.earn_bonus("anna", "ben")
    ledger.answer(ledger.request(found), "settled")
    return found


def bonus_of(ledger: SmallLedger, payout_id: str) -> BonusEarned:
    (recorded,), _ = ledger.log.read([about(payout_tag(payout_id), BonusEarned)])
    assert isinstance(recorded.event, BonusEarned)
    return recorded.event


def take_back(ledger: SmallLedger, payout_id: str, amount_minor: int, total_minor: int) -> None:
    """As somebody at Stripe does."""
    ledger.record(came_back(bonus_of(ledger, payout_id), amount_minor, total_minor))


def give_up(ledger: SmallLedger, payout_id: str) -> int:
    """Two persons; what it came to."""
    review = PayoutReview(ledger.log, lambda: NOW)
    asked = review.act("cancel", payout_id, note="not owed", actor="maker")
    assert isinstance(asked, Done)
    assert asked.approval is not None
    assert isinstance(review.decide(payout_id, asked.approval, granted=True, note="agreed", actor="checker"), Done)
    newest = ledger.log.read_last(about(payout_tag(payout_id), PayoutCancelled))
    assert newest is not None
    assert isinstance(newest.event, PayoutCancelled)
    return newest.event.amount_minor


def explained(ledger: SmallLedger, name: str) -> Sum:
    story = Stories(ledger.log, ledger.read_models, Replay(ledger.log), lambda: NOW).explain(name)
    assert story is not None
    return story.sums[0]


def stands(ledger: SmallLedger, payout_id: str) -> tuple[str, str, str]:
    """Status, reason and who acts. On the way all figures are held against each other."""
    ledger.projector.catch_up()
    money = {name: explained(ledger, name) for name in MONEY}
    assert {name: each.unexplained for name, each in money.items()} == dict.fromkeys(MONEY, 0)
    figures = {name: each.figure for name, each in money.items()}
    assert figures.pop("earned_minor") == sum(figures.values()) == 7500
    journal = Journal(ledger.pool)
    assert figures["paid_minor"] == sum(each.paid_minor for each in journal.payees(2026, limit=10).items)
    owed = figures["pending_minor"] + figures["failed_minor"] + figures["reversed_minor"]
    assert owed == payable(journal)
    assert ledger.read_models.totals().money_minor["paid_minor"] == figures["paid_minor"]
    assert figures["paid_minor"] == sum(each.paid_minor for each in ledger.read_models.months_of("anna"))
    assert compare_with_replay(ledger.owner_pool, ledger.log) == []
    view, _ = ledger.read_models.payout(payout_id)
    assert view is not None
    assert view.who == EXPLANATIONS[view.reason].who
    waiting = [each.payout_id for each in ledger.read_models.waiting(most=10).payouts]
    is_asked = view.approval is not None and not view.approval.granted
    assert waiting == ([payout_id] if view.who == "operator" and not is_asked else [])
    return view.status, view.reason, view.who


def payable(journal: Journal) -> int:
    accounts = journal.trial_balance().accounts
    return -sum(each.balance_minor for each in accounts if each.account is Account.BONUSES_PAYABLE)


def money(ledger: SmallLedger) -> Mapping[str, int]:
    """What is not zero."""
    figures = {name: explained(ledger, name).figure for name in MONEY[1:]}
    return {name: figure for name, figure in figures.items() if figure}


def test_a_part_comes_back_and_is_given_up_then_the_rest(ledger: SmallLedger, payout_id: str) -> None:
    assert stands(ledger, payout_id) == ("paid", "paid", "nobody")
    assert money(ledger) == {"paid_minor": 7500}

    take_back(ledger, payout_id, 2500, 2500)
    assert stands(ledger, payout_id) == ("paid", "partly_reversed", "operator")
    assert money(ledger) == {"paid_minor": 5000, "reversed_minor": 2500}

    assert give_up(ledger, payout_id) == 2500
    assert stands(ledger, payout_id) == ("paid", "partly_given_up", "nobody")
    assert money(ledger) == {"paid_minor": 5000, "cancelled_minor": 2500}

    take_back(ledger, payout_id, 5000, 7500)
    assert stands(ledger, payout_id) == ("reversed", "reversed", "operator")
    assert money(ledger) == {"reversed_minor": 5000, "cancelled_minor": 2500}

    assert give_up(ledger, payout_id) == 5000
    assert stands(ledger, payout_id) == ("cancelled", "cancelled", "nobody")
    assert money(ledger) == {"cancelled_minor": 7500}


def test_all_of_it_comes_back_in_parts_and_is_given_up_at_once(ledger: SmallLedger, payout_id: str) -> None:
    take_back(ledger, payout_id, 2500, 2500)
    take_back(ledger, payout_id, 5000, 7500)
    assert stands(ledger, payout_id) == ("reversed", "reversed", "operator")
    assert money(ledger) == {"reversed_minor": 7500}
    assert give_up(ledger, payout_id) == 7500
    assert stands(ledger, payout_id) == ("cancelled", "cancelled", "nobody")


def test_what_is_explained_of_the_paid_shows_the_part_that_came_back(
    ledger: SmallLedger, payout_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger.answer(ledger.request(ledger.earn_bonus("bo", "carl")), "settled")
    take_back(ledger, payout_id, 2500, 2500)
    ledger.projector.catch_up()
    paid = explained(ledger, "paid_minor")
    said = sorted((part.count, part.each_minor, part.bonus_minor, part.reversed_minor) for part in paid.parts)
    assert said == [(1, 5000, 7500, 2500), (1, 7500, 7500, 0)]
    story = Stories(ledger.log, ledger.read_models, Replay(ledger.log), lambda: NOW).explain("paid_minor")
    assert story is not None
    story_screen.show(story)
    shown = capsys.readouterr().out
    assert "1 x 50.00 USD = 50.00 USD  paid, founding; of 75.00 USD, 25.00 USD came back" in shown
    assert "Explained to the last cent." in shown


def test_read_models_that_counted_by_status_are_brought_to_the_same(ledger: SmallLedger, payout_id: str) -> None:
    """The upgrade itself: figures as the release before had them, then its SQL."""
    given_up, taken_back = ledger.earn_bonus("bo", "carl"), ledger.earn_bonus("cleo", "dan")
    for each in (given_up, taken_back):
        ledger.answer(ledger.request(each), "settled")
        take_back(ledger, each, 7500, 7500)
    give_up(ledger, given_up)
    take_back(ledger, payout_id, 2500, 2500)
    ledger.projector.catch_up()
    sql = (Path(migrations.__file__).parent / "versions" / "0010_what_came_back.sql").read_text()
    with ledger.owner_pool.connection() as connection:
        connection.execute("UPDATE read_model.payout SET state = state - 'given_up_minor'")
        connection.execute("ALTER TABLE read_model.payout DROP COLUMN given_up_minor")
        for sums in ("program", "instructor_earnings WHERE instructor_id = 'anna'"):
            table, _, where = sums.partition(" ")
            before = "paid_minor = paid_minor + 2500, reversed_minor = reversed_minor - 2500"
            connection.execute(f"UPDATE read_model.{table} SET {before} {where}")
        connection.execute(sql)
    assert compare_with_replay(ledger.owner_pool, ledger.log) == []
