"""What each of Stripe's answers means: the rows "outcome of the call" and "recorded" of the decision table."""

from typing import Any

import pytest

from ledger.events import FailureKind, UnknownKind
from ledger.payouts.outcome import (
    Answer,
    CredentialsRejected,
    Declined,
    NoAnswer,
    Outcome,
    Settled,
    TryLater,
    Unknown,
    judge,
    transfer_of,
)
from tests.payouts.story import requested

TRANSFER: dict[str, Any] = {
    "object": "transfer",
    "id": "tr_1",
    "amount": 7500,
    "amount_reversed": 0,
    "currency": "usd",
    "destination": "acct_ok1",
    "metadata": {"payout_id": "pay_1", "attempt": "1"},
}


def error(code: str | None = None, kind: str = "invalid_request_error") -> dict[str, Any]:
    return {"error": {"code": code, "type": kind, "message": "No."}}


def meaning(outcome: Outcome) -> str:
    match outcome:
        case Settled(replayed=replayed):
            return "settled, replayed" if replayed else "settled"
        case Declined(kind=kind):
            return f"failed: {kind}"
        case Unknown(kind=kind):
            return f"unknown: {kind}"
        case TryLater(reason=reason):
            return f"later: {reason}"
        case CredentialsRejected():
            return "credentials rejected"


FUNDS, ACCOUNT, INVALID = (f"failed: {kind}" for kind in FailureKind)
NO_ANSWER, UNREADABLE, SERVER_ERROR, KEY_MISUSE, REPETITION_REFUSED = (f"unknown: {kind}" for kind in UnknownKind)

TABLE = [
    ("200, fresh", Answer(200, TRANSFER), "settled"),
    ("200, replayed", Answer(200, TRANSFER, replayed=True), "settled, replayed"),
    ("200, destination expanded", Answer(200, TRANSFER | {"destination": {"id": "acct_ok1"}}), "settled"),
    ("timeout, reset, cancelled", NoAnswer("TimeoutError"), NO_ANSWER),
    ("502", Answer(502, None), NO_ANSWER),
    ("503", Answer(503, error()), NO_ANSWER),
    ("504", Answer(504, None), NO_ANSWER),
    ("unreadable body: half a JSON document, HTML, nothing", Answer(200, None), UNREADABLE),
    ("unreadable body: empty object", Answer(200, {}), UNREADABLE),
    ("unreadable body: another object", Answer(200, TRANSFER | {"object": "charge"}), UNREADABLE),
    ("unreadable body: no id", Answer(200, TRANSFER | {"id": None}), UNREADABLE),
    ("unreadable body: amount is text", Answer(200, TRANSFER | {"amount": "7500"}), UNREADABLE),
    ("unreadable body: metadata is text", Answer(200, TRANSFER | {"metadata": "pay_1"}), UNREADABLE),
    ("unreadable body: 400 in HTML", Answer(400, None), UNREADABLE),
    ("unreadable body: 400 that is not Stripe's", Answer(400, {"detail": "no"}), UNREADABLE),
    ("unreadable body: 404 that is not Stripe's", Answer(404, {"error": "not found"}), UNREADABLE),
    ("unreadable body: a redirect", Answer(302, None), UNREADABLE),
    ("409 key in use", Answer(409, error("idempotency_key_in_use", "api_error")), "later: key in use"),
    ("429, with a reason", Answer(429, error("rate_limit"), rate_limited_reason="global-rate"), "later: global-rate"),
    ("429 lock_timeout", Answer(429, error("lock_timeout")), "later: lock_timeout"),
    ("429 from in front of Stripe", Answer(429, None), "later: unnamed"),
    ("401", Answer(401, error()), "credentials rejected"),
    ("401 without a body", Answer(401, None), "credentials rejected"),
    ("500", Answer(500, error(kind="api_error")), SERVER_ERROR),
    ("500, replayed", Answer(500, error(kind="api_error"), replayed=True), SERVER_ERROR),
    ("another 5xx", Answer(520, None), SERVER_ERROR),
    ("400 balance_insufficient", Answer(400, error("balance_insufficient")), FUNDS),
    ("400 insufficient_capabilities", Answer(400, error("insufficient_capabilities_for_transfer")), ACCOUNT),
    ("400 transfers_not_allowed", Answer(400, error("transfers_not_allowed")), ACCOUNT),
    ("400 account_closed", Answer(400, error("account_closed")), ACCOUNT),
    ("403", Answer(403, error("account_invalid")), ACCOUNT),
    ("other 400", Answer(400, error("parameter_unknown")), INVALID),
    ("other 400, without a code", Answer(400, error()), INVALID),
    ("404", Answer(404, error("resource_missing")), INVALID),
    ("402", Answer(402, error("card_declined", "card_error")), INVALID),
    ("400 idempotency_error", Answer(400, error(kind="idempotency_error")), KEY_MISUSE),
    ("200 with another amount", Answer(200, TRANSFER | {"amount": 5000}), KEY_MISUSE),
    ("200 in another currency", Answer(200, TRANSFER | {"currency": "eur"}), KEY_MISUSE),
    ("200 to another destination", Answer(200, TRANSFER | {"destination": "acct_ok2"}), KEY_MISUSE),
    ("200 of another payout", Answer(200, TRANSFER | {"metadata": {"payout_id": "pay_2"}}), KEY_MISUSE),
    ("200 without metadata", Answer(200, TRANSFER | {"metadata": {}}), KEY_MISUSE),
]


@pytest.mark.parametrize(("answer", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_the_first_answer_to_a_key(answer: Answer | NoAnswer, expected: str) -> None:
    assert meaning(judge(requested(), answer, repeated=False)) == expected


# "Only a definitive answer to that key" resolves an unknown: Stripe looked at the key, and says so.
SAYS_NOTHING_OF_THE_KEY = {"403", "other 400", "other 400, without a code", "404", "402"}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(answer, REPETITION_REFUSED if name in SAYS_NOTHING_OF_THE_KEY else expected) for name, answer, expected in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_an_answer_to_a_key_that_may_have_been_sent_before(answer: Answer | NoAnswer, expected: str) -> None:
    assert meaning(judge(requested(), answer, repeated=True)) == expected


@pytest.mark.parametrize("answer", [row[1] for row in TABLE if row[2] == INVALID])
def test_a_replayed_refusal_is_definitive(answer: Answer) -> None:
    replayed = Answer(answer.status, answer.body, replayed=True)
    assert meaning(judge(requested(), replayed, repeated=True)) == INVALID


def test_a_decline_keeps_what_an_operator_asks_for_first() -> None:
    body = {"error": {"code": "account_closed", "type": "invalid_request_error", "message": "x" * 10_000}}
    declined = judge(requested(), Answer(400, body, request_id="req_1"), repeated=False)
    assert isinstance(declined, Declined)
    assert (declined.stripe_code, declined.http_status, declined.request_id) == ("account_closed", 400, "req_1")
    assert len(declined.message) == 500


def test_a_reversed_transfer_does_not_discharge() -> None:
    answer = Answer(200, TRANSFER | {"amount_reversed": 7500})
    assert meaning(judge(requested(), answer, repeated=True)) == KEY_MISUSE


@pytest.mark.parametrize("name", TRANSFER)
def test_a_transfer_is_one_only_with_all_that_identifies_it(name: str) -> None:
    assert transfer_of({key: value for key, value in TRANSFER.items() if key != name}) is None
