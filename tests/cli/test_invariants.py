"""The checks find what they are there for: each is shown a ledger in which something is wrong."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from api.census import Census
from api.invariants import Evidence, judge
from ledger.books.accounts import CHART, Account
from ledger.events import Event, FailureKind, ProgramTermsSet, Recorded, ReferralAttributed
from ledger.program import INITIAL_TERMS
from projections.journal_views import TrialBalance
from projections.rebuild import Difference
from tests.payouts.story import (
    BONUS,
    START,
    account,
    came_back,
    failed,
    requested,
    reversal,
    reversal_failed,
    settled,
)

ATTRIBUTED = ReferralAttributed(referral_id="ref_1", referred_id="ins_referred", referrer_id="ins_referrer", code="A")
PAID = (INITIAL_TERMS, ATTRIBUTED, account(), BONUS, requested(), settled())
HELD = {"id": "tr_1", "amount": 7500, "net": 7500, "currency": "usd", "destination": "acct_ok1"}


def log_of(events: Iterable[Event]) -> list[Recorded]:
    return [
        Recorded(event, START, position, uuid4(), START + timedelta(seconds=position), "test", None, None)
        for position, event in enumerate(events, start=1)
    ]


def evidence(*events: Event, transfers: dict[str, list[dict[str, Any]]] | None = None, **more: Any) -> Evidence:
    return Evidence(
        Census.of(log_of(events)), followed=len(events), transfers_before=transfers, transfers_after=transfers, **more
    )


def broken(shown: Evidence) -> list[int]:
    """The numbers of the invariants that do not hold."""
    return [check.number for check in judge(shown, START) if not check.holds]


def test_a_paid_bonus_breaks_nothing() -> None:
    assert broken(evidence(*PAID, transfers={"pay_1": [HELD]})) == []


def test_stripes_books_that_cannot_be_seen_leave_their_check_open() -> None:
    checks = judge(evidence(*PAID), START)
    assert [check.number for check in checks if check.is_open] == [3]


def test_1_a_second_attribution() -> None:
    assert broken(evidence(*PAID, ATTRIBUTED)) == [1]


def test_1_a_second_bonus_for_one_referral() -> None:
    second = BONUS.model_copy(update={"payout_id": "pay_2", "founding_spot": 2})
    assert broken(evidence(*PAID, second, todo=frozenset(["pay_2"]))) == [1]


def test_1_a_bonus_that_nobody_earned() -> None:
    assert broken(evidence(INITIAL_TERMS, BONUS, todo=frozenset(["pay_1"]))) == [1]


def test_1_a_payout_that_settled_twice() -> None:
    assert 1 in broken(evidence(*PAID, settled()))


def test_2_a_standard_bonus_while_founding_spots_are_left() -> None:
    standard = BONUS.model_copy(update={"tier": "standard", "founding_spot": None})
    assert broken(evidence(INITIAL_TERMS, ATTRIBUTED, standard, todo=frozenset(["pay_1"]))) == [2]


def test_2_a_founding_bonus_beyond_the_cap() -> None:
    terms = INITIAL_TERMS.model_copy(update={"founding_cap": 1})
    assert broken(evidence(*bonuses(terms, spots=[1, 2]))) == [2]


def test_2_a_spot_that_was_given_twice() -> None:
    assert broken(evidence(*bonuses(INITIAL_TERMS, spots=[1, 1]))) == [2]


def test_2_a_cap_that_was_changed_is_held_to_what_each_bonus_saw() -> None:
    lower = INITIAL_TERMS.model_copy(update={"founding_cap": 1})
    assert broken(evidence(*bonuses(INITIAL_TERMS, spots=[1, 2]), lower)) == []


def bonuses(terms: ProgramTermsSet, spots: Sequence[int]) -> list[Event]:
    """Two founding bonuses, earned and paid."""
    told: list[Event] = [terms]
    for number, spot in enumerate(spots):
        ids = {"referral_id": f"ref_{number}", "referred_id": f"ins_{number}"}
        told.append(ATTRIBUTED.model_copy(update=ids))
        cap = {"founding_spot": spot, "founding_cap": terms.founding_cap, "payout_id": f"pay_{number}"}
        told.append(BONUS.model_copy(update={**ids, **cap}))
        told.append(requested().model_copy(update={"payout_id": f"pay_{number}"}))
        told.append(settled().model_copy(update={"payout_id": f"pay_{number}"}))
    return told


def test_3_a_payment_that_stripe_does_not_have() -> None:
    assert broken(evidence(*PAID, transfers={})) == [3]


def test_3_a_payment_of_another_amount() -> None:
    assert broken(evidence(*PAID, transfers={"pay_1": [{**HELD, "amount": 5000, "net": 5000}]})) == [3]


def test_3_a_second_payment() -> None:
    assert broken(evidence(*PAID, transfers={"pay_1": [HELD, {**HELD, "id": "tr_2"}]})) == [3]


def test_3_a_payment_that_the_log_does_not_know() -> None:
    waiting = (INITIAL_TERMS, ATTRIBUTED, BONUS)
    assert broken(evidence(*waiting, transfers={"pay_1": [HELD]}, todo=frozenset(["pay_1"]))) == [3]


def test_3_a_payment_under_way_is_no_alarm() -> None:
    sent = PAID[:-1]
    assert broken(evidence(*sent, transfers={"pay_1": [HELD]}, todo=frozenset(["pay_1"]))) == []


def test_4_a_payout_that_is_on_nobodys_list() -> None:
    declined = (*PAID[:-1], failed(FailureKind.ACCOUNT))
    assert broken(evidence(*declined, todo=frozenset(["pay_1"]))) == []
    assert broken(evidence(*declined)) == [4]


def test_4_a_payout_that_has_not_been_listed_yet_is_no_alarm() -> None:
    assert broken(replace(evidence(*PAID[:-1]), followed=3)) == []


def test_5_a_position_that_is_missing() -> None:
    log = log_of(PAID)
    assert broken(Evidence(Census.of(log[:2] + log[3:]))) == [5]


def test_5_a_time_that_runs_backwards() -> None:
    log = log_of(PAID)
    log[2] = log[2]._replace(recorded_at=START)
    assert broken(Evidence(Census.of(log))) == [5]


def test_7_a_trial_balance_that_is_not_what_was_posted() -> None:
    """A bonus of 75 dollars was earned and paid: the Stripe balance is credited with it."""
    seen = replace(evidence(*PAID), census=Census.of(log_of(PAID), balances_at=len(PAID)))
    sides = {"stripe_balance": (0, 7500), "transfers_in_flight": (7500, 7500), "clawbacks_receivable": (0, 0)}
    sides |= {"bonuses_payable": (7500, 7500), "bonus_expense": (7500, 0)}
    assert broken(replace(seen, trial_balance=trial_balance(sides))) == []
    assert broken(replace(seen, trial_balance=trial_balance(sides | {"stripe_balance": (1, 7500)}))) == [7]
    assert broken(replace(evidence(*PAID), trial_balance=trial_balance(sides))) == [7]  # as of position 0


def trial_balance(sides: dict[str, tuple[int, int]]) -> TrialBalance:
    accounts = [
        {
            "account": account,
            "kind": CHART[Account(account)].kind,
            "currency": "usd",
            "debit_minor": debit_minor,
            "credit_minor": credit_minor,
            "balance_minor": debit_minor - credit_minor,
        }
        for account, (debit_minor, credit_minor) in sides.items()
    ]
    found = {"accounts": accounts, "as_of": len(PAID), "effective_at": None, "position": len(PAID)}
    return TrialBalance.model_validate(found)


def test_7_an_entry_that_does_not_sum_to_zero() -> None:
    assert broken(evidence(*PAID, unbalanced=[5])) == [7]


def test_7_a_journal_that_owes_somebody_else_than_the_events_do() -> None:
    """The same transfer settles once for its referrer and once, in a damaged log, for another."""
    shown = evidence(*PAID)
    shown.census.books.payable["ins_other", "usd"] += 1
    assert broken(shown) == [7]


def test_7_what_is_reversed_is_owed_again() -> None:
    assert broken(evidence(*PAID, reversal())) == []
    assert broken(evidence(*PAID, reversal(), reversal_failed())) == []
    assert broken(evidence(*PAID, reversal(), came_back(2500))) == []
    assert broken(evidence(*PAID, came_back(2500))) == []


def test_6_a_read_model_that_differs_from_a_replay() -> None:
    assert broken(evidence(*PAID, differences=[Difference("referral", "{}", None)])) == [6]
