"""What people do to payouts over HTTP: what each action leads to, who may, what is refused and under which code."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import httpx
import pytest

from api.http.problems import Kind
from api.http.routes.payout_actions import ACTIONS, REFUSALS
from ledger import identifiers
from ledger.event_log import Draft
from ledger.events import (
    ApprovalRequested,
    BankPayoutReported,
    BonusEarned,
    Event,
    FailureKind,
    Happened,
    HoldReason,
    PayoutHeld,
    ReversalFailed,
    ReversalRequested,
    TransferFailed,
    TransferNotFound,
    TransferOutcomeUnknown,
    TransferRequested,
    TransferReversed,
    TransferSettled,
    UnknownKind,
    payout_tag,
)
from ledger.history import about
from ledger.payouts import actions
from ledger.payouts.actions import Action
from ledger.reasons import Reason
from tests.api.running import API, Ledger, a_bonus
from tests.api.test_bad_input import assert_problem

Told = list[tuple[type[Event], dict[str, Any]]]

PAYOUT = identifiers.payout_id("ben")
PATH = f"/payouts/{PAYOUT}"
MONEY: dict[str, Any] = {"amount_minor": 7500, "currency": "usd", "destination": "acct_ok_anna"}
REFERENCE: dict[str, Any] = {"attempt": 1, "idempotency_key": "k", "transfer_group": "g", "metadata": {}}
ATTEMPT: Told = [(TransferRequested, MONEY | REFERENCE)]
UNKNOWN: Told = [*ATTEMPT, (TransferOutcomeUnknown, {"attempt": 1, "kind": UnknownKind.SERVER_ERROR, "detail": ""})]
SEARCHED: Told = [*UNKNOWN, (TransferNotFound, {"attempt": 1, "searched": ("transfer_group",)})]
DECLINE = {"attempt": 1, "kind": FailureKind.INVALID_REQUEST, "stripe_code": "bad", "http_status": 400, "message": "no"}
DECLINED: Told = [*ATTEMPT, (TransferFailed, DECLINE)]
PAID: Told = [*ATTEMPT, (TransferSettled, {**MONEY, "attempt": 1, "transfer_id": "tr_1"})]
REVERSED: Told = [
    (TransferReversed, {"transfer_id": "tr_1", "amount_minor": 7500, "total_reversed_minor": 7500, "currency": "usd"})
]
REVERSAL = {
    "number": 1,
    "idempotency_key": "r",
    "transfer_id": "tr_1",
    "amount_minor": 7500,
    "currency": "usd",
    "metadata": {},
}


@pytest.fixture
def owed(ledger: Ledger) -> Ledger:
    """A ledger with one payout, owed to anna for ben."""
    ledger.know(*a_bonus())
    return ledger


def told(ledger: Ledger, happened: Told, actor: str = "payout-process") -> None:
    """Put on the log what the payout process would record about the payout, and show it."""
    boundary = [about(payout_tag(PAYOUT))]
    events, head = ledger.services.log.read(boundary)
    bonus = events[0].event
    assert isinstance(bonus, BonusEarned)
    about_it = {"payout_id": PAYOUT, "referral_id": bonus.referral_id, "referrer_id": bonus.referrer_id}
    drafts = [
        Draft(Happened(kind(**about_it, **data), datetime.now(UTC)), actor, "test", None) for kind, data in happened
    ]
    ledger.services.log.append(drafts, boundary, after=head)
    ledger.projector.catch_up()


def shown(ledger: Ledger) -> dict[str, Any]:
    ledger.projector.catch_up()
    document: dict[str, Any] = ledger.get(PATH, "finance").json()
    return document


def outcome(answer: httpx.Response) -> tuple[str, int | None]:
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert document["payout_id"] == PAYOUT
    assert answer.headers["Ledger-Position"] == str(document["position"])
    return document["outcome"], document["approval"]


def test_a_held_payout_says_who_holds_it_and_why_until_it_is_released(owed: Ledger) -> None:
    assert outcome(owed.decide(f"{PATH}/hold", "ada", "looks odd")) == ("recorded", None)
    held = shown(owed)
    assert (held["status"], held["reason"], held["who"]) == ("pending_transfer", "held", "operator")
    assert (held["hold"]["reason"], held["hold"]["note"], held["hold"]["held_by"]) == ("manual", "looks odd", "ada")
    assert held["for_operator"].startswith("Held by a person")
    assert outcome(owed.decide(f"{PATH}/release", "bob", "it is fine")) == ("recorded", None)
    released = shown(owed)
    assert (released["hold"], released["reason"]) == (None, "no_payout_account")
    assert [(each["type"], each["actor"]) for each in released["timeline"][1:]] == [
        ("PayoutHeld", "ada"),
        ("PayoutReleased", "bob"),
    ]
    assert released["timeline"][-1]["data"]["note"] == "it is fine"


def test_a_hold_by_rule_says_in_words_which_rule_it_was(owed: Ledger) -> None:
    note = "the referrer's bonus number 4 within a day, more than 3"
    told(owed, [(PayoutHeld, {"reason": HoldReason.MANY_BONUSES_IN_A_DAY, "note": note})])
    (held,) = owed.get("/payouts", "finance").json()["items"]
    assert held["hold"]["note"] == note
    assert held["for_operator"].startswith("Held by rule: more bonuses")


def test_a_declined_payout_is_tried_again_when_one_person_says_so(owed: Ledger) -> None:
    told(owed, DECLINED)
    assert shown(owed)["last_error"] == "bad: no"
    assert outcome(owed.decide(f"{PATH}/retry", "ada")) == ("recorded", None)
    assert shown(owed)["reason"] == "no_payout_account"  # what a new attempt waits for by now
    assert outcome(owed.decide(f"{PATH}/retry", "ada")) == ("unchanged", None)


def test_a_repeated_decision_changes_nothing_and_tells_the_position(owed: Ledger) -> None:
    for action, expected in (("hold", ("unchanged", None)), ("cancel", ("awaits_approval", 1))):
        first = owed.decide(f"{PATH}/{action}", "ada").json()
        again = owed.decide(f"{PATH}/{action}", "ada")
        assert outcome(again) == expected
        assert again.json()["position"] == first["position"] == owed.head


def test_a_payout_is_cancelled_by_two_persons(owed: Ledger) -> None:
    assert outcome(owed.decide(f"{PATH}/cancel", "ada", "fraud")) == ("awaits_approval", 1)
    pending = shown(owed)
    assert (pending["reason"], pending["who"]) == ("approval_pending", "operator")
    assert pending["approval"]["granted"] is False
    assert_problem(owed.decide(f"{PATH}/approvals/1/approve", "ada"), 409, "second_person_needed")
    assert outcome(owed.decide(f"{PATH}/approvals/1/approve", "bob", "I looked")) == ("recorded", None)
    cancelled = shown(owed)
    assert (cancelled["status"], cancelled["reason"], cancelled["who"]) == ("cancelled", "cancelled", "nobody")
    assert (cancelled["approval"], cancelled["next_attempt_at"], cancelled["last_error"]) == (None, None, None)
    (mine,) = owed.get("/instructor-referrals/referred", "instructor", "anna").json()["items"]
    assert mine["reason"] == "This bonus was cancelled and will not be paid."


def test_a_cancellation_waits_for_the_attempt_in_flight(owed: Ledger) -> None:
    told(owed, UNKNOWN)
    owed.decide(f"{PATH}/cancel", "ada")
    assert outcome(owed.decide(f"{PATH}/approvals/1/approve", "bob")) == ("recorded", None)
    waiting = shown(owed)
    assert (waiting["status"], waiting["approval"]["granted"]) == ("pending_transfer", True)
    assert owed.get("/payouts/approvals", "finance").json()["items"] == []
    told(owed, [PAID[-1]])
    paid = shown(owed)
    assert (paid["status"], paid["approval"]) == ("paid", None)


def test_a_hold_waits_for_the_attempt_in_flight(owed: Ledger) -> None:
    told(owed, ATTEMPT)
    assert outcome(owed.decide(f"{PATH}/hold", "ada", "looks odd")) == ("recorded", None)
    waiting = shown(owed)
    assert (waiting["reason"], waiting["hold"]["note"]) == ("transfer_in_progress", "looks odd")
    told(owed, [DECLINED[-1]])
    assert shown(owed)["reason"] == "held"


def test_a_paid_payout_is_reversed_by_two_persons(owed: Ledger) -> None:
    told(owed, PAID)
    assert outcome(owed.decide(f"{PATH}/reverse", "ada", "paid in error")) == ("awaits_approval", 1)
    assert outcome(owed.decide(f"{PATH}/approvals/1/approve", "bob")) == ("recorded", None)
    assert shown(owed)["reason"] == "reversal_in_progress"
    told(owed, REVERSED)
    reversed_ = shown(owed)
    assert (reversed_["status"], reversed_["reason"], reversed_["reversed_minor"]) == ("reversed", "reversed", 7500)


def test_a_declined_reversal_is_shown(owed: Ledger) -> None:
    failed = {"number": 1, "stripe_code": "balance_insufficient", "http_status": 400, "message": "They have spent it"}
    told(owed, [*PAID, (ReversalRequested, REVERSAL), (ReversalFailed, failed)])
    paid = shown(owed)
    assert (paid["status"], paid["last_error"]) == (
        "paid",
        "reversal declined: balance_insufficient: They have spent it",
    )


def test_a_request_is_refused_by_the_other_or_withdrawn_by_its_maker(owed: Ledger) -> None:
    for number, decider in ((1, "bob"), (2, "ada")):
        assert outcome(owed.decide(f"{PATH}/cancel", "ada")) == ("awaits_approval", number)
        assert outcome(owed.decide(f"{PATH}/approvals/{number}/refuse", decider)) == ("recorded", None)
        assert shown(owed)["approval"] is None
    assert_problem(owed.decide(f"{PATH}/approvals/2/approve", "bob"), 409, "no_such_request")


def test_open_requests_are_listed_in_pages_with_who_asks_for_what(ledger: Ledger) -> None:
    referred = ["ben", "carl", "dora"]
    ledger.know(*a_bonus(), *a_bonus("anna", "carl")[1:], *a_bonus("anna", "dora")[1:])
    for each in referred:
        ledger.decide(f"/payouts/{identifiers.payout_id(each)}/cancel", "ada", f"about {each}")
    ledger.projector.catch_up()
    first = ledger.get("/payouts/approvals", "finance", limit=2).json()
    rest = ledger.get("/payouts/approvals", "finance", limit=2, cursor=first["next_cursor"])
    assert rest.headers["Ledger-Position"] == str(ledger.head)
    items = first["items"] + rest.json()["items"]
    assert [(item["referred_id"], item["reason"]) for item in items] == [(each, f"about {each}") for each in referred]
    assert (items[0]["number"], items[0]["action"], items[0]["requested_by"]) == (1, "cancel", "ada")
    assert (items[0]["payout_id"], items[0]["amount_minor"], items[0]["granted"]) == (PAYOUT, 7500, False)
    assert rest.json()["next_cursor"] is None


REFUSED: list[tuple[str, Told, str, str]] = [
    ("a paid one is not held", PAID, "hold", "already_paid"),
    ("a paid one is not released", PAID, "release", "already_paid"),
    ("a paid one is not tried again", PAID, "retry", "already_paid"),
    ("a paid one is not cancelled", PAID, "cancel", "already_paid"),
    ("a reversed one is not held", PAID + REVERSED, "hold", "already_reversed"),
    ("a reversed one is not reversed", PAID + REVERSED, "reverse", "already_reversed"),
    ("an owed one is not reversed", [], "reverse", "not_paid"),
    ("what is not held is not released", [], "release", "not_held"),
    ("what was not declined is not retried", [], "retry", "not_declined"),
    ("one in flight is not retried", ATTEMPT, "retry", "outcome_pending"),
    ("one in flight is not reversed", ATTEMPT, "reverse", "outcome_pending"),
    ("an unknown outcome is not retried", UNKNOWN, "retry", "outcome_pending"),
    ("an unknown outcome is not reversed", UNKNOWN, "reverse", "outcome_pending"),
    ("one that is being searched for is not retried", SEARCHED, "retry", "absence_not_confirmed"),
    ("a reversal in flight is not repeated", [*PAID, (ReversalRequested, REVERSAL)], "reverse", "outcome_pending"),
    (
        "one request at a time",
        [*DECLINED, (ApprovalRequested, {"number": 1, "action": "retry", "note": "x"})],
        "cancel",
        "approval_pending",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("happened", "action", "code"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_cannot_be_is_refused_under_a_stable_code(owed: Ledger, happened: Told, action: str, code: str) -> None:
    if happened:
        told(owed, happened)
    before = owed.head
    answer = owed.decide(f"{PATH}/{action}", "ada")
    assert_problem(answer, 409, code)
    assert answer.json()["detail"]
    assert Kind[code.upper()] in REFUSALS[action]  # type: ignore[index]
    assert owed.head == before


def test_a_cancelled_payout_takes_no_further_decision(owed: Ledger) -> None:
    owed.decide(f"{PATH}/cancel", "ada")
    owed.decide(f"{PATH}/approvals/1/approve", "bob")
    for action in ("hold", "release", "retry", "cancel"):
        assert_problem(owed.decide(f"{PATH}/{action}", "ada"), 409, "already_cancelled")
    assert_problem(owed.decide(f"{PATH}/reverse", "ada"), 409, "not_paid")


def test_a_retry_after_an_unknown_outcome_takes_searches_that_lie_apart_and_two_persons(
    owed: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(owed, UNKNOWN)
    told(owed, [(TransferNotFound, {"attempt": 1, "searched": ("transfer_group",)})] * actions.SEARCHES_NEEDED)
    assert_problem(
        owed.decide(f"{PATH}/retry", "ada"), 409, "absence_not_confirmed"
    )  # made at once, they prove nothing
    monkeypatch.setattr(actions, "SEARCHES_APART", timedelta(0))
    assert outcome(owed.decide(f"{PATH}/retry", "ada")) == ("awaits_approval", 1)
    assert_problem(owed.decide(f"{PATH}/approvals/1/approve", "ada"), 409, "second_person_needed")
    assert outcome(owed.decide(f"{PATH}/approvals/1/approve", "bob")) == ("recorded", None)
    assert shown(owed)["timeline"][-1]["type"] == "PayoutRetryAuthorized"


def test_of_many_who_decide_at_once_one_is_recorded(owed: Ledger) -> None:
    people = [f"person-{number}" for number in range(8)]
    for person in people:
        owed.token("finance", person)
    with ThreadPoolExecutor(len(people)) as pool:
        held = list(pool.map(lambda person: outcome(owed.decide(f"{PATH}/hold", person)), people))
        asked = list(pool.map(lambda person: outcome(owed.decide(f"{PATH}/cancel", person)), people))
    assert sorted(held) == [("recorded", None)] + [("unchanged", None)] * 7
    assert asked == [("awaits_approval", 1)] * 8
    assert [each["type"] for each in shown(owed)["timeline"]] == ["BonusEarned", "PayoutHeld", "ApprovalRequested"]


def test_every_action_is_offered() -> None:
    assert set(ACTIONS) == set(REFUSALS) == set(get_args(Action))


@pytest.mark.parametrize("payout_id", ["pay_zzzz", "pay_1", "nonsense", "pay_%00", "x" * 300])
def test_an_unknown_payout_is_not_found(shared_ledger: Ledger, payout_id: str) -> None:
    for path in ("hold", "reverse", "approvals/1/approve", "approvals/1/refuse"):
        assert_problem(shared_ledger.decide(f"/payouts/{payout_id}/{path}", "ada"), 404, "not_found")


def test_the_longest_reason_fits_in_any_script(owed: Ledger) -> None:
    reason = "🦉" * 500
    assert outcome(owed.decide(f"{PATH}/hold", "ada", reason)) == ("recorded", None)
    assert shown(owed)["hold"]["note"] == reason


def test_a_read_waits_for_the_decision(owed: Ledger) -> None:
    position = owed.decide(f"{PATH}/hold", "ada").headers["Ledger-Position"]
    assert owed.get(PATH, "finance").json()["hold"] is None  # the read models stand where they stood
    owed.projector.catch_up()
    assert owed.get(PATH, "finance", min_position=position).json()["hold"] is not None


def test_an_instructor_sees_words_and_neither_codes_nor_what_people_noted(owed: Ledger) -> None:
    owed.decide(f"{PATH}/hold", "ada", "suspicious")
    owed.decide(f"{PATH}/cancel", "ada", "suspicious")
    owed.projector.catch_up()
    answer = owed.get("/instructor-referrals/referred", "instructor", "anna")
    assert answer.json()["items"][0]["reason"] == "Your payment is being reviewed by our team."
    assert "suspicious" not in answer.text
    assert "ada" not in answer.text
    assert not any(f'"{reason.value}"' in answer.text for reason in Reason)


def bank_said(ledger: Ledger, at: datetime, status: str, message: str | None = None) -> None:
    reported = BankPayoutReported(
        stripe_account_id="acct_ok_anna",
        bank_payout_id="po_1",
        status=status,  # type: ignore[arg-type]
        amount_minor=7500,
        currency="usd",
        failure_code=None if message is None else "account_closed",
        failure_message=message,
        stripe_event_id="evt_1",
    )
    ledger.services.log.append([Draft(Happened(reported, at), "stripe", "test", None)], [], after=ledger.head)
    ledger.projector.catch_up()


def test_a_paid_referral_tells_of_the_way_to_the_bank(owed: Ledger) -> None:
    def bank() -> str | None:
        (mine,) = owed.get("/instructor-referrals/referred", "instructor", "anna").json()["items"]
        said: str | None = mine["bank"]
        return said

    later = datetime.now(UTC) + timedelta(days=1)
    assert bank() is None
    told(owed, PAID)
    bank_said(owed, later - timedelta(days=9), "failed", "Closed.")  # which was about other money
    assert bank() == "On its way to your bank."
    bank_said(owed, later, "paid")
    assert bank() == f"Paid out to your bank by {later:%Y-%m-%d}."
    bank_said(owed, later + timedelta(days=1), "failed", "Closed, says req_1 of acct_ok_anna.")
    assert str(bank()).startswith("Your bank refused the newest payment from your account: the bank account is closed.")
    assert "req_1" not in owed.get("/instructor-referrals/referred", "instructor", "anna").text
    assert "Closed, says req_1" in owed.get("/audit/events", "auditor", type="BankPayoutReported").text
    told(owed, REVERSED)
    assert bank() is None


def test_a_decision_is_made_under_the_name_in_the_token_and_explained_to_those_who_write_clients(owed: Ledger) -> None:
    by_admin = owed.client.post(
        f"{API}{PATH}/hold", headers=owed.headers("admin", "root@example.com"), json={"reason": "x"}
    )
    assert by_admin.status_code == 200
    owed.decide(f"{PATH}/cancel", "ada")
    owed.decide(f"{PATH}/approvals/1/refuse", "bob")
    document = shown(owed)
    assert document["hold"]["held_by"] == "root@example.com"
    assert [(each["actor"], each["data"]["role"]) for each in document["timeline"][1:]] == [
        ("root@example.com", "admin"),
        ("ada", "finance"),
        ("bob", "finance"),
    ]
    document = owed.client.get("/openapi.json").json()
    hold = document["paths"][f"{API}/payouts/{{payout_id}}/hold"]["post"]
    reason = hold["requestBody"]["content"]["application/json"]["schema"]["properties"]["reason"]
    assert (reason["minLength"], reason["maxLength"]) == (1, 500)
    assert "no personal data" in reason["description"]
    assert "`already_paid`" in hold["responses"]["409"]["description"]
