"""Whatever is sent: a clear problem document with a stable code, nothing stored, never a 500."""

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from api.http.routes.lifecycle_events import MOST_BYTES_OF_MANY, MOST_BYTES_OF_ONE
from tests.api.running import API, MANY, ONE, Ledger, fact


def text_of(event: dict[str, Any]) -> bytes:
    return orjson.dumps(event)


def assert_problem(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    document = answer.json()
    assert (document["status"], document["code"]) == (status, code)
    assert document["title"]
    assert document["type"] == f"urn:payout-ledger:problem:{code}"
    assert document["request_id"] == answer.headers["x-request-id"]
    assert "Traceback" not in answer.text


@pytest.fixture(autouse=True)
def nothing_is_stored(shared_ledger: Ledger) -> Iterator[None]:
    yield
    assert shared_ledger.head == 0


@pytest.mark.parametrize("media_type", [ONE, MANY])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="half an object"),
        pytest.param(b"[1,]", id="a comma too many"),
        pytest.param(b"hello", id="words"),
        pytest.param(b"\xff\xfe\x00", id="no UTF-8"),
        pytest.param(b'"\xed\xa0\x80"', id="a surrogate in UTF-8"),
        pytest.param(b"\xef\xbb\xbf[]", id="a byte order mark"),
        pytest.param(b'[{"id": NaN}]', id="NaN"),
        pytest.param(b"[-Infinity]", id="infinity"),
        pytest.param(b"[" * 100_000, id="nesting without end"),
        pytest.param(b"[" * 3000 + b"]" * 3000, id="deep nesting"),
        pytest.param(b'{"a":' * 3000 + b"1" + b"}" * 3000, id="deep nesting of objects"),
        pytest.param(b"[1" + b"0" * 5000 + b".e]", id="a number that is none"),
        pytest.param(b"[]\x00", id="something after the end"),
    ],
)
def test_what_is_not_json_is_malformed(shared_ledger: Ledger, body: bytes, media_type: str) -> None:
    assert_problem(shared_ledger.send(body, media_type), 400, "malformed_json")


@pytest.mark.parametrize("body", [b"null", b"true", b"1", b'"text"', b"{}", text_of(fact("went_live", "anna"))])
def test_a_batch_is_a_list(shared_ledger: Ledger, body: bytes) -> None:
    assert_problem(shared_ledger.send(body, MANY), 422, "validation_failed")


def changed(**changes: Any) -> bytes:
    return text_of(fact("went_live", "anna") | changes)


INVALID_EVENTS = [
    pytest.param(b"null", id="null"),
    pytest.param(b"[]", id="a list"),
    pytest.param(b'"text"', id="a text"),
    pytest.param(b"{}", id="an empty object"),
    pytest.param(changed(type="instructor.promoted"), id="an unknown type"),
    pytest.param(changed(type=7), id="a type that is a number"),
    pytest.param(changed(type="x" * 100_000), id="an endless type"),
    pytest.param(changed(specversion="0.3"), id="another version of CloudEvents"),
    pytest.param(changed(id=""), id="an empty id"),
    pytest.param(changed(id=12), id="an id that is a number"),
    pytest.param(changed(id="x" * 300), id="an id too long"),
    pytest.param(changed(id="a\x00b"), id="NUL in the id"),
    pytest.param(changed(source=None), id="no source"),
    pytest.param(changed(subject="'; DROP TABLE ledger.event; --"), id="SQL as the subject"),
    pytest.param(changed(subject="../../etc/passwd"), id="a path as the subject"),
    pytest.param(changed(subject="<script>"), id="markup as the subject"),
    pytest.param(changed(subject="anna\n"), id="a line end in the subject"),
    pytest.param(changed(subject="anna\x00"), id="NUL in the subject"),
    pytest.param(changed(subject="ann\u200ba"), id="an invisible character in the subject"),
    pytest.param(changed(subject="x" * 129), id="a subject too long"),
    pytest.param(changed(subject={"$ne": None}), id="an object as the subject"),
    pytest.param(changed(time="yesterday"), id="no time"),
    pytest.param(changed(time="2026-01-01T00:00:00"), id="a time without a zone"),
    pytest.param(changed(time=1767225600), id="a time that is a number"),
    pytest.param(changed(time="9999-12-31T23:59:59-14:00"), id="a time past the calendar"),
    pytest.param(changed(time="0001-01-01T00:00:00+14:00"), id="a time before the calendar"),
    pytest.param(changed(data="text"), id="data that is no object"),
    pytest.param(changed(data=[]), id="data that is a list"),
    pytest.param(changed(type="instructor.lesson_completed", data={}), id="no lesson"),
    pytest.param(changed(type="instructor.lesson_completed", data={"lesson_id": 1}), id="a lesson that is a number"),
    pytest.param(changed(type="instructor.referral_code_issued", data={"code": ""}), id="an empty code"),
    pytest.param(changed(type="instructor.referral_code_issued", data={"code": "AN NA"}), id="a code with a space"),
    pytest.param(
        changed(
            type="instructor.payout_account_updated", data={"stripe_account_id": "acct_1", "transfers_active": "yes"}
        ),
        id="yes instead of true",
    ),
    pytest.param(
        changed(
            type="instructor.payout_account_updated", data={"stripe_account_id": "cus_1", "transfers_active": True}
        ),
        id="no account id",
    ),
    pytest.param(changed(type="instructor.signed_up", data={"display_name": "x" * 201}), id="an endless name"),
    pytest.param(changed(type="instructor.signed_up", data={"display_name": "a\x00b"}), id="NUL in a name"),
    pytest.param(text_of(fact("went_live", "anna")).replace(b'"anna"', b'"\\ud800"'), id="half a surrogate pair"),
    pytest.param(changed().replace(b'"instructor.went_live"', b'"\\udfff"'), id="half a surrogate pair as the type"),
    pytest.param(changed().replace(b'"1.0"', b"1e999"), id="a number beyond all numbers"),
    pytest.param(changed().replace(b'"1.0"', b"1" * 4000), id="a number of 4000 digits"),
    pytest.param(
        b'{"subject": "a", ' + changed()[1:-1] + b', "subject": ""}', id="the same key twice, the last is wrong"
    ),
]


@pytest.mark.parametrize("event", INVALID_EVENTS)
def test_what_is_no_lifecycle_event_is_rejected_as_invalid(shared_ledger: Ledger, event: bytes) -> None:
    alone = shared_ledger.send(event, ONE)
    assert_problem(alone, 422, "rejected")
    assert alone.json()["reason"] == "invalid"
    assert len(alone.json()["detail"]) <= 500
    together = shared_ledger.send(b"[" + event + b", " + event + b"]", MANY)
    assert [(each["outcome"], each["reason"]) for each in together.json()["results"]] == [("rejected", "invalid")] * 2


def test_problems_do_not_repeat_personal_data(shared_ledger: Ledger) -> None:
    answer = shared_ledger.send(changed(type="instructor.signed_up", data={"display_name": "Berta\x00" * 60}), ONE)
    assert "Berta" not in answer.text


@pytest.mark.parametrize(
    "media_type",
    ["", "application/json", "text/plain", f"{MANY}; charset=latin-1", "application/x-www-form-urlencoded", f"x{ONE}"],
)
def test_other_media_types_are_named_as_such(shared_ledger: Ledger, media_type: str) -> None:
    answer = shared_ledger.send(b"[]", media_type)
    assert_problem(answer, 415, "unsupported_media_type")
    assert answer.headers["accept-post"] == f"{ONE}, {MANY}"


def test_a_compressed_body_is_not_opened(shared_ledger: Ledger) -> None:
    headers = {"Content-Type": MANY, "Content-Encoding": "gzip", **shared_ledger.headers("platform")}
    answer = shared_ledger.client.post(f"{API}/lifecycle-events", content=b"[]", headers=headers)
    assert_problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(("media_type", "most_bytes"), [(ONE, MOST_BYTES_OF_ONE), (MANY, MOST_BYTES_OF_MANY)])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_that_is_too_large_is_refused(
    shared_ledger: Ledger, media_type: str, most_bytes: int, is_chunked: bool
) -> None:
    headers = {"Content-Type": media_type, **shared_ledger.headers("platform")}
    blank = b" " * 65536
    content = (blank for _ in range(most_bytes // len(blank) + 1)) if is_chunked else b" " * (most_bytes + 1)
    answer = shared_ledger.client.post(f"{API}/lifecycle-events", content=content, headers=headers)
    assert_problem(answer, 413, "too_large")


def begin_batch(ledger: Ledger, framing: str) -> socket.socket:
    """A connection on which a batch's headers were sent."""
    address = (ledger.client.base_url.host, ledger.client.base_url.port or 80)
    connection = socket.create_connection(address, timeout=20)
    token = ledger.headers("platform")["Authorization"]
    lines = (
        f"POST {API}/lifecycle-events HTTP/1.1",
        "Host: x",
        f"Content-Type: {MANY}",
        f"Authorization: {token}",
        framing,
    )
    connection.sendall("\r\n".join((*lines, "", "")).encode())
    return connection


def test_an_endless_body_is_cut_off(shared_ledger: Ledger) -> None:
    """A client that goes on sending after the answer does not keep us reading."""
    with begin_batch(shared_ledger, "Transfer-Encoding: chunked") as connection:
        sent = threading.Thread(target=send_without_end, args=(connection,), daemon=True)
        sent.start()
        assert b" 413 " in connection.recv(4096).split(b"\r\n")[0]
        sent.join(timeout=20)
        assert not sent.is_alive()


def send_without_end(connection: socket.socket) -> None:
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    try:
        while True:
            connection.sendall(chunk)
    except OSError:
        pass


def test_a_length_beyond_the_limit_is_refused_before_the_body_arrives(shared_ledger: Ledger) -> None:
    with begin_batch(shared_ledger, f"Content-Length: {10**15}") as connection:
        assert b" 413 " in connection.recv(4096).split(b"\r\n")[0]


def test_a_body_that_breaks_off_does_no_harm(shared_ledger: Ledger) -> None:
    with begin_batch(shared_ledger, "Content-Length: 1000") as connection:
        connection.sendall(b"[")
    assert shared_ledger.send([]).status_code == 200


@pytest.mark.parametrize(
    ("path", "role", "status", "code"),
    [
        ("/payouts?limit=0", "finance", 422, "validation_failed"),
        ("/payouts?limit=201", "finance", 422, "validation_failed"),
        ("/payouts?limit=many", "finance", 422, "validation_failed"),
        ("/payouts?limit=" + "9" * 5000, "finance", 422, "validation_failed"),
        ("/payouts?status=rich", "finance", 422, "validation_failed"),
        ("/payouts?referrer_id=%00", "finance", 422, "validation_failed"),
        ("/payouts?cursor=", "finance", 400, "bad_cursor"),
        ("/payouts?cursor=AAAA", "finance", 400, "bad_cursor"),
        ("/finance/payees?year=2026&cursor=AAAA", "finance", 400, "bad_cursor"),
        ("/payouts?cursor=%00%ff", "finance", 400, "bad_cursor"),
        ("/payouts?cursor=" + "A" * 20_000, "finance", 400, "bad_cursor"),
        ("/payouts?min_position=-1", "finance", 422, "validation_failed"),
        ("/payouts?min_position=" + "9" * 30, "finance", 422, "validation_failed"),
        ("/payouts/pay_unknown", "finance", 404, "not_found"),
        ("/payouts/%00", "finance", 404, "not_found"),
        ("/payouts/%ff%fe", "finance", 404, "not_found"),
        ("/payouts/..%2f..%2fetc", "finance", 404, "not_found"),
        ("/payouts/" + "x" * 5000, "finance", 404, "not_found"),
        ("/payouts/", "finance", 404, "not_found"),
        ("/audit/events?type=%27%20OR%201=1", "auditor", 422, "validation_failed"),
        ("/audit/events?tag=%00", "auditor", 422, "validation_failed"),
        ("/audit/events?after=-1", "auditor", 422, "validation_failed"),
        ("/audit/events?after=1e3", "auditor", 422, "validation_failed"),
        ("/audit/events?cursor=?", "auditor", 400, "bad_cursor"),
        ("/instructor-referrals/referred?cursor=%F0%9F%92%B8", "instructor", 400, "bad_cursor"),
        ("/no-such-thing", "admin", 404, "not_found"),
        ("/" + quote("ünïcode \u2028"), None, 404, "not_found"),
        ("/lifecycle-events", "platform", 405, "method_not_allowed"),
    ],
)
def test_a_bad_address_is_a_problem(shared_ledger: Ledger, path: str, role: str | None, status: int, code: str) -> None:
    answer = shared_ledger.get(path, role)
    assert_problem(answer, status, code)
    if code == "validation_failed":
        assert answer.json()["errors"][0]["at"].startswith("query.")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_other_methods_are_refused(shared_ledger: Ledger, method: str) -> None:
    answer = shared_ledger.client.request(method, f"{API}/payouts", headers=shared_ledger.headers("admin"))
    if method == "BREW":  # the server itself does not take it for HTTP
        assert answer.status_code in (400, 405)
        return
    assert_problem(answer, 405, "method_not_allowed")
    assert "GET" in answer.headers["allow"]


def test_a_strange_request_id_is_replaced(shared_ledger: Ledger) -> None:
    strange = shared_ledger.client.get("/health/live", headers={"X-Request-ID": "<script>alert(1)</script>"})
    assert "<" not in strange.headers["x-request-id"]
    own = shared_ledger.client.get("/health/live", headers={"X-Request-ID": "my-own-request-1"})
    assert own.headers["x-request-id"] == "my-own-request-1"


# No type is one of ours: nothing of this may ever be stored.
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
attributes = {
    "specversion": "1.0",
    "id": "1",
    "source": "/x",
    "subject": "anna",
    "time": "2026-01-01T00:00:00Z",
    "data": {},
}
near_misses = st.fixed_dictionaries(
    {"type": st.sampled_from(["instructor.", "instructor.went_live\n", "Instructor.Went_Live", "went_live"])},
    optional={name: st.just(value) | json_values for name, value in attributes.items()},
)


@given(items=st.lists(json_values | near_misses, max_size=5), media_type=st.sampled_from([ONE, MANY]))
@effort(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_arbitrary_json_is_never_a_defect(shared_ledger: Ledger, items: list[Any], media_type: str) -> None:
    body = json.dumps(items).encode()
    answer = shared_ledger.send(body, media_type)
    assert answer.status_code in (200, 400, 422), answer.text
    if answer.status_code == 200:
        assert len(answer.json()["results"]) == len(items)


@given(body=st.binary(max_size=200), media_type=st.sampled_from([ONE, MANY]))
@effort(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_arbitrary_bytes_are_never_a_defect(shared_ledger: Ledger, body: bytes, media_type: str) -> None:
    assert shared_ledger.send(body, media_type).status_code in (400, 422)
