"""The real ledger and the independent oracle say the same of every delivery, whatever comes, in batches of any size."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.events import PayoutAccountUpdated, Recorded
from ledger.ingestion import Receipt
from ledger.referrals import payout_account
from sandbox.season.generator import generate
from sandbox.season.oracle import Oracle
from tests.ingestion.invariants import check_log
from tests.ingestion.small_ledger import SmallLedger
from tests.ingestion.small_world import deliveries, streams
from tests.rules.vocabulary import cloud_event, terms
from tests.season.small_season import SMALL_EXPECTED, small_season

caps = st.integers(0, 3)
batch_sizes = st.lists(st.integers(0, 7), max_size=10)


def assert_agreement(ledger: SmallLedger, oracle: Oracle, receipts: list[Receipt]) -> None:
    told = [{"id": receipt.id, "outcome": receipt.outcome, "reason": receipt.reason} for receipt in receipts]
    assert told == oracle.outcomes
    expected = oracle.result()["referrals"]
    assert ledger.referrals() == {
        who: {name: referral[name] for name in ("referrer", "tier", "amount_minor")}
        for who, referral in expected.items()
    }
    assert accounts_in(ledger.events()) == {
        who: (known.account.stripe_account_id, known.account.transfers_active, known.account_time)
        for who, known in oracle.instructors.items()
        if known.account
    }


def accounts_in(events: list[Recorded]) -> dict[str, Any]:
    accounts: dict[str, Any] = {}
    for recorded in events:
        if isinstance(recorded.event, PayoutAccountUpdated):
            account = payout_account.evolve(None, recorded)
            assert account is not None
            accounts[recorded.event.instructor_id] = (
                account.stripe_account_id,
                account.transfers_active,
                account.updated_at,
            )
    return accounts


def assert_receipts_lead_to_events(ledger: SmallLedger, stream: list[dict[str, Any]], receipts: list[Receipt]) -> None:
    """A recorded delivery's position is that of an event about its subject that it caused; no other has a position."""
    events = ledger.events()
    for delivery, receipt in zip(stream, receipts, strict=True):
        assert (receipt.position is not None) == (receipt.outcome == "recorded")
        if receipt.position is not None:
            event = events[receipt.position - 1]
            assert event.causation_id == f"{delivery['source']}#{delivery['id']}"
            assert f"instructor:{delivery['subject']}" in event.event.tags()
            assert event.actor == "tests"


@settings(print_blob=True)
@given(stream=streams, sizes=batch_sizes, cap=caps)
def test_they_agree_on_anything(stream: list[dict[str, Any]], sizes: list[int], cap: int) -> None:
    """One by one is how the oracle takes them, so that the ledger agrees means that batches change nothing."""
    oracle, ledger = Oracle(founding_cap=cap), SmallLedger(terms(cap))
    for delivery in stream:
        oracle.deliver(delivery)
    receipts = ledger.deliver(stream, sizes)
    assert_agreement(ledger, oracle, receipts)
    assert_receipts_lead_to_events(ledger, stream, receipts)
    check_log(ledger.events())


@settings(print_blob=True)
@given(stream=streams, again=st.data(), cap=caps)
def test_a_recorded_fact_is_never_recorded_twice(stream: list[dict[str, Any]], again: st.DataObject, cap: int) -> None:
    ledger = SmallLedger(terms(cap))
    receipts = ledger.deliver(stream)
    recorded = [delivery for delivery, receipt in zip(stream, receipts, strict=True) if receipt.outcome == "recorded"]
    before = ledger.events()
    repeated = again.draw(st.lists(st.sampled_from(recorded), max_size=20)) if recorded else []
    assert {receipt.outcome for receipt in ledger.deliver(repeated)} <= {"duplicate", "ignored"}
    assert ledger.events() == before


@settings(print_blob=True)
@given(stream=streams, delivery=deliveries)
def test_a_delivery_sent_twice_at_once_is_recorded_once(stream: list[dict[str, Any]], delivery: dict[str, Any]) -> None:
    ledger = SmallLedger(terms())
    ledger.deliver(stream)
    first, second = ledger.deliver([delivery, delivery])
    if first.outcome == "recorded":
        assert second.outcome == "duplicate"
    else:
        assert (second.outcome, second.reason) == (first.outcome, first.reason)


REFERRED = ["bob", "eve", "kim", "lou"]
STORY = [
    fact
    for who in REFERRED
    for fact in (
        cloud_event("signed_up", who, 1, referral_code="ADA"),
        cloud_event("went_live", who, 2),
        cloud_event("lesson_completed", who, 3, lesson_id="first"),
        cloud_event("payout_account_updated", who, 1, stripe_account_id="acct_ok1", transfers_active=False),
        cloud_event("payout_account_updated", who, 2, stripe_account_id="acct_ok1", transfers_active=True),
        cloud_event("payout_account_updated", who, 3, stripe_account_id="acct_ok2", transfers_active=True),
    )
]


@settings(print_blob=True)
@given(order=st.permutations(STORY), repeated=st.lists(st.sampled_from(STORY), max_size=8), cap=st.integers(0, 5))
def test_order_and_repetition_change_nothing_but_which_are_founding(
    order: list[dict[str, Any]], repeated: list[dict[str, Any]], cap: int
) -> None:
    """Invariant 8, for facts between which the table of rules makes no race."""
    ledger = SmallLedger(terms(cap))
    ledger.deliver([cloud_event("referral_code_issued", "ada", code="ADA"), *repeated, *order], [5, 1, 7])
    bonuses = ledger.referrals()
    assert {who: bonus["referrer"] for who, bonus in bonuses.items()} == dict.fromkeys(REFERRED, "ada")
    tiers = sorted(bonus["tier"] for bonus in bonuses.values())
    assert tiers == ["founding"] * min(cap, 4) + ["standard"] * max(4 - cap, 0)
    assert {account[:2] for account in accounts_in(ledger.events()).values()} == {("acct_ok2", True)}
    check_log(ledger.events())


@pytest.mark.parametrize(("seed", "sizes"), [(1, [1] * 300), (2, [200, 1, 37]), (3, [])])
def test_they_agree_on_generated_seasons(seed: int, sizes: list[int]) -> None:
    season = list(generate(120, seed))
    oracle, ledger = Oracle(founding_cap=20), SmallLedger(terms(20))
    for delivery in season:
        oracle.deliver(delivery)
    receipts = ledger.deliver(season, sizes)
    assert_agreement(ledger, oracle, receipts)
    assert_receipts_lead_to_events(ledger, season, receipts)
    check_log(ledger.events())


def test_the_small_season_has_the_outcomes_that_were_written_by_hand() -> None:
    ledger = SmallLedger(terms())
    receipts = ledger.deliver(small_season(), [50, 50])
    told = [{"id": receipt.id, "outcome": receipt.outcome, "reason": receipt.reason} for receipt in receipts]
    assert told == SMALL_EXPECTED["delivery_outcomes"]
