"""Others record inside the same boundary between our read and our append: we decide anew, and never record twice."""

from collections.abc import Callable
from itertools import count, repeat

import pytest

from ledger import identifiers
from ledger.event_log import ConflictError, EventLog
from ledger.events import BonusEarned, ProgramTermsSet
from ledger.ingestion import BusyError, Ingestion, Receipt
from ledger.lifecycle import LifecycleFact
from ledger.mint_code import mint_code
from ledger.program import INITIAL_TERMS
from ledger.set_terms import change_terms, ensure_terms, set_terms
from tests.ingestion.interrupted import InterruptedRecorder
from tests.ingestion.invariants import check_log
from tests.ingestion.names import Names
from tests.rules.vocabulary import completes, goes_live, is_issued, minute, signs_up, terms, updates_account


class Contested:
    """A ledger that others interrupt. `ours` has as much patience as in life, `impatient` tries once."""

    def __init__(self) -> None:
        self.recorder = InterruptedRecorder()
        self.log = EventLog(self.recorder)
        self.ours = Ingestion(self.log, Names())
        self.impatient = Ingestion(self.log, Names(), patience_seconds=0)
        ensure_terms(self.log, now=minute(0))
        self.ingest(is_issued("ada", "ADA"))

    def ingest(self, *facts: LifecycleFact) -> list[Receipt]:
        return self.ours.ingest(facts, "tests")

    def outcomes(self, *facts: LifecycleFact) -> list[str]:
        return [receipt.reason or receipt.outcome for receipt in self.ingest(*facts)]

    def interrupted_by(self, *facts: LifecycleFact) -> None:
        """Somebody else reports these facts, all at once, before our next append."""
        self.recorder.interruptions = iter([lambda: self.ingest(*facts)])

    def interrupted_for_ever(self) -> None:
        """Somebody keeps changing the terms."""
        caps = count(1)
        self.recorder.interruptions = (self._set_terms(next(caps)) for _ in repeat(None))

    def interrupted_times(self, times: int) -> None:
        self.recorder.interruptions = (self._set_terms(cap) for cap in range(1, times + 1))

    def kinds(self) -> list[str]:
        return [type(recorded.event).__name__ for recorded in self.log.read()[0]]

    def bonus(self) -> BonusEarned:
        [bonus] = [recorded.event for recorded in self.log.read()[0] if isinstance(recorded.event, BonusEarned)]
        return bonus

    def _set_terms(self, cap: int) -> Callable[[], object]:
        return lambda: set_terms(self.log, terms(cap, founding=7500 + cap), actor="tests", now=minute(0))


@pytest.fixture
def contested() -> Contested:
    return Contested()


CANDIDATE = identifiers.code_candidates("bob")[0]


@pytest.mark.parametrize(
    ("before", "fact", "others", "outcome"),
    [
        ([], is_issued("bob", "BOB"), is_issued("eve", "BOB"), "code_taken"),
        ([], is_issued("bob", "BOB"), is_issued("bob", "BOB"), "duplicate"),
        ([], signs_up("bob", "ADA"), signs_up("bob", "ADA", 1), "duplicate"),
        ([is_issued("eve", "EVE")], signs_up("bob", "ADA"), signs_up("bob", "EVE"), "already_attributed"),
        ([], signs_up("bob", "ADA", 5), completes("bob", "first", 1), "already_teaching"),
        ([], goes_live("bob"), goes_live("bob", 1), "duplicate"),
        ([], completes("bob", "first"), completes("bob", "first", 1), "duplicate"),
        ([], completes("bob", "first"), completes("bob", "second"), "not_first_lesson"),
        ([], updates_account("bob", "acct_1", 5), updates_account("bob", "acct_2", 6), "stale"),
        ([], updates_account("bob", "acct_1", 5), updates_account("bob", "acct_1", 4), "unchanged"),
    ],
)
def test_a_fact_is_decided_upon_what_others_just_recorded(
    contested: Contested, before: list[LifecycleFact], fact: LifecycleFact, others: LifecycleFact, outcome: str
) -> None:
    contested.ingest(*before)
    contested.interrupted_by(others)
    assert contested.outcomes(fact) == [outcome]
    check_log(contested.log.read()[0])


def test_what_records_nothing_is_decided_anew_too_when_its_neighbours_are_recorded(contested: Contested) -> None:
    """The answer says up to where the log was looked at: a refusal must hold there as well."""
    contested.interrupted_by(is_issued("eve", "EVE"))
    assert contested.outcomes(signs_up("bob", "EVE"), goes_live("cleo")) == ["recorded", "recorded"]
    check_log(contested.log.read()[0])


def test_a_code_that_somebody_takes_meanwhile_is_not_minted(contested: Contested) -> None:
    contested.interrupted_by(is_issued("eve", CANDIDATE))
    assert contested.outcomes(goes_live("bob")) == ["recorded"]
    assert mint_code(contested.log, "bob", actor="bob", now=minute(1))[0] == identifiers.code_candidates("bob")[1]
    check_log(contested.log.read()[0])


def test_a_code_that_is_issued_meanwhile_makes_minting_needless(contested: Contested) -> None:
    contested.interrupted_by(is_issued("bob", "BOB"))
    assert contested.outcomes(goes_live("bob")) == ["recorded"]
    assert contested.kinds()[2:] == ["ReferralCodeIssued", "InstructorWentLive"]


def test_two_who_ask_for_the_same_code_get_the_same_one(contested: Contested) -> None:
    def ask() -> str:
        return mint_code(contested.log, "bob", actor="bob", now=minute(1))[0]

    others: list[str] = []
    contested.recorder.interruptions = iter([lambda: others.append(ask())])
    assert [ask()] == others == [CANDIDATE]
    assert contested.kinds()[2:] == ["ReferralCodeIssued"]


def test_the_conditions_of_a_bonus_met_by_two_at_once_earn_it_once(contested: Contested) -> None:
    contested.ingest(signs_up("bob", "ADA"))
    contested.interrupted_by(completes("bob", "first"))
    assert contested.outcomes(goes_live("bob")) == ["recorded"]
    assert contested.kinds().count("BonusEarned") == 1


def test_the_last_spot_goes_to_who_is_first(contested: Contested) -> None:
    set_terms(contested.log, terms(cap=1), actor="tests", now=minute(0))
    contested.ingest(*(fact for who in ("bob", "eve") for fact in (signs_up(who, "ADA"), goes_live(who))))
    contested.interrupted_by(completes("eve", "first"))
    assert contested.outcomes(completes("bob", "first")) == ["recorded"]
    earned = [r.event for r in contested.log.read()[0] if isinstance(r.event, BonusEarned)]
    assert [(bonus.referred_id, bonus.tier) for bonus in earned] == [("eve", "founding"), ("bob", "standard")]


def test_a_bonus_has_the_terms_that_are_in_force_when_it_is_recorded(contested: Contested) -> None:
    contested.ingest(signs_up("bob", "ADA"), goes_live("bob"))
    contested.interrupted_times(3)
    assert contested.outcomes(completes("bob", "first")) == ["recorded"]
    assert (contested.bonus().amount_minor, contested.bonus().founding_cap) == (7503, 3)


def test_nobody_waits_for_what_is_no_business_of_theirs(contested: Contested) -> None:
    contested.interrupted_for_ever()
    facts = [signs_up("bob", "ADA"), goes_live("bob"), is_issued("eve", "EVE"), updates_account("ada", "acct_1")]
    receipts = contested.impatient.ingest(facts, "tests")
    assert [receipt.outcome for receipt in receipts] == ["recorded"] * 4


def test_who_is_interrupted_for_ever_gives_up_and_has_recorded_nothing(contested: Contested) -> None:
    contested.ingest(signs_up("bob", "ADA"), goes_live("bob"))
    contested.interrupted_for_ever()
    with pytest.raises(BusyError):
        contested.impatient.ingest([completes("bob", "first")], "tests")
    assert {"FirstLessonCompleted", "BonusEarned"}.isdisjoint(contested.kinds())
    contested.recorder.interruptions = iter(())
    assert contested.outcomes(completes("bob", "first")) == ["recorded"]


def forty_almost_earned(contested: Contested) -> list[LifecycleFact]:
    """The lessons that are missing to forty bonuses."""
    everybody = [f"ins_{number}" for number in range(40)]
    contested.ingest(*(fact for who in everybody for fact in (signs_up(who, "ADA"), goes_live(who))))
    return [completes(who, "first") for who in everybody]


@pytest.mark.parametrize("interruptions", range(4))
def test_facts_that_cannot_be_recorded_together_are_recorded_in_smaller_parts(
    contested: Contested, interruptions: int
) -> None:
    """Forty, ten, two, one at a time: nothing is lost, doubled or out of place."""
    lessons = forty_almost_earned(contested)
    contested.interrupted_times(interruptions)
    receipts = contested.impatient.ingest(lessons, "tests")
    assert [receipt.id for receipt in receipts] == [lesson.id for lesson in lessons]
    positions = [receipt.position or 0 for receipt in receipts]
    assert positions == sorted(positions)
    assert contested.kinds().count("BonusEarned") == len(lessons)
    check_log(contested.log.read()[0])


def test_when_even_one_cannot_be_recorded_the_rest_can_be_sent_again(contested: Contested) -> None:
    lessons = forty_almost_earned(contested)
    contested.interrupted_times(4)
    with pytest.raises(BusyError):
        contested.impatient.ingest(lessons, "tests")
    contested.recorder.interruptions = iter(())
    assert contested.outcomes(*lessons) == ["recorded"] * len(lessons)
    check_log(contested.log.read()[0])


def test_terms_set_at_the_same_moment_do_not_hide_each_other(contested: Contested) -> None:
    contested.interrupted_times(1)
    with pytest.raises(ConflictError):
        set_terms(contested.log, terms(cap=7), actor="tests", now=minute(1))
    newest = [r.event for r in contested.log.read()[0] if isinstance(r.event, ProgramTermsSet)][-1]
    assert newest.founding_cap == 1


def test_who_changes_one_of_the_terms_leaves_alone_what_somebody_else_changes_at_the_same_moment(
    contested: Contested,
) -> None:
    def change(**changes: int) -> ProgramTermsSet:
        return change_terms(contested.log, changes, actor="tests", now=minute(1))[0]

    contested.recorder.interruptions = iter([lambda: change(founding_cap=7)])
    assert change(standard_bonus_minor=6000) == terms(cap=7, founding=7500, standard=6000)


def test_two_processes_that_start_a_log_start_it_once() -> None:
    recorder = InterruptedRecorder()
    log = EventLog(recorder)
    recorder.interruptions = iter([lambda: ensure_terms(log, now=minute(0))])
    ensure_terms(log, now=minute(1))
    assert [recorded.event for recorded in log.read()[0]] == [INITIAL_TERMS]
