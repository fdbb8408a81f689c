"""What an instructor reads about their referrals: words, dates and amounts, and never a reason code."""

from typing import Any

import pytest

from api.http.cursors import Listing
from api.http.routes.dashboard import Referred, Stats
from ledger.reasons import Reason
from tests.api.running import API, Ledger, a_bonus, fact, running, settings


def test_stats_count_and_add_up(ledger: Ledger) -> None:
    ledger.know(*a_bonus("anna", "ben", "ANNA"), fact("signed_up", "carl", referral_code="ANNA"))
    answer = ledger.get("/instructor-referrals/stats", "instructor", "anna")
    assert answer.headers["Ledger-Position"] == str(ledger.head)
    assert answer.json() == {
        "code": "ANNA",
        "link": "https://lessons.example/join?ref=ANNA",
        "codes": ["ANNA"],
        "live_at": None,
        "counts": {
            "pending_live": 1,
            "pending_lesson": 0,
            "pending_transfer": 1,
            "paid": 0,
            "failed": 0,
            "cancelled": 0,
            "reversed": 0,
        },
        "earned_minor": 7500,
        "paid_minor": 0,
        "pending_minor": 7500,
        "failed_minor": 0,
        "currency": "usd",
    }


def test_somebody_unheard_of_has_zeros(shared_ledger: Ledger) -> None:
    stats = shared_ledger.get("/instructor-referrals/stats", "instructor", "nobody").json()
    assert (stats["code"], stats["link"], stats["earned_minor"], stats["live_at"]) == (None, None, 0, None)


def test_referrals_are_told_in_words_newest_first(ledger: Ledger) -> None:
    ledger.know(
        *a_bonus("anna", "ben", "ANNA"), fact("signed_up", "carl", referral_code="ANNA", display_name="Carl C.")
    )
    answer = ledger.get("/instructor-referrals/referred", "instructor", "anna")
    carl, ben = answer.json()["items"]
    assert (carl["display_name"], carl["status"], carl["amount_minor"]) == ("Carl C.", "pending_live", None)
    assert (carl["reason"], carl["next_step"]) == (
        "Your referral has signed up and is not live yet.",
        "They finish their profile and go live.",
    )
    assert (ben["status"], ben["tier"], ben["amount_minor"], ben["currency"]) == (
        "pending_transfer",
        "founding",
        7500,
        "usd",
    )
    assert ben["who"] == "referrer"  # anna has not said yet where to pay
    assert None not in (
        ben["attributed_at"],
        ben["live_at"],
        ben["first_lesson_at"],
        ben["earned_at"],
        ben["payout_id"],
    )
    assert not any(f'"{reason.value}"' in answer.text for reason in Reason if reason is not Reason.PAID)


def test_a_long_list_comes_in_pages(ledger: Ledger) -> None:
    referred = [f"ins_{number}" for number in range(7)]
    issued = fact("referral_code_issued", "anna", code="ANNA")
    ledger.know(issued, *(fact("signed_up", each, referral_code="ANNA") for each in referred))
    seen, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        given: dict[str, Any] = {"cursor": cursor} if cursor else {}
        page = ledger.get("/instructor-referrals/referred", "instructor", "anna", limit=3, **given).json()
        seen += [item["referred_id"] for item in page["items"]]
        cursor = page["next_cursor"]
        pages += 1
        if pages == 1:
            ledger.know(fact("signed_up", "late", referral_code="ANNA"))  # what is new does not shift the pages
    assert (seen, pages) == (list(reversed(referred)), 3)


def test_the_popup_shows_once_and_only_after_going_live(ledger: Ledger) -> None:
    def popup() -> tuple[bool, str | None]:
        document = ledger.get("/instructor-referrals/popup-data", "instructor", "anna").json()
        return document["show"], document["link"]

    ledger.know(fact("referral_code_issued", "anna", code="ANNA"))
    link = "https://lessons.example/join?ref=ANNA"
    assert popup() == (False, link)
    ledger.know(fact("went_live", "anna"))
    assert popup() == (True, link)
    for _ in range(2):
        assert ledger.post("/instructor-referrals/popup-seen", "instructor", "anna").status_code == 204
        assert popup() == (False, link)


def test_the_popup_tells_what_can_be_earned(ledger: Ledger) -> None:
    ledger.know(*a_bonus())
    popup = ledger.get("/instructor-referrals/popup-data", "instructor", "ben").json()
    assert popup["founding"] == ledger.get("/instructor-referrals/founding-status").json()


def test_the_founding_status_is_public(ledger: Ledger) -> None:
    ledger.know(*a_bonus())
    answer = ledger.get("/instructor-referrals/founding-status")
    assert answer.json() == {
        "position": ledger.head,
        "is_founding_phase": True,
        "total_founding_spots": 100,
        "spots_filled": 1,
        "spots_remaining": 99,
        "founding_bonus_minor": 7500,
        "standard_bonus_minor": 5000,
        "currency": "usd",
    }
    assert answer.headers["Ledger-Position"] == str(ledger.head)


def test_minting_a_code_is_idempotent_and_can_be_read_back(ledger: Ledger) -> None:
    first = ledger.post("/instructor-referrals/code", "instructor", "anna")
    again = ledger.post("/instructor-referrals/code", "instructor", "anna")
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert first.json()["link"].endswith(f"?ref={first.json()['code']}")
    ledger.projector.catch_up()
    position = first.headers["Ledger-Position"]
    stats = ledger.get("/instructor-referrals/stats", "instructor", "anna", min_position=position).json()
    assert stats["code"] == first.json()["code"]
    (event,) = ledger.get("/audit/events", "auditor", type="ReferralCodeIssued").json()["items"]
    assert event["actor"] == "anna"


def test_a_minted_code_is_the_one_the_platform_had_issued(ledger: Ledger) -> None:
    ledger.know(fact("referral_code_issued", "anna", code="ANNA"))
    assert ledger.post("/instructor-referrals/code", "instructor", "anna").json()["code"] == "ANNA"


def test_what_is_written_is_what_the_document_says(database_url: str) -> None:
    with running(database_url, settings(payout_hold_days=7)) as ledger:
        ledger.know(
            *a_bonus("anna", "ben", "ANNA"),
            fact("payout_account_updated", "anna", stripe_account_id="acct_ok1", transfers_active=True),
            fact("signed_up", "carl", referral_code="ANNA"),
        )
        stats = ledger.get("/instructor-referrals/stats", "instructor", "anna")
        referred = ledger.get("/instructor-referrals/referred", "instructor", "anna")
    assert Stats.model_validate_json(stats.content, strict=True).model_dump_json() == stats.text
    listing = Listing[Referred].model_validate_json(referred.content, strict=True)
    assert listing.model_dump_json() == referred.text
    assert listing.items[1].next_attempt_at is not None  # the hold is over in a week


@pytest.mark.parametrize("path", ["stats", "referred"])
def test_with_a_query_and_without_one_the_answer_is_the_same(ledger: Ledger, path: str) -> None:
    ledger.know(*a_bonus(f"by-{path}", f"of-{path}", path.upper()))
    plain, asked = (
        ledger.get(f"/instructor-referrals/{path}", "instructor", f"by-{path}", **given)
        for given in ({}, {"min_position": 1})
    )
    varying = ("x-request-id", "date")
    kept = [[pair for pair in answer.headers.items() if pair[0] not in varying] for answer in (plain, asked)]
    assert (plain.status_code, kept[0]) == (200, kept[1])
    assert plain.json() == asked.json()
    for token in ({}, {"Authorization": "Bearer x"}, ledger.headers("finance")):
        refusals = [
            ledger.client.get(f"{API}/instructor-referrals/{path}{query}", headers=token)
            for query in ("", "?min_position=1", "?min_position=x")
        ]
        assert len({(answer.status_code, answer.json()["code"]) for answer in refusals}) == 1
        assert refusals[0].status_code in (401, 403)
    wrong = ledger.get(f"/instructor-referrals/{path}", "instructor", "anna", min_position="x")
    assert (wrong.status_code, wrong.json()["errors"][0]["at"]) == (422, "query.min_position")


def test_names_are_told_where_read_models_are_read_elsewhere(database_url: str) -> None:
    with running(database_url, settings(read_database_url=database_url)) as ledger:
        ledger.know(*a_bonus("anna", "ben", "ANNA"), fact("signed_up", "carl", referral_code="ANNA"))
        items = ledger.get("/instructor-referrals/referred", "instructor", "anna").json()["items"]
    assert {item["referred_id"]: item["display_name"] for item in items} == {"ben": "Ben B.", "carl": None}
