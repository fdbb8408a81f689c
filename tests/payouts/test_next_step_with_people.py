"""The decision table, continued: searches, notices, holds, rules, approvals and reversals. See docs/decision-table.md."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from ledger.events import Event, FailureKind, HoldReason, UnknownKind, UnknownPayoutNoticed
from ledger.payouts.explain import explain
from ledger.payouts.policy import Circumstances, Policy
from ledger.payouts.steps import HoldBack, LookUp, Send, Wait
from ledger.reasons import EXPLANATIONS
from ledger.referrals.payout_account import Account
from tests.payouts.story import (
    REJECTED,
    START,
    Story,
    account,
    asked,
    authorized,
    came_back,
    cancelled,
    confirmed,
    failed,
    funds,
    granted,
    held,
    mismatched,
    noticed,
    refused,
    released,
    requested,
    reversal,
    reversal_failed,
    said,
    search_refused,
    searched,
    settled,
    unknown,
)

SERVER_ERROR, INVALID = UnknownKind.SERVER_ERROR, FailureKind.INVALID_REQUEST
MINUTES, HOURS, DAYS = (timedelta(**{unit: 1}) for unit in ("minutes", "hours", "days"))

Happened = Sequence[Event | timedelta]

SENT: Happened = [account(), requested()]
AFTER_500: Happened = [*SENT, unknown(SERVER_ERROR)]
ABSENT: Happened = [*AFTER_500, MINUTES, searched(), 15 * MINUTES, searched(), 15 * MINUTES, searched()]
DECLINED: Happened = [*SENT, failed(INVALID)]
PAID: Happened = [*SENT, settled()]
CANCEL: Happened = [asked("cancel"), granted("cancel")]
RETRY: Happened = [asked("retry"), granted("retry"), authorized("unknown")]
REVERSE: Happened = [asked("reverse"), granted("reverse")]
TAKING_BACK: Happened = [*PAID, *REVERSE, reversal()]

RETRIED_IN_VAIN: Happened = [*ABSENT, *RETRY, requested(2), failed(FailureKind.INSUFFICIENT_FUNDS, 2)]

CONFIRMING = "look up a1: confirming_with_stripe"
ANOTHER = "look up a1: transfer_mismatched"
NOT_ALLOWED = "look up a1: search_refused"
KNOWN_ABSENT = "look up a1: absence_confirmed"
PENDING = "wait: approval_pending"
HELD = "wait: held"
A1, A2 = "request a1 to acct_ok1", "request a2 to acct_ok1"
CHECK = "check transfer"

TABLE: list[tuple[str, Happened, str]] = [
    # Absence needs several complete searches, apart, after the last sending
    ("searched once", [*AFTER_500, MINUTES, searched()], CONFIRMING),
    ("searched three times at once", [*AFTER_500, MINUTES, *[searched()] * 3], CONFIRMING),
    ("searched twice, apart", [*AFTER_500, MINUTES, searched(), HOURS, searched()], CONFIRMING),
    ("searched three times, not quite far enough apart",
     [*AFTER_500, MINUTES, searched(), 15 * MINUTES, searched(), 14 * MINUTES, searched()], CONFIRMING),
    ("searched three times, apart", ABSENT, KNOWN_ABSENT),
    ("absent, a year later", [*ABSENT, 365 * DAYS], KNOWN_ABSENT),
    ("absent, and sent once more by a late worker", [*ABSENT, unknown(), MINUTES], CONFIRMING),
    ("absent, and something was heard", [*ABSENT, noticed()], CONFIRMING),
    ("absent, and credentials rejected", [*ABSENT, REJECTED], "wait: stripe_credentials_rejected"),
    # A transfer that claims to be ours and is not what was requested: neither found nor absent
    ("mismatched", [*AFTER_500, MINUTES, mismatched()], ANOTHER),
    ("mismatched, for a year", [*AFTER_500, MINUTES, mismatched(), 365 * DAYS], ANOTHER),
    ("absent, then mismatched", [*ABSENT, mismatched()], ANOTHER),
    ("mismatched, and a source refused", [*AFTER_500, MINUTES, mismatched(), search_refused()], ANOTHER),
    ("mismatched, reversed at Stripe since", [*AFTER_500, MINUTES, mismatched(), searched()], CONFIRMING),
    ("mismatched, then found", [*AFTER_500, MINUTES, mismatched(), settled()], "finished"),
    # A source that our key may not read: said, searched on, and forgotten with the next complete search
    ("search refused", [*AFTER_500, MINUTES, search_refused()], NOT_ALLOWED),
    ("search refused, for a year", [*AFTER_500, MINUTES, search_refused(), 365 * DAYS], NOT_ALLOWED),
    ("search refused, and something was heard", [*SENT, noticed(), search_refused()], NOT_ALLOWED),
    ("search refused, key still fresh", [*SENT, noticed(), searched(), search_refused()], "send a1 to acct_ok1"),
    ("search refused, then allowed", [*AFTER_500, MINUTES, search_refused(), searched()], CONFIRMING),
    ("search refused, then found", [*AFTER_500, MINUTES, search_refused(), settled()], "finished"),
    # A new key after an unknown takes two persons, and silence
    ("retry asked for", [*ABSENT, asked("retry")], KNOWN_ABSENT),
    ("retry refused", [*ABSENT, asked("retry"), refused("retry")], KNOWN_ABSENT),
    ("retry authorized", [*ABSENT, *RETRY], A2),
    ("retry authorized, account inactive", [*ABSENT, *RETRY, account(active=False)], "wait: payout_account_inactive"),
    ("retry authorized, then something was heard", [*ABSENT, *RETRY, noticed()], CONFIRMING),
    ("retry authorized, heard, and not found", [*ABSENT, *RETRY, noticed(), searched(), HOURS], CONFIRMING),
    ("retry authorized, then held", [*ABSENT, *RETRY, held()], HELD),
    ("retried", [*ABSENT, *RETRY, requested(2)], "send a2 to acct_ok1"),
    ("retried, unknown again", [*ABSENT, *RETRY, requested(2), unknown(SERVER_ERROR, 2), MINUTES],
     "look up a2: confirming_with_stripe"),
    # What is heard of is looked up at once
    ("noticed before the outcome", [*SENT, noticed()], CONFIRMING),
    ("noticed after a timeout a moment ago", [*SENT, unknown(), noticed()], CONFIRMING),
    ("noticed, looked up and not to be seen", [*SENT, noticed(), searched()], "send a1 to acct_ok1"),
    ("noticed before it was asked for", [account(), noticed(), requested()], "send a1 to acct_ok1"),
    ("noticed, then settled", [*SENT, noticed(), settled()], "finished"),
    # What is heard of while no attempt is open is looked up before the next one is made
    ("noticed before any attempt", [account(), noticed()], CONFIRMING),
    ("noticed before any attempt, for a year", [account(), noticed(), 365 * DAYS], CONFIRMING),
    ("noticed before any attempt, not found", [account(), noticed(), searched()], A1),
    ("noticed before any attempt, not found, and again", [account(), noticed(), searched(), noticed()], CONFIRMING),
    ("noticed before any attempt, found", [account(), noticed(), settled()], "finished"),
    ("noticed without an account", [noticed()], "wait: no_payout_account"),
    ("noticed, and held", [account(), noticed(), held()], HELD),
    ("retried and declined, then something was heard", [*RETRIED_IN_VAIN, noticed(), funds()],
     "look up a3: confirming_with_stripe"),
    ("retried and declined, heard, and not found", [*RETRIED_IN_VAIN, noticed(), searched(3), funds()],
     "request a3 to acct_ok1"),
    # Decline after a person's fix
    ("declined, retry authorized", [*DECLINED, authorized("decline")], A2),
    ("declined, retry authorized, declined again",
     [*DECLINED, authorized("decline"), requested(2), failed(INVALID, 2)], "wait: request_declined"),
    ("retry asked for, then declined after all", [*ABSENT, asked("retry"), failed(INVALID)], "wait: request_declined"),
    # Holds
    ("held before the first attempt", [account(), held()], HELD),
    ("held and released", [account(), held(), released()], A1),
    ("held in flight", [*SENT, held()], "send a1 to acct_ok1"),
    ("held in flight, then declined", [*SENT, held(), failed(INVALID), account("acct_2")], HELD),
    ("held in flight, then settled", [*SENT, held(), settled()], "finished"),
    ("held, funds arrived", [*SENT, failed(FailureKind.INSUFFICIENT_FUNDS), held(), funds()], HELD),
    ("held by rule", [account(), held(HoldReason.SAME_STRIPE_ACCOUNT)], "wait: held_same_account"),
    ("held by the other rule", [account(), held(HoldReason.MANY_BONUSES_IN_A_DAY)], "wait: held_many_bonuses"),
    # Cancelling waits for the outcome of what is in flight
    ("cancel asked for", [account(), asked("cancel")], PENDING),
    ("cancel refused", [account(), asked("cancel"), refused("cancel")], A1),
    ("cancel asked for in flight", [*SENT, asked("cancel")], "send a1 to acct_ok1"),
    ("cancel granted in flight", [*SENT, *CANCEL], "send a1 to acct_ok1"),
    ("cancel granted in flight, no answer", [*SENT, *CANCEL, unknown()], "wait: confirming_with_stripe, then again"),
    ("cancel granted in flight, declined", [*SENT, *CANCEL, failed(INVALID)], "cancel"),
    ("cancel granted in flight, settled", [*SENT, *CANCEL, settled()], "finished"),
    ("cancel granted, 500", [*AFTER_500, *CANCEL, MINUTES], CONFIRMING),
    ("cancel granted, absent", [*ABSENT, *CANCEL], "cancel"),
    ("cancel granted while held", [account(), held(), *CANCEL], "cancel"),
    ("cancelled", [account(), asked("cancel"), granted("cancel"), cancelled(), funds(), account("acct_2")], "finished"),
    ("cancelled, credentials rejected", [account(), *CANCEL, cancelled(), REJECTED], "finished"),
    ("cancelled as absent", [*ABSENT, *CANCEL, cancelled(), DAYS], "finished"),
    ("cancelled as absent, then heard of", [*ABSENT, *CANCEL, cancelled(), noticed()], CONFIRMING),
    ("cancelled as absent, heard of, not found", [*ABSENT, *CANCEL, cancelled(), noticed(), searched()], "finished"),
    ("cancelled as absent, heard of, adopted", [*ABSENT, *CANCEL, cancelled(), noticed(), settled()], "finished"),
    # Reversing
    ("reverse asked for", [*PAID, asked("reverse")], "finished"),
    ("reverse granted", [*PAID, *REVERSE], "request reversal r1 of 7500"),
    ("reverse granted after a part came back", [*PAID, came_back(1000), *REVERSE], "request reversal r1 of 6500"),
    ("reverse granted, credentials rejected", [*PAID, *REVERSE, REJECTED], "wait: stripe_credentials_rejected"),
    ("reversal requested", TAKING_BACK, "send reversal r1"),
    ("reversal requested, window over", [*TAKING_BACK, 23 * HOURS], CHECK),
    ("reversal requested, a part came back elsewhere", [*TAKING_BACK, came_back(1000)], "send reversal r1"),
    ("reversal declined", [*TAKING_BACK, reversal_failed()], "finished"),
    ("reversal declined, granted again",
     [*TAKING_BACK, reversal_failed(), asked("reverse", 2), granted("reverse", 2)], "request reversal r2 of 7500"),
    ("reversed", [*TAKING_BACK, came_back(7500)], "finished"),
    ("reversed, and heard of it afterwards", [*TAKING_BACK, came_back(7500), noticed("transfer.reversed")], "finished"),
    ("reversed, and an account is connected", [*TAKING_BACK, came_back(7500), account("acct_2"), funds()], "finished"),
    # Reversed at Stripe
    ("reversal heard of", [*PAID, noticed("transfer.reversed")], CHECK),
    ("reversal heard of before the outcome", [*SENT, noticed("transfer.reversed"), settled()], CHECK),
    ("reversal heard of and recorded", [*PAID, noticed("transfer.reversed"), came_back(1000)], "finished"),
    ("reversal heard of, nothing came back", [*PAID, noticed("transfer.reversed"), confirmed()], "finished"),
    ("heard of once more",
     [*PAID, noticed("transfer.reversed"), came_back(1000), noticed("transfer.reversed")], CHECK),
    ("came back in parts", [*PAID, came_back(1000), came_back(6500, 7500)], "finished"),
]  # fmt: skip

ROWS = pytest.mark.parametrize(("happened", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])


@ROWS
def test_next_step_with_people(happened: Happened, expected: str) -> None:
    assert said(Story.of(happened).next_step()) == expected


@ROWS
def test_whoever_asks_is_told_why_and_who_has_to_act(happened: Happened, expected: str) -> None:
    story = Story.of(happened)
    told = explain(story.payout, story.account, story.platform, story.now)
    if expected.startswith("wait: "):
        assert told == story.next_step()
    elif expected.startswith("look up"):
        assert told.reason == expected.split(": ")[1]
    assert told.reason in EXPLANATIONS


def test_what_waits_for_a_time_is_not_found_waiting_when_it_has_come() -> None:
    for name, happened, _ in TABLE:
        story = Story.of(happened)
        step = story.next_step()
        if isinstance(step, Wait) and step.until is not None:
            assert step.until > story.now, name
            story.now = step.until
            assert not isinstance(story.next_step(), Wait), name


def test_a_search_is_recorded_until_absence_is_confirmed_and_no_longer() -> None:
    story = Story.of([*SENT, unknown(SERVER_ERROR)])
    recorded = 0
    while story.now < START + DAYS:
        step = story.next_step()
        if isinstance(step, LookUp) and step.record:
            story.happened(searched())
            recorded += 1
        story.now = step.again_at if isinstance(step, LookUp) else story.now + MINUTES
    assert 3 <= recorded <= 6


def test_a_key_is_to_be_sent_within_its_window_and_says_so() -> None:
    story = Story.of([*SENT, unknown(), HOURS])
    step = story.next_step()
    assert isinstance(step, Send)
    assert step.until == START + 23 * HOURS


SAME = Account(stripe_account_id="acct_ok1", transfers_active=True, position=9, updated_at=START)
OTHER = Account(stripe_account_id="acct_2", transfers_active=True, position=9, updated_at=START)
RULES = Policy(max_bonuses_a_day=3)

POLICIES: list[tuple[str, Happened, Policy, Circumstances, str]] = [
    ("no circumstance", [account()], RULES, Circumstances(), A1),
    ("another account", [account()], RULES, Circumstances(referred_account=OTHER), A1),
    ("same account", [account()], RULES, Circumstances(referred_account=SAME), "hold back: same_stripe_account"),
    ("same account, rule off", [account()], Policy(hold_same_account=False), Circumstances(referred_account=SAME), A1),
    ("same account, released", [account(), held(), released()], RULES, Circumstances(referred_account=SAME), A1),
    ("as many as allowed", [account()], RULES, Circumstances(bonuses_that_day=3), A1),
    ("one more", [account()], RULES, Circumstances(bonuses_that_day=4), "hold back: many_bonuses_in_a_day"),
    ("one more, no limit", [account()], Policy(), Circumstances(bonuses_that_day=4), A1),
    ("one more, released", [account(), held(), released()], RULES, Circumstances(bonuses_that_day=4), A1),
    ("one more, in flight", SENT, RULES, Circumstances(bonuses_that_day=4), "send a1 to acct_ok1"),
    ("a retry after a decline", [*DECLINED, authorized("decline")], RULES, Circumstances(referred_account=SAME),
     "hold back: same_stripe_account"),
    ("hold period", [account()], Policy(hold=2 * DAYS), Circumstances(), "wait: hold_period, then again"),
    ("hold period's last moment", [account(), 2 * DAYS - timedelta(microseconds=1)], Policy(hold=2 * DAYS),
     Circumstances(), "wait: hold_period, then again"),
    ("hold period over", [account(), 2 * DAYS], Policy(hold=2 * DAYS), Circumstances(), A1),
    ("hold period and no account", [], Policy(hold=2 * DAYS), Circumstances(), "wait: no_payout_account"),
    ("account heard of after it declined", [*SENT, failed(FailureKind.ACCOUNT)], Policy(),
     Circumstances(account_noticed_position=9), "check acct_ok1"),
    ("account heard of before it declined", [*SENT, failed(FailureKind.ACCOUNT)], Policy(),
     Circumstances(account_noticed_position=3), "wait: account_declined, then again"),
    ("account heard of after the retries ended", [*SENT, failed(FailureKind.ACCOUNT), 8 * DAYS], Policy(),
     Circumstances(account_noticed_position=9), "check acct_ok1"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("happened", "policy", "circumstances", "expected"), [row[1:] for row in POLICIES], ids=[row[0] for row in POLICIES]
)
def test_the_policy(happened: Happened, policy: Policy, circumstances: Circumstances, expected: str) -> None:
    story = Story.of(happened)
    story.policy, story.circumstances = policy, circumstances
    assert said(story.next_step()) == expected


def test_a_rule_says_in_the_log_what_it_found() -> None:
    story = Story.of([account()])
    story.policy = RULES
    story.circumstances = Circumstances(bonuses_that_day=4)
    step = story.next_step()
    assert isinstance(step, HoldBack)
    assert step.note == "the referrer's bonus number 4 within a day, more than 3"
    story.circumstances = Circumstances(referred_account=SAME)
    step = story.next_step()
    assert isinstance(step, HoldBack)
    assert "acct_ok1" in step.note


TOLD_BEFORE = UnknownPayoutNoticed(
    payout_id="pay_1", transfer_id="tr_1", stripe_event_id="evt_1", stripe_event_type="transfer.created"
)


@pytest.mark.parametrize("happened", [[], [account()], [account(), held()], [account(), REJECTED], PAID], ids=str)
def test_what_stripe_told_before_the_bonus_was_known_is_taken_up_before_anything_else(happened: Happened) -> None:
    story = Story.of(happened)
    story.circumstances = Circumstances(told_before=(TOLD_BEFORE,))
    assert said(story.next_step()) == "take up"
