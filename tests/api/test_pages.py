"""The pages: who gets in, what is shown to whom, and forms that only our own pages may send."""

import re

import httpx
import pytest

from api.pages import session
from tests.api.running import Ledger, a_bonus, running, settings


def sign_in(ledger: Ledger, role: str, subject: str, **headers: str) -> httpx.Response:
    origin = str(ledger.client.base_url).rstrip("/")
    form = {"token": ledger.token(role, subject)}
    return ledger.client.post("/session", data=form, headers={"Origin": origin, **headers})


def test_instructors_see_their_own_referrals_and_nobody_elses(ledger: Ledger) -> None:
    ledger.know(*a_bonus("anna", "ben", "ANNA"), *a_bonus("carl", "dora", "CARL"))
    answer = sign_in(ledger, "instructor", "anna")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/referrals")
    cookie = answer.headers["Set-Cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "max-age=900" in cookie
    page = ledger.client.get("/referrals")
    assert page.status_code == 200
    assert "Ben B." in page.text
    assert "$75.00" in page.text
    assert re.search(r'Signed up on <time datetime="20[^"]+">[A-Z][a-z]+ \d{1,2}, 20\d\d</time>', page.text)
    assert "ref=ANNA" in page.text
    assert "Dora" not in page.text
    assert "CARL" not in page.text
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert page.headers["X-Content-Type-Options"] == "nosniff"


def test_without_a_session_the_way_leads_to_the_sign_in_page(shared_ledger: Ledger) -> None:
    answer = shared_ledger.client.get("/referrals")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/session")
    assert "Your access token" in shared_ledger.client.get("/session").text


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null"])
def test_a_form_of_another_site_is_refused(shared_ledger: Ledger, origin: str) -> None:
    answer = sign_in(shared_ledger, "instructor", "anna", Origin=origin)
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


def test_each_role_has_its_own_pages(ledger: Ledger) -> None:
    for role, home, forbidden in [("finance", "/finance", "/referrals"), ("instructor", "/referrals", "/finance")]:
        answer = sign_in(ledger, role, "fay")
        assert (answer.status_code, answer.headers["Location"]) == (303, home)
        assert ledger.client.get("/").headers["Location"] == home
        assert ledger.client.get(home).status_code == 200
        page = ledger.client.get(forbidden, headers={"Accept": "text/html"})
        assert page.status_code == 403
        assert "This page is for" in page.text
        assert page.headers["Content-Type"].startswith("text/html")
        ledger.client.cookies.clear()


def test_a_role_without_pages_is_told_so(shared_ledger: Ledger) -> None:
    answer = sign_in(shared_ledger, "platform", "marketplace")
    assert answer.status_code == 403
    assert "no pages for its role" in answer.text
    assert "Set-Cookie" not in answer.headers


def test_programs_get_problem_documents_also_of_pages(shared_ledger: Ledger) -> None:
    answer = shared_ledger.client.get("/nowhere", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    page = shared_ledger.client.get("/nowhere", headers={"Accept": "text/html"})
    assert page.status_code == 404
    assert "There is no such thing here" in page.text


def test_values_are_written_as_the_reader_writes_them(ledger: Ledger) -> None:
    ledger.know(*a_bonus("anna", "ben", "ANNA"))
    sign_in(ledger, "instructor", "anna")
    cookies = f"{session.LOOPBACK_COOKIE}={ledger.token('instructor', 'anna')}; ledger_zone=Europe/Berlin"
    page = ledger.client.get("/referrals", headers={"Accept-Language": "de-CH;q=0.5, de", "Cookie": cookies})
    assert "75,00\xa0$" in page.text
    assert "Times are in Europe/Berlin." in page.text
    odd = {
        "Accept-Language": "xx, ;q=, *",
        "Cookie": f"{session.LOOPBACK_COOKIE}={ledger.token('instructor', 'anna')}; ledger_zone=../x",
    }
    page = ledger.client.get("/referrals", headers=odd)
    assert "$75.00" in page.text
    assert "Times are in UTC." in page.text


def test_a_token_that_no_browser_would_keep_is_not_taken(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "LONGEST_TOKEN", 10)
    answer = sign_in(ledger, "instructor", "anna")
    assert answer.status_code == 422
    assert "longer than a browser keeps" in answer.text
    assert "Set-Cookie" not in answer.headers


def test_a_token_that_is_none_is_told_so(shared_ledger: Ledger) -> None:
    origin = str(shared_ledger.client.base_url).rstrip("/")
    answer = shared_ledger.client.post("/session", data={"token": "<script>"}, headers={"Origin": origin})
    assert answer.status_code == 401
    assert "it is not a JSON Web Token" in answer.text or "it cannot be read" in answer.text
    assert "<script>" not in answer.text


def test_the_address_alone_leads_to_the_sign_in_page(shared_ledger: Ledger) -> None:
    answer = shared_ledger.client.get("/")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/look-around")


def test_signing_out_ends_the_session(ledger: Ledger) -> None:
    sign_in(ledger, "instructor", "anna")
    assert "Nobody yet" in ledger.client.get("/referrals").text
    ledger.client.post("/session/end", headers={"Origin": str(ledger.client.base_url).rstrip("/")})
    assert ledger.client.get("/referrals").status_code == 303
    assert "Signing out does not cancel it" in ledger.client.get("/session").text


SITE = "ledger.example.com"


def look_from_outside(ledger: Ledger, cookie: bytes) -> httpx.Response:
    """As a proxy passes on what a browser asked of the site by https."""
    headers = {b"Host": SITE.encode(), b"Cookie": cookie}
    return ledger.client.get("/referrals", headers=httpx.Headers(list(headers.items())))


def test_by_https_the_session_is_kept_where_no_other_host_can_set_one(ledger: Ledger) -> None:
    answer = sign_in(ledger, "instructor", "anna", Host=SITE, Origin=f"https://{SITE}")
    assert answer.status_code == 303
    name, _, kept = answer.headers["Set-Cookie"].partition("=")
    _, *attributes = kept.split("; ")
    assert name == "__Host-ledger_session"
    assert {each.lower() for each in attributes} == {"httponly", "max-age=900", "path=/", "samesite=strict", "secure"}
    assert look_from_outside(ledger, f"{name}={ledger.token('instructor', 'anna')}".encode()).status_code == 200
    ended = ledger.client.post("/session/end", headers={"Host": SITE, "Origin": f"https://{SITE}"})
    gone = [each for each in ended.headers.get_list("Set-Cookie") if each.startswith("__Host-")]
    assert [("Max-Age=0" in each, "Secure" in each, "Domain" in each) for each in gone] == [(True, True, False)]


@pytest.mark.parametrize(
    "name",
    ["ledger_session", "__host-ledger_session", "\u2000__Host-ledger_session", "\xa0__Host-ledger_session"],
)
def test_a_session_that_another_host_of_the_domain_set_is_not_taken(ledger: Ledger, name: str) -> None:
    ledger.know(*a_bonus("anna", "ben", "ANNA"), *a_bonus("mallory", "max", "EVIL"))
    planted = f"{name}={ledger.token('instructor', 'mallory')}".encode()
    assert look_from_outside(ledger, planted).headers["Location"] == "/session"
    own = f"__Host-ledger_session={ledger.token('instructor', 'anna')}".encode()
    for both in (planted + b"; " + own, own + b"; " + planted):
        page = look_from_outside(ledger, both).text
        assert ("Ben B." in page, "Max B." in page) == (True, False)


def test_nobody_signs_in_by_http_but_on_this_machine(shared_ledger: Ledger) -> None:
    answer = sign_in(shared_ledger, "instructor", "anna", Host=SITE, Origin=f"http://{SITE}")
    assert answer.status_code == 403
    assert "by https" in answer.text
    assert "Set-Cookie" not in answer.headers


def test_in_a_sandbox_everybody_may_look_around(ledger: Ledger) -> None:
    ledger.know(*a_bonus("anna", "ben", "ANNA"))
    assert ledger.client.get("/").headers["Location"] == "/look-around"
    page = ledger.client.get("/look-around")
    assert "no real money moves" in page.text
    assert "Look around as anna" in page.text
    origin = {"Origin": str(ledger.client.base_url).rstrip("/")}
    for who, home in [("instructor", "/referrals"), ("auditor", "/finance/log"), ("finance", "/finance")]:
        answer = ledger.client.post(f"/look-around/{who}", headers=origin)
        assert (answer.status_code, answer.headers["Location"]) == (303, home)
    assert ledger.client.post("/look-around/anybody", headers=origin).status_code == 404
    assert ledger.client.post("/look-around/finance").status_code == 403


@pytest.mark.parametrize("host", ["ledger.example", "127.0.0.1.ledger.example", ""])
def test_nobody_looks_around_from_elsewhere(shared_ledger: Ledger, host: str) -> None:
    headers = {"Host": host, "Origin": f"http://{host}"}
    assert shared_ledger.client.get("/", headers=headers).headers["Location"] == "/session"
    assert shared_ledger.client.get("/look-around", headers=headers).status_code == 404
    answer = shared_ledger.client.post("/look-around/finance", headers=headers)
    assert answer.status_code in (403, 404)
    assert "Set-Cookie" not in answer.headers


def test_where_money_is_real_nobody_looks_around(database_url: str) -> None:
    with running(database_url, settings(stripe_api_key="sk_test_real")) as ledger:
        assert ledger.client.get("/").headers["Location"] == "/session"
        assert ledger.client.get("/look-around").status_code == 404
        assert "Sandbox" not in ledger.client.get("/session").text


def test_open_pages_are_told_that_something_moved(ledger: Ledger) -> None:
    ledger.know(*a_bonus("anna", "ben", "ANNA"))
    assert ledger.client.get("/updates").status_code == 303
    sign_in(ledger, "instructor", "anna")
    with ledger.client.stream("GET", "/updates") as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        told = (line for line in lines if line.startswith("data: "))
        assert next(told) == f"data: {ledger.services.read_models.position()}"
        position = ledger.know(*a_bonus("carl", "dora", "CARL"))
        assert next(told) == f"data: {position}"


def test_whoever_asks_through_a_proxy_is_not_at_this_machine(shared_ledger: Ledger) -> None:
    headers = {"Origin": str(shared_ledger.client.base_url).rstrip("/"), "X-Forwarded-For": "203.0.113.7"}
    assert shared_ledger.client.get("/look-around", headers=headers).status_code == 404
    assert shared_ledger.client.post("/look-around/finance", headers=headers).status_code == 404


def test_nobody_looks_around_where_nobody_opened_it(database_url: str) -> None:
    with running(database_url, settings(ledger_look_around=False)) as ledger:
        origin = {"Origin": str(ledger.client.base_url).rstrip("/")}
        assert ledger.client.post("/look-around/finance", headers=origin).status_code == 404
        assert "/look-around" not in ledger.client.get("/session").text


def test_what_browsers_say_of_a_form_of_another_site_is_heard(shared_ledger: Ledger) -> None:
    assert sign_in(shared_ledger, "instructor", "anna", **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert sign_in(shared_ledger, "instructor", "anna", Origin="http://[").status_code == 403
    assert shared_ledger.client.get("/session", headers={"Host": "["}).status_code < 500


@pytest.mark.parametrize(
    "path",
    [
        "/finance/log?about=%00",
        "/finance/payouts?q=%00",
        "/finance/books?effective_at=9999-12-31T23:59",
        "/finance/books?effective_at=9999-12-31T23:59Z",
        "/finance/books?as_of=0001-01-01T00:00",
        "/finance/log/abc",
    ],
)
def test_what_cannot_be_asked_is_said_in_words(shared_ledger: Ledger, path: str) -> None:
    cookie = f"{session.LOOPBACK_COOKIE}={shared_ledger.token('finance', 'fay')}; ledger_zone=America/New_York"
    page = shared_ledger.client.get(path, headers={"Accept": "text/html", "Cookie": cookie})
    assert page.status_code < 500
    assert page.headers["Content-Type"].startswith("text/html")
