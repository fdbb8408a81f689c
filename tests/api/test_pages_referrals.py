"""An instructor's pages over plain HTTP: first times, money that adds up, older referrals, one referral, the code, the popup."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from api.pages import session
from api.tokens import issue_token
from ledger.event_log import Draft
from ledger.events import BonusEarned, Event, FailureKind, Happened
from ledger.identifiers import referral_id
from tests.api.running import Ledger, a_bonus, fact, running, settings
from tests.projections import lively

PLATFORM = "https://app.example.com"


def get(ledger: Ledger, path: str, subject: str, **headers: str) -> httpx.Response:
    cookie = f"{session.LOOPBACK_COOKIE}={ledger.token('instructor', subject)}"
    return ledger.client.get(path, headers={"Cookie": cookie, "Accept": "text/html", **headers})


def post(ledger: Ledger, path: str, subject: str, origin: str | None = None) -> httpx.Response:
    own = str(ledger.client.base_url).rstrip("/")
    cookie = f"{session.LOOPBACK_COOKIE}={ledger.token('instructor', subject)}"
    return ledger.client.post(path, headers={"Cookie": cookie, "Origin": origin or own})


def let(ledger: Ledger, *fates: Callable[[BonusEarned], Iterator[Event]]) -> None:
    """What becomes of the bonuses earned, one after the other."""
    earned = [each.event for each in ledger.services.log.stream() if isinstance(each.event, BonusEarned)]
    for bonus, fate in zip(earned, fates, strict=True):
        for event in fate(bonus):
            lively.record(ledger.services.log, event)
    ledger.projector.catch_up()


def figures(page: str) -> dict[str, str]:
    return dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)</dd>", page))


@contextmanager
def embedding_ledger(url: str) -> Iterator[Ledger]:
    with running(url, settings(ledger_embed_origins=PLATFORM)) as started:
        yield started


def test_who_is_new_is_told_how_it_goes_and_may_have_a_link(ledger: Ledger) -> None:
    page = get(ledger, "/referrals", "newcomer").text
    assert "You have no referral link yet" in page
    assert "They sign up with it, go live, and teach a first lesson." in page
    assert figures(page) == {}
    assert "<svg" not in page
    answer = post(ledger, "/referrals/code", "newcomer")
    ledger.projector.catch_up()
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/referrals?min_position=")
    page = get(ledger, answer.headers["Location"], "newcomer").text
    assert re.search(r"https://lessons\.example/join\?ref=[A-Z0-9]{8}\b", page)
    assert "Get my link" not in page


def test_figures_add_up_and_no_money_is_left_out(ledger: Ledger) -> None:
    ledger.know(
        fact("referral_code_issued", "anna", code="ANNA"),
        *(each for who in ("b", "c", "d", "e", "f") for each in a_bonus("anna", who, "ANNA")[1:]),
    )
    let(ledger, lively.paid, lively.left_open, _declined, lively.cancelled, lively.taken_back)
    page = get(ledger, "/referrals", "anna").text
    assert figures(page) == {
        "Earned": "$375.00",
        "Paid": "$75.00",
        "On its way": "$75.00",
        "Needs attention": "$75.00",
        "Cancelled or taken back": "$150.00",
    }
    counts = re.findall(r"<strong>(\d+)</strong> ([A-Z][a-z ]+)", page.split('class="pipeline"')[1])
    assert [f"{count} {name.strip()}" for count, name in counts] == [
        "0 Signed up",
        "0 Live",
        "1 On its way",
        "1 Paid",
        "1 Needs attention",
        "1 Cancelled",
        "1 Taken back",
    ]
    (month,) = re.findall(r'<tr><th scope="row">([^<]+)</th><td>([^<]+)</td>\s*<td>([^<]+)</td></tr>', page)
    assert month == ("Jan 2026", "$375.00", "$75.00")
    assert "Your turn:" in page


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Kiritimati"])
def test_months_are_those_of_utc_wherever_the_reader_is(ledger: Ledger, zone: str) -> None:
    """Earned in the last moment of January, paid in the first of February: on one side of midnight for either reader."""
    *before, lesson = a_bonus("anna", "ben", "ANNA")
    ledger.know(*before, lesson | {"time": "2026-01-31T23:59:59.999999Z"})
    (bonus,) = [each.event for each in ledger.services.log.stream() if isinstance(each.event, BonusEarned)]
    request = lively.requested(bonus)
    paid = Draft(Happened(lively.settled(request), datetime(2026, 2, 1, tzinfo=UTC)), "payout-process", "test", None)
    ledger.services.log.append([paid], [], after=ledger.head)
    ledger.projector.catch_up()
    cookie = f"{session.LOOPBACK_COOKIE}={ledger.token('instructor', 'anna')}; ledger_zone={zone}"
    page = get(ledger, "/referrals", "anna", Cookie=cookie).text
    assert f"Times are in {zone}." in page
    months = re.findall(r'<tr><th scope="row">([^<]+)</th><td>([^<]+)</td>\s*<td>([^<]+)</td></tr>', page)
    assert months == [("Feb 2026", "$0.00", "$75.00"), ("Jan 2026", "$75.00", "$0.00")]
    assert '<th scope="col">Month (UTC)</th>' in page
    assert "Months are counted in UTC" in page


def _declined(bonus: BonusEarned) -> Iterator[Event]:
    request = lively.requested(bonus)
    yield request
    yield lively.declined(request, FailureKind.ACCOUNT)


def test_older_referrals_are_a_page_away(ledger: Ledger) -> None:
    signed_up = [fact("signed_up", f"i{n}", referral_code="ANNA", display_name=f"No. {n:02}") for n in range(45)]
    ledger.know(fact("referral_code_issued", "anna", code="ANNA"), *signed_up)
    path, shown = "/referrals", []
    while path:
        page = get(ledger, path, "anna").text
        shown += re.findall(r">(No\. \d\d)</a></h3>", page)
        older = re.search(r'href="([^"]+)#referrals">Older<', page)
        path = older[1] if older else ""
    assert shown == [f"No. {n:02}" for n in reversed(range(45))]
    answer = get(ledger, "/referrals?cursor=of-last-year", "anna")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/referrals")


def test_one_referral_and_what_happened_to_it(ledger: Ledger) -> None:
    ledger.know(*a_bonus("anna", "ben", "ANNA"))
    let(ledger, lively.held_and_released)
    page = get(ledger, f"/referrals/{referral_id('ben')}", "anna", **{"Accept-Language": "de"}).text
    told = re.findall(r"<p>([^<]+?)(?: <span|</p>)", page.split('class="timeline"')[1].split("</ol>")[0])
    assert told == [
        "Signed up with your code ANNA.",
        "Went live.",
        "Completed a first lesson.",
        "You earned a founding bonus.",
        "Our team began to review the payment.",
        "Our team finished the review. The payment goes on.",
        "Paid to your payout account.",
    ]
    assert "75,00\xa0$" in page
    assert "1. Januar 2026" in page
    assert "case 1" not in page


@pytest.mark.parametrize("path", [referral_id("dora"), "ref_unknown", "%00", "a%20b", "x" * 150])
@pytest.mark.parametrize("place", ["/referrals", "/referrals/embedded"])
def test_what_is_not_ones_own_cannot_be_told_from_what_never_was(ledger: Ledger, place: str, path: str) -> None:
    ledger.know(*a_bonus("carl", "dora", "CARL"))
    page = get(ledger, f"{place}/{path}", "anna")
    assert page.status_code == 404
    assert "This is not among your referrals" in page.text
    assert f'href="{place}"' in page.text
    assert "Dora" not in page.text


def test_the_popup_is_there_once(ledger: Ledger) -> None:
    ledger.know(fact("referral_code_issued", "anna", code="ANNA"))
    assert 'id="popup"' not in get(ledger, "/referrals", "anna").text
    ledger.know(fact("went_live", "anna"))
    for place in ("/referrals", "/referrals/embedded"):
        page = get(ledger, place, "anna").text
        assert '<dialog id="popup"' in page
        assert "<noscript>" in page  # a card for whoever has no script
        assert "earn $75.00" in page
    assert post(ledger, "/referrals/popup-seen", "anna", origin="https://elsewhere.example").status_code == 403
    answer = post(ledger, "/referrals/embedded/popup-seen", "anna")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/referrals/embedded")
    for place in ("/referrals", "/referrals/embedded"):
        assert 'id="popup"' not in get(ledger, place, "anna").text


def test_only_the_panel_may_be_framed_and_only_by_the_platform(database_url: str) -> None:
    with embedding_ledger(database_url) as ledger:
        for path in ("/referrals/embedded", "/referrals/embedded/ref_unknown"):
            page = get(ledger, path, "anna")
            assert page.headers["Content-Security-Policy"].endswith(f"frame-ancestors {PLATFORM}")
            assert "X-Frame-Options" not in page.headers
            assert "Sign out" not in page.text
        for path in (
            "/referrals",
            "/session",
            "/referrals/ref_unknown",
            "/api/v1/instructor-referrals/founding-status",
        ):
            page = get(ledger, path, "anna")
            assert page.headers["Content-Security-Policy"].endswith("frame-ancestors 'none'")
            assert page.headers["X-Frame-Options"] == "DENY"


def test_nobody_may_frame_the_panel_unless_somebody_is_named(shared_ledger: Ledger) -> None:
    page = get(shared_ledger, "/referrals/embedded", "anna")
    assert page.headers["Content-Security-Policy"].endswith("frame-ancestors 'none'")
    assert page.headers["X-Frame-Options"] == "DENY"


def test_the_platform_signs_its_reader_in_to_the_panel(database_url: str) -> None:
    with embedding_ledger(database_url) as ledger:

        def sign_in(role: str, origin: str, token: str | None = None) -> httpx.Response:
            form = {"token": token or ledger.token(role, "anna")}
            return ledger.client.post("/referrals/embedded", data=form, headers={"Origin": origin})

        answer = sign_in("instructor", PLATFORM)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/referrals/embedded")
        cookie = answer.headers["Set-Cookie"].lower()
        assert all(part in cookie for part in ("httponly", "samesite=strict", "secure"))
        assert sign_in("finance", PLATFORM).status_code == 403
        both = issue_token(ledger.settings, "anna", ["instructor", "finance"], timedelta(minutes=5))
        assert sign_in("instructor", PLATFORM, both).status_code == 403
        refused = [sign_in("instructor", "https://elsewhere.example"), sign_in("instructor", PLATFORM, "no token")]
        assert [answer.status_code for answer in refused] == [403, 401]
        assert all("Set-Cookie" not in answer.headers for answer in refused)
        ledger.client.cookies.clear()
        page = ledger.client.get("/referrals/embedded")
        assert page.status_code == 401
        assert "You are not signed in here" in page.text


def test_without_the_setting_no_site_signs_anybody_in(shared_ledger: Ledger) -> None:
    form = {"token": shared_ledger.token("instructor", "anna")}
    for headers in ({}, {"Origin": ""}, {"Origin": "null"}, {"Origin": PLATFORM}):
        answer = shared_ledger.client.post("/referrals/embedded", data=form, headers=headers)
        assert answer.status_code == 403
