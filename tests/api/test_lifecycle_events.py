"""Ingestion over HTTP: what is answered, and that the answer holds."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.http.routes.lifecycle_events import Result, Results
from tests.api.running import MANY, ONE, Ledger, a_bonus, fact


def test_a_batch_is_answered_item_by_item_in_order(ledger: Ledger) -> None:
    issued, signed_up, went_live, lesson = a_bonus()
    batch = [issued, signed_up, {"id": "torn"}, signed_up, "not even an object", went_live, lesson]
    answer = ledger.send(batch)
    assert answer.status_code == 200
    document = answer.json()
    assert [(each["id"], each["outcome"], each["reason"]) for each in document["results"]] == [
        (issued["id"], "recorded", None),
        (signed_up["id"], "recorded", None),
        ("torn", "rejected", "invalid"),
        (signed_up["id"], "duplicate", None),
        (None, "rejected", "invalid"),
        (went_live["id"], "recorded", None),
        (lesson["id"], "recorded", None),
    ]
    assert [each["position"] for each in document["results"]] == [1, 2, None, None, None, 3, 5]  # a code is issued at 4
    assert "problem" in document["results"][2]
    assert "problem" not in document["results"][0]
    assert Results.model_validate(document, extra="forbid").model_dump() == document  # as it is documented
    assert document["position"] == ledger.head == int(answer.headers["Ledger-Position"]) == 6  # the bonus


def test_a_read_that_waits_for_a_batch_reflects_all_of_it(ledger: Ledger) -> None:
    position = ledger.send(a_bonus()).json()["position"]
    ledger.projector.catch_up()
    totals = ledger.get("/finance/totals", "finance", min_position=position).json()
    assert totals["bonuses"] == {"founding": 1, "standard": 0}


def test_sending_everything_again_changes_nothing(ledger: Ledger) -> None:
    batch = a_bonus()
    ledger.send(batch)
    head = ledger.head
    assert {each["outcome"] for each in ledger.send(batch).json()["results"]} == {"duplicate"}
    assert ledger.head == head


def test_an_empty_batch_is_fine(ledger: Ledger) -> None:
    assert ledger.send([]).json() == {"position": 0, "results": []}


def test_a_thousand_items_are_taken_and_one_more_is_not(ledger: Ledger) -> None:
    live = [fact("went_live", f"ins_{number}") for number in range(1001)]
    too_many = ledger.send(live)
    assert (too_many.status_code, too_many.json()["code"], ledger.head) == (413, "too_many_items", 0)
    assert len(ledger.send(live[:1000]).json()["results"]) == 1000
    assert ledger.head == 2000  # each went live and was issued a code


@pytest.mark.parametrize("media_type", [ONE, f"{ONE}; charset=utf-8", "Application/CloudEvents+JSON;charset=UTF-8"])
def test_a_single_event_says_by_its_status_what_became_of_it(ledger: Ledger, media_type: str) -> None:
    live = fact("went_live", "anna")
    first, again = ledger.send(live, media_type), ledger.send(live, media_type)
    assert (first.status_code, first.json()["outcome"], first.json()["position"]) == (201, "recorded", 1)
    assert Result.model_validate(first.json(), extra="forbid").model_dump() == first.json()  # as it is documented
    assert (again.status_code, again.json()["outcome"]) == (200, "duplicate")
    ignored = ledger.send(fact("signed_up", "carl"), media_type)
    assert (ignored.status_code, ignored.json()["reason"]) == (200, "no_referral_code")


def test_a_single_event_that_is_rejected_is_a_problem_that_says_why(ledger: Ledger) -> None:
    signed_up = fact("signed_up", "ben", referral_code="NOBODYS")
    answer = ledger.send(signed_up, ONE)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert (document["code"], document["outcome"], document["reason"]) == (
        "rejected",
        "rejected",
        "unknown_referral_code",
    )
    assert document["id"] == signed_up["id"]


def account(at: datetime, **data: object) -> dict[str, Any]:
    known = {"stripe_account_id": "acct_1", "transfers_active": True}
    return fact("payout_account_updated", "anna", **(known | data)) | {"time": at.isoformat()}


def test_a_fact_that_is_yet_to_happen_is_invalid_and_shuts_nothing_out(ledger: Ledger) -> None:
    now = datetime.now(UTC)
    early, later = account(now, stripe_account_id="acct_typo"), account(now + timedelta(minutes=1))
    of_2199 = account(datetime(2199, 1, 1, tzinfo=UTC), transfers_active=False)

    answer = ledger.send([early, of_2199, later])

    assert answer.status_code == 200
    assert [(each["outcome"], each["reason"]) for each in answer.json()["results"]] == [
        ("recorded", None),
        ("rejected", "invalid"),
        ("recorded", None),  # and not `ignored: stale`
    ]
    problem = answer.json()["results"][1]["problem"]
    assert problem.startswith("time: 2199-01-01T00:00:00Z is more than a day ahead of our clock (2")
    assert "send it again" in problem
    assert ledger.head == answer.json()["position"] == 2


def test_a_single_event_that_is_yet_to_happen_is_rejected_and_names_its_time(ledger: Ledger) -> None:
    answer = ledger.send(account(datetime.now(UTC) + timedelta(days=1, minutes=5)), ONE)
    assert (answer.status_code, answer.json()["reason"]) == (422, "invalid")
    assert "is more than a day ahead of our clock" in answer.json()["detail"]
    assert ledger.head == 0
    assert ledger.send(account(datetime.now(UTC) + timedelta(hours=23)), ONE).status_code == 201


def test_one_event_in_a_list_is_a_batch(ledger: Ledger) -> None:
    assert ledger.send(fact("went_live", "anna"), MANY).status_code == 422
    assert ledger.send([fact("went_live", "anna")], ONE).json()["reason"] == "invalid"
    assert ledger.head == 0


def test_the_sender_is_the_actor_on_the_log(ledger: Ledger) -> None:
    ledger.know(fact("went_live", "anna"))
    (event,) = ledger.get("/audit/events", "auditor", type="InstructorWentLive").json()["items"]
    assert event["actor"] == "marketplace"
