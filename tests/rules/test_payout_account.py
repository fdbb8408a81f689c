"""`instructor.payout_account_updated`: the newest time wins."""

import pytest

from ledger.events import Happened
from ledger.lifecycle import LifecycleFact
from tests.rules.specification import given
from tests.rules.vocabulary import account_updated, updates_account

AT_5 = account_updated("ada", "acct_1", 5)
AT_7 = account_updated("ada", "acct_2", 7)


def test_the_first_update_is_recorded() -> None:
    given().when(updates_account("ada", "acct_1", 5)).then("recorded", AT_5)


@pytest.mark.parametrize(
    ("history", "fact", "outcome"),
    [
        ([AT_5], updates_account("ada", "acct_1", 5), "duplicate"),
        ([AT_5], updates_account("ada", "acct_1", "2026-03-01T10:05:00.000+01:00"), "duplicate"),
        ([AT_5], updates_account("ada", "acct_2", 5), "ignored:stale"),
        ([AT_5], updates_account("ada", "acct_1", 5, active=False), "ignored:stale"),
        ([AT_5], updates_account("ada", "acct_1", 4), "ignored:stale"),
        ([AT_5], updates_account("ada", "acct_2", 4.999), "ignored:stale"),
        ([AT_5], updates_account("ada", "acct_1", 6), "ignored:unchanged"),
        ([AT_5], updates_account("ada", "acct_1", "2026-03-01T00:05:00.000001-09:00"), "ignored:unchanged"),
        ([AT_5, AT_7], updates_account("ada", "acct_1", 5), "ignored:stale"),
        ([AT_5, AT_7], updates_account("ada", "acct_2", 7), "duplicate"),
        ([AT_5, AT_7], updates_account("ada", "acct_1", 6), "ignored:stale"),
        ([AT_5, AT_7], updates_account("ada", "acct_2", 8), "ignored:unchanged"),
    ],
)
def test_what_is_not_newer_or_says_nothing_new_changes_nothing(
    history: list[Happened], fact: LifecycleFact, outcome: str
) -> None:
    given(*history).when(fact).then(outcome)


@pytest.mark.parametrize(("account", "active"), [("acct_2", True), ("acct_1", False), ("acct_2", False)])
def test_a_newer_update_with_other_values_is_recorded(account: str, active: bool) -> None:
    given(AT_5).when(updates_account("ada", account, 6, active=active)).then(
        "recorded", account_updated("ada", account, 6, active=active)
    )


def test_an_earlier_account_may_come_back() -> None:
    given(AT_5, AT_7).when(updates_account("ada", "acct_1", 8)).then("recorded", account_updated("ada", "acct_1", 8))


def test_another_instructors_account_is_their_own() -> None:
    given(AT_7).when(updates_account("bob", "acct_2", 5)).then("recorded", account_updated("bob", "acct_2", 5))
