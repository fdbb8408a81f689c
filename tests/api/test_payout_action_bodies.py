"""What may be sent with a decision about a payout: one reason, one line of text, and nothing else."""

import orjson
import pytest

from tests.api.running import API, Ledger
from tests.api.test_bad_input import assert_problem
from tests.api.test_payout_actions import PATH

BAD_BODIES = [
    pytest.param(b"", 400, "malformed_json", id="nothing"),
    pytest.param(b"{", 400, "malformed_json", id="half an object"),
    pytest.param(b"[]", 422, "validation_failed", id="a list"),
    pytest.param(b"{}", 422, "validation_failed", id="no reason"),
    pytest.param(b'{"reason": null}', 422, "validation_failed", id="null"),
    pytest.param(b'{"reason": 7}', 422, "validation_failed", id="a number"),
    pytest.param(b'{"reason": ""}', 422, "validation_failed", id="an empty reason"),
    pytest.param(b'{"reason": "  "}', 422, "validation_failed", id="blanks"),
    pytest.param(b'{"reason": "a\\nb"}', 422, "validation_failed", id="two lines"),
    pytest.param(b'{"reason": "a\\u0000b"}', 422, "validation_failed", id="NUL"),
    pytest.param(b'{"reason": "a\\u202eb"}', 422, "validation_failed", id="an invisible character"),
    pytest.param(b'{"reason": "\\ud800"}', 422, "validation_failed", id="half a surrogate pair"),
    pytest.param(b'{"reason": "x", "actor": "bob"}', 422, "validation_failed", id="an actor of one's own"),
    pytest.param(orjson.dumps({"reason": "x" * 501}), 422, "validation_failed", id="too long"),
    pytest.param(orjson.dumps({"reason": "x" * 20_000}), 413, "too_large", id="far too long"),
]


@pytest.mark.parametrize(("body", "status", "code"), BAD_BODIES)
def test_a_reason_is_one_line_of_printable_text(shared_ledger: Ledger, body: bytes, status: int, code: str) -> None:
    for path in ("hold", "approvals/1/approve"):
        headers = {"Content-Type": "application/json", **shared_ledger.headers("finance")}
        answer = shared_ledger.client.post(f"{API}{PATH}/{path}", headers=headers, content=body)
        assert_problem(answer, status, code)


def test_another_media_type_or_request_number_does_not_fit(shared_ledger: Ledger) -> None:
    headers = {"Content-Type": "text/plain", **shared_ledger.headers("finance")}
    answer = shared_ledger.client.post(f"{API}{PATH}/hold", headers=headers, content=b'{"reason": "x"}')
    assert_problem(answer, 415, "unsupported_media_type")
    for number in ("0", "-1", "one", str(2**31)):
        assert_problem(shared_ledger.decide(f"{PATH}/approvals/{number}/approve", "ada"), 422, "validation_failed")
