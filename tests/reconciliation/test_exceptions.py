"""From finding that something does not fit to settling it, on a real log."""

import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from eventsourcing.dcb.api import DCBQueryItem

from ledger.event_log import Appended, Draft, EventLog
from ledger.events import (
    FailureKind,
    LineClass,
    PayoutRetryAuthorized,
    ReconciliationCompleted,
    Resolution,
    UnknownEventTypeError,
)
from ledger.events.stored import decode
from ledger.history import about
from ledger.reconciliation import log_lines
from ledger.reconciliation.activity import Activity
from ledger.reconciliation.inputs import BadRangeError, Inputs
from ledger.reconciliation.log_lines import LogLines
from ledger.reconciliation.reconciling import (
    MOST_NEW_EXCEPTIONS,
    AlreadyResolvedError,
    NoSuchExceptionError,
    TooManyExceptionsError,
)
from tests.payouts.story import BONUS, came_back, failed, requested, reversal, settled
from tests.reconciliation.books import Books, paid
from tests.reconciliation.lines import MIDDLE, SINCE, UNTIL, theirs


def test_the_same_run_again_changes_nothing_and_says_the_same(books: Books) -> None:
    books.happened(*paid(1), *paid(2))
    first = books.reconcile(theirs(1), theirs(3))
    head = books.log.recorder.head()
    second = books.reconcile(theirs(3), theirs(1))

    assert (first.is_new, second.is_new) == (True, False)
    assert (second.run, second.open) == (first.run, first.open)
    assert books.log.recorder.head() == head
    assert len(books.runs()) == 1


def test_the_same_run_by_several_at_once_is_recorded_once(books: Books) -> None:
    books.happened(*paid(1), *paid(2))
    with ThreadPoolExecutor(4) as threads:
        outcomes = list(threads.map(lambda _: books.reconcile(theirs(1), theirs(3)), range(4)))

    assert sorted(each.is_new for each in outcomes) == [False, False, False, True]
    assert (len(books.runs()), len(books.exceptions()[0])) == (1, 2)
    assert len(books.lines().read(outcomes[0].run.completed)) == outcomes[0].run.completed.lines


def test_a_log_of_a_later_version_is_refused_and_the_next_one_is_read(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    books.happened(*(event for number in range(1_500) for event in paid(number)))
    monkeypatch.setattr(log_lines, "VERSION", 2)
    with pytest.raises(UnknownEventTypeError):
        books.reconcile()

    monkeypatch.undo()
    assert len(LogLines.read(books.lines().money_events()).lines) == 1_500


def test_a_later_run_resolves_what_it_finds_matched_and_another_opens_it_again(books: Books) -> None:
    books.happened(*paid(1), *paid(2))
    books.reconcile(theirs(1))
    (missing,) = books.found().values()
    assert (missing.found.line_class, missing.found.book_line_id) == (LineClass.MISSING_AT_STRIPE, "tr_2")

    assert books.reconcile(theirs(1), theirs(2)).open == []
    resolved = books.found()["missing_at_stripe"].resolved
    assert resolved is not None
    assert (resolved.resolution, resolved.by) == (Resolution.MATCHED_LATER, "reconciliation")

    (again,) = books.reconcile(theirs(1), theirs(9)._replace(category="fee")).open
    assert again.exception_id == missing.exception_id
    assert again.opened_at == missing.opened_at


def test_what_a_person_resolved_is_not_opened_again(books: Books) -> None:
    foreign = theirs(3)
    (exception,) = books.reconcile(foreign).open
    books.resolve(exception.exception_id, Resolution.NOT_OURS, "another shop", actor="ada")

    assert books.reconcile(foreign).open == []
    assert books.reconcile(foreign, theirs(4)._replace(category="fee")).open == []


def test_what_a_person_resolved_is_opened_again_with_another_difference(books: Books) -> None:
    books.happened(*paid(1))
    (cent,) = books.reconcile(theirs(1, amount_minor=7501)).open
    books.resolve(cent.exception_id, Resolution.ACCEPTED, "a cent", actor="ada")
    assert books.reconcile(theirs(1, amount_minor=7501)).open == []

    (again,) = books.reconcile(theirs(1, amount_minor=75_000)).open

    assert (again.exception_id, again.found.stripe_minor) == (cent.exception_id, -75_000)


def test_every_difference_that_a_person_resolved_stays_so(books: Books) -> None:
    books.happened(*paid(1))
    for amount_minor in (7501, 7502):
        (found,) = books.reconcile(theirs(1, amount_minor=amount_minor)).open
        books.resolve(found.exception_id, Resolution.ACCEPTED, "a cent or two", actor="ada")

    assert books.reconcile(theirs(1, amount_minor=7501), theirs(4)._replace(category="fee")).open == []
    assert books.reconcile(theirs(1, amount_minor=7502), theirs(4)._replace(category="fee")).open == []


def test_an_open_exception_shows_the_amounts_that_were_found_last(books: Books) -> None:
    books.happened(*paid(1))
    (cent,) = books.reconcile(theirs(1, amount_minor=7501)).open
    books.assign(cent.exception_id, "bob@example.com", actor="ada")

    (more,) = books.reconcile(theirs(1, amount_minor=75_000)).open

    assert (more.exception_id, more.owner, more.opened_at) == (cent.exception_id, "bob@example.com", cent.opened_at)
    assert more.found.stripe_minor == -75_000


def test_an_exception_that_changes_its_class_is_superseded(books: Books) -> None:
    books.happened(*paid(1))
    books.reconcile(theirs(2))
    (differs,) = (
        each for each in books.reconcile(theirs(1, amount_minor=7600)).open if each.found.book_line_id == "tr_1"
    )

    assert differs.found.line_class == LineClass.AMOUNT_DIFFERS
    resolved = books.found()["missing_at_stripe"].resolved
    assert resolved is not None
    assert (resolved.resolution, resolved.note) == (Resolution.SUPERSEDED, "now amount_differs")


def test_timing_opens_nothing_until_a_longer_range_does_not_find_it_either(books: Books) -> None:
    day = datetime(2026, 7, 16, tzinfo=UTC)
    books.happened(*paid(1), at=day - timedelta(minutes=1))
    assert books.reconcile(theirs(9)._replace(category="fee"), until=day).open == []

    (exception,) = books.reconcile(theirs(9)._replace(category="fee", at=day + timedelta(days=1))).open

    assert exception.found.line_class == LineClass.MISSING_AT_STRIPE


def test_with_time_more_is_seen_of_the_same_lines_and_that_is_another_run(books: Books) -> None:
    books.happened(*paid(1), at=MIDDLE)
    books.now = MIDDLE + timedelta(minutes=2)
    early = books.reconcile()
    books.now = MIDDLE + timedelta(minutes=3)
    again = books.reconcile()
    books.now = MIDDLE + timedelta(hours=1)
    late = books.reconcile()

    assert (early.open, early.is_new, again.is_new, late.is_new) == ([], True, False, True)
    assert early.run == again.run
    assert [each.found.line_class for each in late.open] == [LineClass.MISSING_AT_STRIPE]


def test_where_the_report_does_not_reach_nothing_is_missing_and_the_outcome_says_so(books: Books) -> None:
    books.happened(*paid(1), at=MIDDLE)
    report = Activity("stripe_csv", [theirs(9, SINCE + timedelta(days=4))._replace(category="fee")])

    outcome = books.run(Inputs(report, None, SINCE, UNTIL), actor="ada")

    assert (outcome.open, outcome.unseen) == ([], 1)
    (source,) = outcome.run.completed.sources
    assert source.seen_since == SINCE + timedelta(days=4)
    assert source.seen_until == source.seen_since + timedelta(seconds=1)  # Stripe's times are whole seconds


def test_an_exception_names_its_candidates_and_older_ones_have_none(books: Books) -> None:
    twice = [theirs(n, payout_id=None, source_id=f"tr_x{n}", account=None) for n in (1, 2)]
    books.happened(requested())
    by_line = {each.found.stripe_line_id: each.found for each in books.reconcile(*twice).open}

    in_flight = by_line[None]
    assert (in_flight.candidates, in_flight.candidates_in_all) == (("txn_1", "txn_2"), 2)
    assert by_line["txn_1"].candidates == (in_flight.book_line_id,)
    before = in_flight.model_dump(mode="json", exclude={"candidates", "candidates_in_all"})
    read = decode("ReconciliationExceptionOpened", 1, json.dumps(before).encode())
    assert read == in_flight.model_copy(update={"candidates": (), "candidates_in_all": 0})


def test_an_exception_has_an_owner_and_notes_until_it_is_resolved(books: Books) -> None:
    (exception,) = books.reconcile(theirs(3)).open
    name = exception.exception_id
    position = books.assign(name, "ada", actor="bob")
    assert books.assign(name, "ada", actor="bob") == position
    books.note(name, "asked Stripe", actor="ada")
    books.resolve(name, Resolution.ACCEPTED, "so be it", actor="ada")

    (record,) = books.exceptions()[0]
    assert (record.owner, [each.text for each in record.notes], record.is_open) == ("ada", ["asked Stripe"], False)
    assert record.age(datetime.max.replace(tzinfo=UTC)) < timedelta(minutes=1)
    with pytest.raises(AlreadyResolvedError):
        books.note(name, "too late", actor="ada")
    with pytest.raises(NoSuchExceptionError):
        books.note("exc_unheard", "what?", actor="ada")


class InterruptedLog(EventLog):
    """Something else happens between reading the log and the next append."""

    interruption: Callable[[], object] | None = None

    def append(self, drafts: Sequence[Draft], boundary: Iterable[DCBQueryItem], *, after: int) -> Appended:
        interruption, self.interruption = self.interruption, None
        if interruption is not None:
            interruption()
        return super().append(drafts, boundary, after=after)


def test_two_who_work_on_an_exception_at_the_same_moment_are_both_heard(books: Books) -> None:
    (exception,) = books.reconcile(theirs(3)).open
    name, log = exception.exception_id, InterruptedLog(books.log.recorder)
    ours = Books(log, books.lines())
    log.interruption = lambda: books.note(name, "asked Stripe", actor="bob")
    ours.note(name, "asked the bank", actor="ada")
    (record,) = books.exceptions()[0]
    assert [each.text for each in record.notes] == ["asked Stripe", "asked the bank"]

    log.interruption = lambda: books.resolve(name, Resolution.ACCEPTED, "so be it", actor="bob")
    with pytest.raises(AlreadyResolvedError):
        ours.note(name, "too late", actor="ada")


def test_another_accounts_activity_is_not_recorded_as_a_thousand_exceptions(books: Books) -> None:
    with pytest.raises(TooManyExceptionsError):
        books.reconcile(*(theirs(number) for number in range(MOST_NEW_EXCEPTIONS + 1)))
    assert (books.runs(), books.exceptions()[0]) == ([], [])


def test_without_lines_a_range_is_needed(books: Books) -> None:
    with pytest.raises(BadRangeError):
        books.run(Inputs(Activity("stripe_csv", ())), actor="ada")
    assert books.reconcile().run.completed.lines == 0


def test_only_what_has_no_outcome_is_in_flight(books: Books) -> None:
    given_up = PayoutRetryAuthorized.of(BONUS, after="unknown", note="it is not there")
    declined = failed(FailureKind.ACCOUNT)
    books.happened(requested(), declined, requested(), given_up, requested(), *paid(2))

    read = LogLines.read(books.lines().money_events())

    assert [(each.id, each.in_flight) for each in read.lines] == [("tr_2", False), (requested().idempotency_key, True)]
    assert read.position == books.log.recorder.head()


def test_what_is_in_flight_at_the_end_of_a_month_is_found_in_the_next_and_resolved_with_its_outcome(
    books: Books,
) -> None:
    sent, known = paid(1)
    before = SINCE - timedelta(days=5)
    books.happened(sent, at=before)
    (missing,) = books.reconcile().open
    assert (missing.found.line_class, missing.found.book_line_id) == ("missing_at_stripe", sent.idempotency_key)

    books.happened(known)

    assert books.reconcile(theirs(1)).open == []
    resolved = books.found()["missing_at_stripe"].resolved
    assert resolved is not None
    assert resolved.resolution == Resolution.MATCHED_LATER


def test_what_was_in_flight_and_is_declined_is_resolved(books: Books) -> None:
    books.happened(requested())
    assert len(books.reconcile().open) == 1
    books.happened(failed(FailureKind.ACCOUNT))

    assert books.reconcile().open == []
    resolved = books.found()["missing_at_stripe"].resolved
    assert resolved is not None
    assert (resolved.resolution, resolved.note) == (Resolution.SUPERSEDED, "no longer in flight")


def test_what_is_being_taken_back_is_no_more_than_what_is_left_of_the_transfer(books: Books) -> None:
    early = MIDDLE - timedelta(minutes=10)
    books.happened(requested(), settled(), reversal(amount_minor=7500))
    books.happened(came_back(2500, 2500), at=early)

    _, part, claim = LogLines.read(books.lines().money_events()).lines

    assert (part.amount_minor, part.at, part.in_flight) == (2500, early, False)
    assert (claim.amount_minor, claim.net_minor, claim.in_flight) == (5000, 5000, True)


def test_a_run_is_an_event_with_its_totals(books: Books) -> None:
    books.happened(*paid(1))
    books.reconcile(theirs(1), theirs(2))
    (recorded,) = books.log.read([about("reconciliation", ReconciliationCompleted)])[0]
    assert isinstance(recorded.event, ReconciliationCompleted)
    assert recorded.actor == "ada"
    (comparison,) = recorded.event.comparisons
    assert (comparison.difference_minor, comparison.remainder_minor) == (7500, 0)
