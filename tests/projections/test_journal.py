"""The journal: what the events post, at any moment, by either clock; and it stays what a replay of the log says."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from uuid import uuid4

import psycopg
import pytest

from api.payees import as_csv, paid_in, payees
from ledger.books.accounts import Account
from ledger.books.months import period_of
from ledger.books.posting import Entry, Line, entry
from ledger.events import PeriodCutOff, Recorded, TransferReversed, payout_tag
from ledger.history import about
from ledger.payouts import payout_fold as payouts
from ledger.payouts.intents import reversal_intent
from ledger.payouts.payout import Payout
from ledger.people import PeopleDirectory
from projections.journal import Filters, Journal
from projections.journal_rows import JournalLine, JournalRows
from projections.journal_views import PayeeView, TrialBalance
from projections.rebuild import compare_with_replay, rebuild
from projections.tables import WorkingRows, claim_program, use_schema
from projections.views import Page
from tests.projections.conftest import SmallLedger
from tests.projections.test_read_models import play_a_season

FEBRUARY = datetime(2026, 2, 1, tzinfo=UTC)
SOMETHING = PeriodCutOff(month="2026-01")  # for entries that a test posts by itself


def balances(found: TrialBalance) -> dict[str, int]:
    return {str(each.account): each.balance_minor for each in found.accounts if each.balance_minor}


def post_at_random(ledger: SmallLedger, random: Random, entries: int) -> list[JournalLine]:
    """Entries recorded over three weeks, most of them late, into the tables as the projector writes them."""
    journal = JournalRows()
    recorded_at = FEBRUARY
    position = 0
    for _ in range(entries):
        position += random.randint(1, 3)
        recorded_at += timedelta(seconds=random.choice([0, 1, 3600, 20_000]))
        occurred_at = recorded_at - timedelta(seconds=random.choice([0, 5, 40_000, 500_000]))
        amount_minor = random.randint(1, 7500)
        debit, credit = random.sample(list(Account), 2)
        posted = Entry("Tested", "pay_1", "usd", (Line(debit, None, amount_minor), Line(credit, None, -amount_minor)))
        recorded = Recorded(SOMETHING, occurred_at, position, uuid4(), recorded_at, "tests", None, None)
        journal.post(posted, recorded, period_of(occurred_at, None))
        if random.random() < 0.2:
            write(ledger, journal)
            journal = JournalRows()
    write(ledger, journal, position)
    with psycopg.connect(ledger.url) as connection:
        rows = connection.execute("SELECT * FROM read_model.journal_line ORDER BY position, line").fetchall()
    return [JournalLine(*row) for row in rows]


def write(ledger: SmallLedger, journal: JournalRows, position: int | None = None) -> None:
    with ledger.pool.connection() as connection, connection.transaction():
        use_schema(connection, "read_model")
        program = claim_program(connection)
        assert program is not None
        if position is not None:
            program.position = position
        rows = WorkingRows(connection, program)
        rows.model.journal = journal
        rows.save()


@pytest.mark.parametrize("seed", range(3))
def test_at_any_moment_by_either_clock_a_trial_balance_is_the_sum_of_its_lines(ledger: SmallLedger, seed: int) -> None:
    random = Random(seed)
    lines = post_at_random(ledger, random, entries=150)
    journal = Journal(ledger.pool)
    moments = [None, FEBRUARY - timedelta(days=30), *(line.occurred_at for line in lines)]
    for _ in range(60):
        as_of = random.choice([None, 0, *(line.position for line in lines), lines[-1].position + 10])
        effective_at = random.choice(moments)
        expected: Counter[str] = Counter()
        for line in lines:
            known = as_of is None or line.position <= as_of
            if known and (effective_at is None or line.occurred_at <= effective_at):
                expected[line.account] += line.amount_minor
        found = journal.trial_balance(as_of, effective_at)
        assert balances(found) == {account: minor for account, minor in expected.items() if minor}, (
            as_of,
            effective_at,
        )
        assert sum(each.balance_minor for each in found.accounts) == 0


@pytest.mark.parametrize("seed", range(2))
def test_from_any_moment_on_a_statement_has_the_lines_that_happened_then(ledger: SmallLedger, seed: int) -> None:
    random = Random(seed)
    lines = [line for line in post_at_random(ledger, random, entries=120) if line.account == "stripe_balance"]
    journal = Journal(ledger.pool)
    for begins in random.sample([line.occurred_at for line in lines], 12):
        ends = begins + timedelta(days=random.choice([0, 1, 10]))
        expected = [line.position for line in lines if begins <= line.occurred_at <= ends]
        found = journal.statement(Account.STRIPE_BALANCE, limit=500, effective_from=begins, effective_at=ends)
        assert [line.position for line in found.items] == expected
        assert found.opening_minor == sum(line.amount_minor for line in lines if line.occurred_at < begins)
        assert found.closing_minor == found.items[-1].balance_minor
        filters = Filters(account=Account.STRIPE_BALANCE, effective_from=begins, effective_at=ends)
        assert [each.position for each in journal.entries(filters, limit=500).items] == expected


def test_the_journal_of_a_season_is_what_its_events_post(ledger: SmallLedger) -> None:
    play_a_season(ledger, 11)
    while ledger.projector.step(17)[0]:
        pass
    posted: Counter[str] = Counter()
    known: dict[str, Payout | None] = {}
    entries = 0
    for recorded in ledger.log.stream():
        payout_id = getattr(recorded.event, "payout_id", "")
        made = entry(known.get(payout_id), recorded)
        if payout_id:
            known[payout_id] = payouts.evolve(known.get(payout_id), recorded)
        for line in made.lines if made else ():
            posted[str(line.account)] += line.amount_minor
        entries += made is not None
    journal = Journal(ledger.pool)

    assert balances(journal.trial_balance()) == {account: minor for account, minor in posted.items() if minor}
    page = journal.entries(Filters(), limit=10_000)
    assert (len(page.items), page.next_after, page.position) == (entries, None, ledger.log.recorder.head())
    assert journal.unbalanced(10) == []
    assert compare_with_replay(ledger.owner_pool, ledger.log) == []


def test_a_line_changed_behind_our_back_is_named_and_mended_by_a_rebuild(ledger: SmallLedger) -> None:
    ledger.earn_bonus("anna", "ben")
    ledger.projector.catch_up()
    with psycopg.connect(ledger.url) as connection:
        connection.execute("UPDATE read_model.journal_line SET amount_minor = amount_minor + 1 WHERE line = 1")
        connection.execute("UPDATE read_model.journal_day SET credit_minor = 0")

    assert Journal(ledger.pool).unbalanced(10) == [ledger.log.recorder.head()]
    found = compare_with_replay(ledger.owner_pool, ledger.log)
    assert {difference.table for difference in found} == {"journal_line", "journal_day"}
    rebuild(ledger.owner_pool, ledger.log)
    assert compare_with_replay(ledger.owner_pool, ledger.log) == []


def paid_and_taken_back(ledger: SmallLedger) -> str:
    """One bonus of anna's is paid, and half of it comes back; another is owed. The payout's id."""
    payout_id = ledger.earn_bonus("anna", "ben")
    ledger.answer(ledger.request(payout_id), "settled")
    payout = payouts.fold(ledger.log.read([about(payout_tag(payout_id))])[0])
    assert payout is not None
    assert payout.settlement is not None
    ledger.record(reversal_intent(payout, payout.settlement))
    ids = {
        name: getattr(payout.settlement, name) for name in ("payout_id", "referral_id", "referrer_id", "transfer_id")
    }
    came_back = {**ids, "amount_minor": 2500, "total_reversed_minor": 2500, "currency": "usd"}
    ledger.record(TransferReversed.model_validate(came_back))
    ledger.earn_bonus("anna", "carl")
    ledger.earn_bonus("dora", "emil")
    ledger.projector.catch_up()
    return payout_id


def test_entries_are_shown_whole_found_by_their_lines_and_paged(ledger: SmallLedger) -> None:
    payout_id = paid_and_taken_back(ledger)
    journal = Journal(ledger.pool)

    def found(filters: Filters, as_of: int | None = None) -> list[str]:
        return [each.event_type for each in journal.entries(filters, limit=50, as_of=as_of).items]

    story = ["BonusEarned", "TransferRequested", "TransferSettled", "ReversalRequested", "TransferReversed"]
    assert found(Filters()) == [*story, "BonusEarned", "BonusEarned"]
    assert found(Filters(payout_id=payout_id)) == story
    assert found(Filters(account=Account.TRANSFERS_IN_FLIGHT)) == story[1:3]
    assert found(Filters(instructor_id="anna")) == ["BonusEarned", *story[2:], "BonusEarned"]
    assert found(Filters(instructor_id="nobody")) == []
    assert found(Filters(period="2026-03")) == ["BonusEarned"] * 3
    assert found(Filters(effective_from=datetime(2026, 4, 1, tzinfo=UTC))) == story[1:]
    assert found(Filters(effective_at=datetime(2026, 4, 1, tzinfo=UTC))) == ["BonusEarned"] * 3
    first = journal.entries(Filters(), limit=3)
    assert [len(each.lines) for each in first.items] == [2, 2, 2]
    rest = journal.entries(Filters(), limit=50, after=first.next_after)
    assert [each.event_type for each in first.items + rest.items] == [*story, "BonusEarned", "BonusEarned"]
    assert rest.next_after is None
    assert found(Filters(), as_of=first.items[-1].position) == story[:3]


def test_a_statement_runs_from_its_opening_to_its_closing_balance(ledger: SmallLedger) -> None:
    paid_and_taken_back(ledger)
    journal = Journal(ledger.pool)
    april = datetime(2026, 4, 1, tzinfo=UTC)

    whole = journal.statement(Account.BONUSES_PAYABLE, "anna", limit=50)
    assert [line.balance_minor for line in whole.items] == [-7500, 0, -7500, -15000]
    assert (whole.opening_minor, whole.closing_minor, whole.next_after) == (0, -15000, None)
    assert {line.instructor_id for line in whole.items} == {"anna"}

    since = journal.statement(Account.BONUSES_PAYABLE, "anna", limit=50, effective_from=april)
    assert (since.opening_minor, [line.balance_minor for line in since.items]) == (-15000, [-7500, -15000])
    assert since.closing_minor == -15000

    everybody = journal.statement(Account.BONUSES_PAYABLE, limit=50, effective_from=april)
    assert (everybody.opening_minor, everybody.closing_minor) == (-22500, -22500)
    known_then = journal.statement(Account.BONUSES_PAYABLE, limit=50, as_of=whole.items[1].position)
    assert (len(known_then.items), known_then.closing_minor) == (2, 0)

    before_it_begins = datetime(2026, 1, 1, tzinfo=UTC)
    nothing = journal.statement(
        Account.BONUSES_PAYABLE, "anna", limit=50, effective_from=april, effective_at=before_it_begins
    )
    assert (nothing.opening_minor, nothing.items, nothing.closing_minor) == (-15000, [], -15000)


def test_the_pages_of_a_statement_go_on_from_each_other(ledger: SmallLedger) -> None:
    paid_and_taken_back(ledger)
    journal = Journal(ledger.pool)
    pages = [journal.statement(Account.BONUSES_PAYABLE, limit=2)]
    while (after := pages[-1].next_after) is not None:
        pages.append(journal.statement(Account.BONUSES_PAYABLE, limit=2, after=after))
    assert [line.balance_minor for page in pages for line in page.items] == [-7500, 0, -7500, -15000, -22500]
    assert all(page.items[-1].balance_minor == following.opening_minor for page, following in pairwise(pages))
    assert {page.closing_minor for page in pages} == {pages[-1].items[-1].balance_minor}


def test_what_is_recorded_after_a_cut_off_goes_to_the_open_month_under_its_own_date(ledger: SmallLedger) -> None:
    ledger.earn_bonus("anna", "ben")
    ledger.record(PeriodCutOff(month="2026-03"))
    ledger.projector.catch_up()
    ledger.earn_bonus("anna", "carl")
    ledger.projector.catch_up()
    found = Journal(ledger.pool).entries(Filters(), limit=10).items
    assert [(each.period, f"{each.occurred_at:%Y-%m}") for each in found] == [
        ("2026-03", "2026-03"),
        ("2026-04", "2026-03"),
    ]
    assert compare_with_replay(ledger.owner_pool, ledger.log) == []


def test_payees_of_a_year_are_paid_what_settled_less_what_came_back(ledger: SmallLedger) -> None:
    paid_and_taken_back(ledger)
    journal = Journal(ledger.pool)
    (anna,) = journal.payees(2026, limit=10).items
    assert (anna.instructor_id, anna.settled_minor, anna.reversed_minor, anna.paid_minor) == ("anna", 7500, 2500, 5000)
    assert journal.payees(2025, limit=10).items == []
    assert journal.payees(9999, limit=10).items == []


def test_payees_of_all_pages_are_those_of_the_moment_of_the_first(ledger: SmallLedger) -> None:
    for referrer, referred in (("anna", "ben"), ("bo", "carl"), ("cleo", "dan")):
        ledger.answer(ledger.request(ledger.earn_bonus(referrer, referred)), "settled")
    ledger.projector.catch_up()
    journal = Journal(ledger.pool)
    first = journal.payees(2026, limit=1)
    for referred in ("emil", "finn"):  # now cleo is first, and everybody else moves down
        ledger.answer(ledger.request(ledger.earn_bonus("cleo", referred)), "settled")
    ledger.projector.catch_up()
    rest = journal.payees(2026, limit=2, offset=1, as_of=first.position)
    assert [each.instructor_id for each in [*first.items, *rest.items]] == ["anna", "bo", "cleo"]
    assert [each.settled_minor for each in [*first.items, *rest.items]] == [7500, 7500, 7500]
    assert journal.payees(2026, limit=1).items[0].instructor_id == "cleo"


def test_payees_of_a_year_are_read_a_page_at_a_time(ledger: SmallLedger) -> None:
    """What writes them to a file holds one page, however many there are."""
    read: list[int] = []

    class Noting(Journal):
        def payees(self, year: int, *, limit: int, offset: int = 0, as_of: int | None = None) -> Page[PayeeView]:
            read.append(offset)
            return super().payees(year, limit=limit, offset=offset, as_of=as_of)

    for referrer, referred in (("anna", "ben"), ("bo", "carl"), ("cleo", "dan")):
        ledger.answer(ledger.request(ledger.earn_bonus(referrer, referred)), "settled")
    ledger.projector.catch_up()
    people = PeopleDirectory(ledger.pool)
    pages = paid_in(Noting(ledger.pool), 2026, page_size=1)
    lines = as_csv(payee for page in pages for payee in payees(page.items, 2026, {2026: 1}, people))
    assert [next(lines).split(",")[0] for _ in range(2)] == ["instructor_id", "anna"]
    assert read == [0]
    assert [line.split(",")[0] for line in lines] == ["bo", "cleo"]
    assert read == [0, 1, 2]


def test_of_an_empty_log_every_account_is_zero(ledger: SmallLedger) -> None:
    found = Journal(ledger.pool).trial_balance(as_of=5, effective_at=FEBRUARY)
    assert [each.account for each in found.accounts] == list(Account)
    assert (balances(found), found.position, found.as_of) == ({}, 0, 0)
