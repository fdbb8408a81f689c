"""`POST /people/{id}/forget`: the name goes and stays away; amounts, stories and every stored row stay as they are."""

import re
import threading
from typing import Any

import httpx
import pytest

from api import composition
from ledger.events import ErasureReason, PersonalDataErased, instructor_tag
from ledger.forget_person import Forgotten, forget_person
from ledger.history import about
from projections.rebuild import compare_with_replay
from sandbox.season.generator import generate
from tests.api.running import API, Ledger, a_bonus, fact
from tests.api.test_finance_and_audit import pay
from tests.api.traces import PERSON, content, places_with, tables

NAME = "Zoë Unmistakable"


@pytest.fixture
def referred(ledger: Ledger) -> Ledger:
    """Anna has earned a bonus with Ben, whose name is known and who has seen the pop-up."""
    ledger.know(*a_bonus())
    ledger.services.people.remember({"ben": NAME})
    ledger.services.people.mark_popup_seen("ben")
    return ledger


def forget(to: Ledger, instructor_id: str, role: str | None = "platform", body: Any = None) -> httpx.Response:
    document = {"reason": "requested_by_person"} if body is None else body
    return to.client.post(
        f"{API}/people/{instructor_id}/forget", headers=to.headers(role, "marketplace"), json=document
    )


def name_that_anna_sees(of: Ledger) -> str | None:
    (item,) = of.get("/instructor-referrals/referred", "instructor", "anna").json()["items"]
    name: str | None = item["display_name"]
    return name


def test_a_forgotten_person_has_no_name(referred: Ledger) -> None:
    assert name_that_anna_sees(referred) == NAME
    answer = forget(referred, "ben")
    assert (answer.status_code, answer.json()) == (
        200,
        {"instructor_id": "ben", "outcome": "recorded", "position": referred.head},
    )
    assert answer.headers["Ledger-Position"] == str(referred.head)
    assert name_that_anna_sees(referred) is None
    assert places_with(referred.owner_url, "unmistakable", "ben b.") == set()


def test_the_log_says_that_it_happened_and_nothing_else(referred: Ledger) -> None:
    forget(referred, "ben")
    newest = referred.services.log.read_last(about(instructor_tag("ben"), PersonalDataErased))
    assert newest is not None
    assert newest.event == PersonalDataErased(instructor_id="ben", reason=ErasureReason.REQUESTED_BY_PERSON)
    assert (newest.position, newest.actor, newest.causation_id) == (referred.head, "marketplace", "forget:ben")


def test_forgetting_again_records_nothing_and_says_so(referred: Ledger) -> None:
    first = forget(referred, "ben").json()
    again = forget(referred, "ben", body={"reason": "retention"}).json()
    assert again == {**first, "outcome": "unchanged"}
    assert referred.head == first["position"]


def test_a_late_repetition_of_the_sign_up_brings_no_name_back(ledger: Ledger) -> None:
    facts = a_bonus()
    ledger.know(*facts)
    forget(ledger, "ben")
    (result,) = ledger.send([facts[1]]).json()["results"]
    assert result["outcome"] == "duplicate"
    ledger.post("/instructor-referrals/popup-seen", "instructor", "ben")
    assert places_with(ledger.owner_url, "ben b.") == set()
    assert content(ledger.owner_url, PERSON, but="erased_at") == ["(ben,,)"]


def test_nor_does_a_sign_up_that_comes_after_the_wish_to_be_forgotten(ledger: Ledger) -> None:
    assert forget(ledger, "ben").json()["outcome"] == "recorded"
    ledger.know(*a_bonus())
    assert places_with(ledger.owner_url, "ben b.") == set()
    assert name_that_anna_sees(ledger) is None


def test_a_forgotten_person_is_not_shown_the_welcome_again(referred: Ledger) -> None:
    forget(referred, "ben")
    assert referred.get("/instructor-referrals/popup-data", "instructor", "ben").json()["show"] is False


def told(by: Ledger, path: str) -> str:
    """An answer about payouts, without the time of the next attempt: that is worked out by the clock."""
    answer = by.get(path, "finance")
    assert answer.status_code == 200
    return re.sub(r'"next_attempt_at":("[^"]*"|null)', "", answer.text)


def test_log_read_models_and_stories_stay_as_they_were(ledger: Ledger) -> None:
    season = list(generate(40, seed=5))
    ledger.send(season)
    ledger.know()
    payouts = ledger.get("/payouts", "finance", limit=200).json()["items"]
    for payout in payouts[::2]:
        pay(ledger, payout["payout_id"])
    ledger.projector.catch_up()
    assert len(payouts) > 5
    stories = [f"/payouts/{payout['payout_id']}" for payout in payouts]
    log = [table for table in tables(ledger.owner_url, "ledger") if table.startswith("ledger.event")]
    assert log == ["ledger.event", "ledger.event_tag"]
    read_models = tables(ledger.owner_url, "read_model")
    before = {path: told(ledger, path) for path in (*stories, "/payouts")}
    totals = ledger.get("/finance/totals", "finance").json()
    rows = {table: content(ledger.owner_url, table, but="position") for table in read_models}
    stored = {table: content(ledger.owner_url, table) for table in log}

    who = sorted({payout[role] for payout in payouts for role in ("referrer_id", "referred_id")})
    for instructor_id in who:
        forget(ledger, instructor_id)
    ledger.projector.catch_up()

    assert {path: told(ledger, path) for path in before} == before
    after = ledger.get("/finance/totals", "finance").json()
    assert after == {**totals, "position": totals["position"] + len(who)}
    assert {table: content(ledger.owner_url, table, but="position") for table in read_models} == rows
    for table, known in stored.items():
        left = content(ledger.owner_url, table)
        assert set(known) <= set(left)
        assert len(left) == len(known) + len(who)
        assert all("PersonalDataErased" in row for row in set(left) - set(known))


def test_the_read_models_still_equal_a_replay(referred: Ledger) -> None:
    forget(referred, "ben")
    referred.projector.catch_up()
    with composition.owner_pool(referred.owner_url) as owner:
        assert compare_with_replay(owner, referred.services.log) == []


def test_whoever_forgets_at_once_records_it_once_whatever_else_is_told(ledger: Ledger) -> None:
    done: list[Forgotten] = []
    services = ledger.services
    start = threading.Barrier(8)

    def tell() -> None:
        start.wait()
        for _ in range(20):
            services.people.remember({"ben": NAME, "anna": "Anna A."})

    def ask() -> None:
        start.wait()
        erased = forget_person(
            services.log, services.people, "ben", ErasureReason.OTHER, actor="tests", now=composition.now()
        )
        done.append(erased)

    threads = [threading.Thread(target=work) for work in (tell, ask) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each.changed for each in done) == [False, False, False, True]
    assert len({each.position for each in done}) == 1
    assert services.people.names_of(["ben", "anna"]) == {"anna": "Anna A."}


@pytest.mark.parametrize("role", ["instructor", "finance", "auditor", None])
def test_only_the_platform_and_administrators_forget_people(shared_ledger: Ledger, role: str | None) -> None:
    assert forget(shared_ledger, "ben", role).status_code == (401 if role is None else 403)
    assert forget(shared_ledger, "ben", "admin").status_code == 200


@pytest.mark.parametrize(
    "body", [{}, {"reason": "Ben asked us to"}, {"reason": "other", "note": "Ben"}, ["retention"], {"reason": None}]
)
def test_the_reason_is_a_code_and_nothing_else(shared_ledger: Ledger, body: Any) -> None:
    answer = forget(shared_ledger, "ben", body=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert "Ben" not in answer.text
    assert shared_ledger.services.people.names_of(["ben"]) == {}


@pytest.mark.parametrize("instructor_id", ["ben@example.com", "-", "x" * 129, "b%20n"])
def test_what_is_no_opaque_id_is_refused(shared_ledger: Ledger, instructor_id: str) -> None:
    assert forget(shared_ledger, instructor_id).status_code == 422
    (result,) = shared_ledger.send([fact("went_live", instructor_id)]).json()["results"]
    assert (result["outcome"], result["reason"]) == ("rejected", "invalid")
