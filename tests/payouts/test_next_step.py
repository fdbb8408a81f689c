"""The decision table: what happened to a payout, and what is done next. Read it beside docs/decision-table.md."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from ledger.events import Event, FailureKind, UnknownKind
from ledger.payouts.explain import explain
from ledger.payouts.payout import Payout
from ledger.payouts.steps import LookUp, Wait
from ledger.reasons import Reason
from tests.payouts.story import (
    ACCEPTED,
    REJECTED,
    START,
    Story,
    account,
    failed,
    funds,
    requested,
    said,
    settled,
    unknown,
    verified,
)

FUNDS, ACCOUNT, INVALID = FailureKind
NO_ANSWER, UNREADABLE, SERVER_ERROR, KEY_MISUSE, REPETITION_REFUSED = UnknownKind

SECONDS, MINUTES, HOURS, DAYS = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))
INSTANT = timedelta(microseconds=1)
KEY_EXPIRES = 23 * HOURS

CONFIRMING = "wait: confirming_with_stripe, then again"
RECONCILING = "look up a1: reconciliation_required"
LOOKING = "look up a1: confirming_with_stripe"
SEND_AGAIN = "send a1 to acct_ok1"
TRY_A2 = "request a2 to acct_ok1"
TRY_OTHER = "request a2 to acct_2"
HELD = "wait: stripe_credentials_rejected"
INACTIVE = "wait: payout_account_inactive"
LATER = "wait: insufficient_funds, then again"
CHECKING = "wait: account_declined, then again"
EXHAUSTED = "wait: retries_exhausted"

Happened = Sequence[Event | timedelta]

SENT: Happened = [account(), requested()]
UNANSWERED: Happened = [*SENT, unknown()]
AFTER_500: Happened = [*SENT, unknown(SERVER_ERROR)]
MISUSED: Happened = [*SENT, unknown(KEY_MISUSE)]
NO_FUNDS: Happened = [*SENT, failed(FUNDS)]
NO_ACCOUNT: Happened = [*SENT, failed(ACCOUNT)]
NO_SENSE: Happened = [*SENT, failed(INVALID)]
OTHER_LATER: Happened = [8 * DAYS, account("acct_2"), requested(2, "acct_2")]

TABLE: list[tuple[str, Happened, str]] = [
    # Preflight: destination known and its transfers capability active, else wait with the reason.
    ("no account", [], "wait: no_payout_account"),
    ("account inactive", [account(active=False)], INACTIVE),
    ("account became inactive", [account(), account(active=False)], INACTIVE),
    ("account active", [account()], "request a1 to acct_ok1"),
    ("account replaced before the first attempt", [account(), account("acct_ok2")], "request a1 to acct_ok2"),
    # 200, fresh or replayed; reconcile found it
    ("settled", [*SENT, settled()], "finished"),
    ("settled after an unknown", [*UNANSWERED, settled()], "finished"),
    ("settled, and credentials rejected since", [*SENT, settled(), REJECTED], "finished"),
    ("settled, and much happened since", [*SENT, settled(), funds(), account("acct_2")], "finished"),
    # Crash after the intent was appended: same key, inside the window
    ("crash after the intent", SENT, SEND_AGAIN),
    ("crash after the intent, window's last moment", [*SENT, KEY_EXPIRES - INSTANT], SEND_AGAIN),
    ("crash after the intent, window over", [*SENT, KEY_EXPIRES], RECONCILING),
    ("crash after the intent, account replaced", [*SENT, account("acct_2")], SEND_AGAIN),
    ("crash after the intent, account inactive", [*SENT, account(active=False)], SEND_AGAIN),
    # Timeout, reset, cancelled, unreadable body, 502/503/504: same key and parameters, with backoff, until 23 h
    ("no answer, a moment ago", UNANSWERED, CONFIRMING),
    ("no answer, a while ago", [*UNANSWERED, 5 * SECONDS], SEND_AGAIN),
    ("unreadable, a while ago", [*SENT, unknown(UNREADABLE), 5 * SECONDS], SEND_AGAIN),
    ("repetition refused, a moment ago", [*UNANSWERED, unknown(REPETITION_REFUSED)], CONFIRMING),
    ("repetition refused, a while ago", [*UNANSWERED, unknown(REPETITION_REFUSED), 20 * SECONDS], SEND_AGAIN),
    ("no answer four times", [*SENT, *[unknown()] * 4, 20 * SECONDS], CONFIRMING),
    ("no answer four times, later", [*SENT, *[unknown()] * 4, 40 * SECONDS], SEND_AGAIN),
    ("no answer, account replaced since", [*UNANSWERED, account("acct_2"), HOURS], SEND_AGAIN),
    # Unknown and older than 23 h: do not send, reconcile. First sent counts, not last.
    ("unknown, window's last moment", [*UNANSWERED, KEY_EXPIRES - INSTANT], SEND_AGAIN),
    ("unknown, window over", [*UNANSWERED, KEY_EXPIRES], RECONCILING),
    ("unknown a moment ago, first sent 23 h ago", [*SENT, KEY_EXPIRES, unknown(), MINUTES], RECONCILING),
    ("unknown for a year", [*UNANSWERED, 365 * DAYS], RECONCILING),
    # 500: never a new key by itself, and the same only replays it: reconcile
    ("500", AFTER_500, CONFIRMING),
    ("500, a minute later", [*AFTER_500, MINUTES], LOOKING),
    ("500, window over", [*AFTER_500, KEY_EXPIRES], RECONCILING),
    ("500 after a timeout", [*UNANSWERED, unknown(SERVER_ERROR), MINUTES], LOOKING),
    ("500, account replaced since", [*AFTER_500, account("acct_2"), MINUTES], LOOKING),
    # 400 idempotency_error: never; reconcile
    ("key misuse", MISUSED, "wait: reconciliation_required, then again"),
    ("key misuse, a minute later", [*MISUSED, MINUTES], RECONCILING),
    ("key misuse, window over", [*MISUSED, KEY_EXPIRES], RECONCILING),
    # 401: same key once the credentials are mended; one breaker for all
    ("401 before the intent", [account(), REJECTED], HELD),
    ("401 to the first call", [*SENT, REJECTED, HOURS], HELD),
    ("401, mended", [*SENT, REJECTED, HOURS, ACCEPTED], SEND_AGAIN),
    ("401, mended after the window", [*SENT, REJECTED, DAYS, ACCEPTED], RECONCILING),
    ("401 stops looking up too", [*AFTER_500, REJECTED, HOURS], HELD),
    ("401, and no account", [REJECTED], "wait: no_payout_account"),
    # The sharpest rule: a 429, 401 or 409 after an unknown does not resolve it. 429 and 409 are not even recorded.
    ("unknown, then 401, mended", [*UNANSWERED, REJECTED, HOURS, ACCEPTED], SEND_AGAIN),
    ("unknown, then funds", [*UNANSWERED, funds()], CONFIRMING),
    # 400 balance_insufficient: new attempt and key after balance.available or with backoff
    ("insufficient funds", NO_FUNDS, LATER),
    ("insufficient funds, backoff over", [*NO_FUNDS, 80 * SECONDS], TRY_A2),
    ("insufficient funds, funds arrived", [*NO_FUNDS, funds()], TRY_A2),
    ("insufficient funds, funds arrived during the call", [*SENT, funds(), failed(FUNDS)], TRY_A2),
    ("insufficient funds, funds arrived before", [account(), funds(), requested(), failed(FUNDS)], LATER),
    ("insufficient funds, account replaced", [*NO_FUNDS, account("acct_2"), funds()], TRY_OTHER),
    ("insufficient funds, account inactive", [*NO_FUNDS, account(active=False), funds()], INACTIVE),
    ("insufficient funds, 7 days less a moment", [*NO_FUNDS, 7 * DAYS - INSTANT], TRY_A2),
    ("insufficient funds, 7 days", [*NO_FUNDS, 7 * DAYS], EXHAUSTED),
    ("insufficient funds, 7 days, then funds", [*NO_FUNDS, 7 * DAYS, funds()], TRY_A2),
    # 400 of the account, 403: new attempt and key after a fresh, favourable account read
    ("account declined", NO_ACCOUNT, CHECKING),
    ("account declined, backoff over", [*NO_ACCOUNT, 80 * SECONDS], "check acct_ok1"),
    ("account declined, read favourably", [*NO_ACCOUNT, verified()], TRY_A2),
    ("account declined again after the read", [*NO_ACCOUNT, verified(), requested(2), failed(ACCOUNT, 2)], CHECKING),
    ("account declined, a newer fact", [*NO_ACCOUNT, account("acct_2")], TRY_OTHER),
    ("account declined, replaced during the call", [*SENT, account("acct_2"), failed(ACCOUNT)], TRY_OTHER),
    ("account declined, inactive since", [*NO_ACCOUNT, account(active=False), HOURS], INACTIVE),
    ("account declined, funds arrived", [*NO_ACCOUNT, funds()], CHECKING),
    ("account declined, 7 days", [*NO_ACCOUNT, 7 * DAYS], EXHAUSTED),
    ("account declined, 7 days, then a newer fact", [*NO_ACCOUNT, 7 * DAYS, account("acct_2")], TRY_OTHER),
    # Other 400, 404: after a person's fix
    ("invalid request", [*NO_SENSE, 30 * DAYS], "wait: request_declined"),
    ("invalid request, another account", [*NO_SENSE, account("acct_2")], TRY_OTHER),
    ("invalid request, another account during the call", [*SENT, account("acct_2"), failed(INVALID)], TRY_OTHER),
    ("invalid request, funds arrived", [*NO_SENSE, funds()], "wait: request_declined"),
    # Another cause is another story: its 7 days and its backoff begin anew.
    ("declined by the account, then for funds 8 days later", [*NO_ACCOUNT, *OTHER_LATER, failed(FUNDS, 2)], LATER),
    ("declined by one account, 8 days later by another", [*NO_ACCOUNT, *OTHER_LATER, failed(ACCOUNT, 2)], CHECKING),
    ("declined for 7 days by the same account", [*NO_ACCOUNT, verified(), requested(2), 7 * DAYS, failed(ACCOUNT, 2)], EXHAUSTED),
    # A new attempt is unknown in its turn.
    ("second attempt unknown", [*NO_FUNDS, funds(), requested(2), unknown(attempt=2), HOURS], "send a2 to acct_ok1"),
    ("second attempt unknown, funds arrived", [*NO_FUNDS, requested(2), unknown(attempt=2), funds(), HOURS], "send a2 to acct_ok1"),
]  # fmt: skip


@pytest.mark.parametrize(("happened", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_next_step(happened: Happened, expected: str) -> None:
    assert said(Story.of(happened).next_step()) == expected


def test_what_waits_is_looked_at_again_when_its_time_has_come() -> None:
    """No `until` of a wait may find the very same wait again: the payout would spin, or be forgotten."""
    for name, happened, _ in TABLE:
        story = Story.of(happened)
        step = story.next_step()
        if isinstance(step, Wait) and step.until is not None:
            assert step.until > story.now, name
            story.now = step.until
            assert not isinstance(story.next_step(), Wait), name


def test_a_look_up_that_found_nothing_is_done_again_within_15_minutes_and_a_fifth() -> None:
    story = Story.of([account(), requested(), unknown(SERVER_ERROR)])
    looks = 0
    while story.now < START + DAYS:
        step = story.next_step()
        if isinstance(step, LookUp):
            looks += 1
        until = step.again_at if isinstance(step, LookUp) else step.until if isinstance(step, Wait) else None
        assert until is not None
        assert timedelta(0) < until - story.now <= 18 * MINUTES
        story.now = until
    assert looks > 80


@pytest.mark.parametrize(("happened", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_whoever_asks_is_told_the_same_reason(happened: Happened, expected: str) -> None:
    story = Story.of(happened)
    told = explain(story.payout, story.account, story.platform, story.now)
    if expected.startswith("wait: "):
        assert told == story.next_step()
    elif expected.startswith("look up"):
        assert told.reason == expected.split(": ")[1]
    else:
        verb = expected.split(maxsplit=1)[0]
        assert (
            told.reason
            in {
                "finished": {Reason.PAID},
                "request": {Reason.QUEUED},
                "send": {Reason.TRANSFER_IN_PROGRESS, Reason.CONFIRMING_WITH_STRIPE},
                "check": {Reason.ACCOUNT_DECLINED},
            }[verb]
        )


def test_the_state_is_written_the_same_by_every_process() -> None:
    """The read models hold it as JSON, and compare it with a replay."""
    payout = Story.of([account(), requested(), *(unknown(kind) for kind in UnknownKind)]).payout
    assert payout.unresolved is not None
    dumped = payout.model_dump(mode="json")
    assert dumped["unresolved"]["kinds"] == sorted(UnknownKind)
    assert Payout.model_validate(dumped) == payout
