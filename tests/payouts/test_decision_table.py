"""docs/decision-table.md laid beside the tests: each of its rows has tests, and each of these exists."""

import re
from pathlib import Path
from types import ModuleType

from tests.payouts import (
    test_actions,
    test_breaker,
    test_next_step,
    test_next_step_with_people,
    test_notices,
    test_outcome,
    test_process,
    test_restored_log,
    test_review,
    test_search,
)

DOCUMENT = Path(__file__).parents[2] / "docs" / "decision-table.md"

Tests = dict[ModuleType, list[str]]

ANSWERS: dict[str, Tests] = {
    "200, fresh or replayed": {
        test_outcome: ["200, fresh", "200, replayed"],
        test_next_step: ["settled", "settled after an unknown"],
    },
    "timeout, reset, cancelled, unreadable body, 502/503/504": {
        test_outcome: ["timeout, reset, cancelled", "502", "503", "504", "unreadable body: empty object"],
        test_next_step: ["no answer, a moment ago", "no answer, a while ago", "unknown, window's last moment"],
    },
    "none: we crashed after the intent": {
        test_next_step: ["crash after the intent", "crash after the intent, window over"],
        test_process: ["test_what_executed_nothing_is_sent_again_shortly_and_only_then_recorded"],
    },
    "409 (key in use), 429": {
        test_outcome: ["409 key in use", "429, with a reason", "429 lock_timeout"],
        test_process: ["test_a_429_slows_everybody_down_and_answers_let_them_on"],
    },
    "401": {
        test_outcome: ["401"],
        test_next_step: ["401 to the first call", "401, mended", "401 stops looking up too"],
    },
    "500": {
        test_outcome: ["500", "500, replayed"],
        test_next_step: ["500", "500, a minute later", "500, window over"],
    },
    "400 `balance_insufficient`": {
        test_outcome: ["400 balance_insufficient"],
        test_next_step: [
            "insufficient funds, backoff over",
            "insufficient funds, funds arrived",
            "insufficient funds, 7 days",
        ],
    },
    "400 about the account, 403": {
        test_outcome: ["400 transfers_not_allowed", "400 account_closed", "403"],
        test_next_step: [
            "account declined, backoff over",
            "account declined, read favourably",
            "account declined, a newer fact",
            "account declined, 7 days",
        ],
    },
    "other 4xx": {
        test_outcome: ["other 400", "404", "402"],
        test_next_step: ["invalid request", "invalid request, another account"],
    },
    "400 `idempotency_error`, or a transfer that is not what was asked for": {
        test_outcome: ["400 idempotency_error", "200 with another amount", "200 in another currency"],
        test_next_step: ["key misuse", "key misuse, a minute later"],
    },
    "a refusal (4xx) of a repetition that Stripe may have given before it looked at the key": {
        test_outcome: ["test_an_answer_to_a_key_that_may_have_been_sent_before"],
        test_next_step: ["repetition refused, a moment ago", "repetition refused, a while ago"],
    },
    "unknown for more than 23 h": {
        test_next_step: ["unknown, window over", "unknown for a year"],
        test_search: ["test_each_source_alone_leads_to_the_transfer"],
    },
    "found, but amount, currency or destination is not what was requested": {
        test_search: [
            "test_a_transfer_that_claims_to_be_ours_and_disagrees_is_neither_adopted_nor_absent",
            "test_a_transfer_in_another_currency_is_neither_adopted_nor_absent",
        ],
        test_next_step_with_people: ["mismatched", "absent, then mismatched", "mismatched, reversed at Stripe since"],
    },
    "a source of the search refuses our key (403)": {
        test_next_step_with_people: ["search refused", "search refused, then allowed"],
        test_search: ["test_a_source_that_our_key_may_not_read_is_said_once_and_names_what_it_takes"],
    },
    "searched in vain": {
        test_next_step_with_people: ["searched twice, apart", "searched three times, apart", "retry authorized"],
        test_review: ["test_absence_confirmed_then_two_persons_then_exactly_one_transfer"],
    },
    "heard of a transfer while no attempt is open": {
        test_next_step_with_people: ["noticed before any attempt", "retried and declined, then something was heard"],
        test_restored_log: ["test_what_was_paid_before_is_adopted_and_not_paid_again"],
    },
    "heard of a transfer of a payout that the log does not know": {
        test_restored_log: ["test_what_was_paid_before_is_adopted_also_where_the_bonus_itself_was_lost"],
    },
    "heard of another transfer of a payout that is over": {
        test_notices: ["test_another_transfer_of_a_payout_that_is_over_is_recorded_and_said_once"],
    },
    "nothing answers at all, again and again": {
        test_breaker: ["test_no_intent_is_recorded_while_it_is_open"],
    },
}
PEOPLE: dict[str, Tests] = {
    "hold, release": {test_actions: ["owed", "held", "in flight"], test_next_step_with_people: ["held in flight"]},
    "retry": {test_actions: ["in flight", "searched twice", "absent", "declined"]},
    "cancel": {test_actions: ["in flight", "owed"], test_next_step_with_people: ["cancel granted in flight"]},
    "reverse": {test_actions: ["in flight", "paid", "reversal in flight"]},
}


def first_cells() -> list[str]:
    """Of all rows of the document's tables, without their heads."""
    rows = re.findall(r"^\| (.+?) \|", DOCUMENT.read_text(), re.MULTILINE)
    return [row for row in rows if row not in {"answer", "action"}]


def names_in(module: ModuleType) -> set[str]:
    """The rows of a module's tables, and its tests."""
    tables = [getattr(module, name) for name in ("TABLE", "STATES") if hasattr(module, name)]
    return {row[0] for table in tables for row in table} | {name for name in vars(module) if name.startswith("test_")}


def test_each_row_of_the_document_has_its_tests_and_no_test_is_of_a_row_that_is_gone() -> None:
    assert first_cells() == [*ANSWERS, *PEOPLE]
    for row, tests in (ANSWERS | PEOPLE).items():
        for module, names in tests.items():
            assert set(names) <= names_in(module), row
