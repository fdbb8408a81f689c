"""Reconciling by the pages: a report is sent as browsers send files, and what does not fit is worked off."""

import re
from html import unescape

import httpx
import pytest

from api.pages.finance.reconciliations import EXCEPTIONS_SHOWN
from tests.api.running import Ledger
from tests.api.test_pages import sign_in
from tests.api.test_pages_finance import post, show, text_of
from tests.reconciliation.test_over_http import FOREIGN, HEADER, TOPUP, change_a_line

RUNS = "/finance/reconciliations"


def send(ledger: Ledger, report: str, role: str = "finance", **days: str) -> httpx.Response:
    sign_in(ledger, role, "fay")
    headers = {"Origin": str(ledger.client.base_url).rstrip("/"), "Accept": "text/html"}
    files = {"report": ("july.csv", report.encode(), "text/csv")}
    return ledger.client.post(RUNS, files=files, data={"first_day": "", "last_day": "", **days}, headers=headers)


def test_a_report_is_compared_and_the_difference_explained(ledger: Ledger) -> None:
    answer = send(ledger, HEADER + FOREIGN + TOPUP)
    assert answer.status_code == 303
    assert send(ledger, HEADER + FOREIGN + TOPUP).headers["Location"] == answer.headers["Location"]
    read = show(ledger, answer.headers["Location"], role="auditor")
    assert "2026-07-03 to 2026-07-03" in read
    assert "1 line does not fit." in read
    assert "unknown to us transfer At Stripe, and not on our log $75.00 $0.00 -$75.00 1" in read
    assert "The difference of -$925.00 is explained to the last cent." in read
    assert "tr_foreign" in read
    of_class = show(ledger, f"{answer.headers['Location']}?line_class=other_at_stripe")
    assert "tr_foreign" not in of_class
    assert "tu_1" in of_class
    assert "no evidence" not in read
    change_a_line(ledger)
    assert "These lines are no evidence: they are not what the run recorded." in show(
        ledger, answer.headers["Location"]
    )
    runs = show(ledger, RUNS)
    assert "1 exception is open" in runs
    assert "2026-07-03 to 2026-07-03 -$925.00 $0.00 1 2 " in runs


@pytest.mark.parametrize(
    ("report", "days", "words"),
    [
        (HEADER + FOREIGN.replace("-75.00,0", '"-1,075.00",0'), {}, "line 2, gross: "),
        (HEADER, {}, "give its first and last day"),
        (HEADER + FOREIGN, {"first_day": "soon"}, "Give days like 2026-07-31."),
        ("", {}, "Choose the file that Stripe exported."),
    ],
)
def test_what_cannot_be_taken_is_told_on_the_page(
    shared_ledger: Ledger, report: str, days: dict[str, str], words: str
) -> None:
    answer = send(shared_ledger, report, **days)
    assert answer.status_code == 422
    assert words in text_of(answer.text)
    assert "nothing was recorded" in answer.text


def test_many_exceptions_are_listed_page_by_page(ledger: Ledger) -> None:
    send(ledger, HEADER + "".join(FOREIGN.replace("1", f"1{n}", 1) for n in range(EXCEPTIONS_SHOWN + 2)))
    first = _list(ledger)
    (later,) = re.findall(r'href="([^"]+)" rel="next"', first)
    second = ledger.client.get(unescape(later)).text

    of_first, of_second = (set(re.findall(r"exc_[a-z2-7]{20}", page)) for page in (first, second))
    assert (len(of_first), len(of_second), of_first & of_second) == (EXCEPTIONS_SHOWN, 2, set())
    assert 'rel="next"' not in second


def test_an_exception_is_worked_off(ledger: Ledger) -> None:
    send(ledger, HEADER + FOREIGN)
    (name,) = set(re.findall(r"exc_[a-z2-7]{20}", _list(ledger)))
    path = f"{RUNS}/exceptions/{name}"
    assert post(ledger, f"{path}/assign", owner="bob@example.com").headers["Location"] == path
    assert post(ledger, f"{path}/note", note="asked Stripe").status_code == 303
    assert post(ledger, f"{path}/note", note="").status_code == 422
    refused = post(ledger, f"{path}/resolve", note="what I found out", resolution="matched_later")
    assert (refused.status_code, 'value="what I found out"' in refused.text) == (422, True)
    assert post(ledger, f"{path}/resolve", note="another shop", resolution="not_ours").status_code == 303
    read = show(ledger, path)
    assert "Owner bob@example.com" in read
    assert "asked Stripe fay," in read
    assert "Not ours by fay" in read
    assert "Work it off" not in read
    late = post(ledger, f"{path}/note", note="late")
    assert late.status_code == 409
    assert "Somebody has settled it meanwhile." in late.text
    assert "Nothing is open" in show(ledger, f"{RUNS}/exceptions")
    assert name in _list(ledger, state="all")


def _list(ledger: Ledger, state: str = "open") -> str:
    sign_in(ledger, "finance", "fay")
    return ledger.client.get(f"{RUNS}/exceptions", params={"state": state}).text


@pytest.mark.parametrize("name", ["%00", "exc_%00", "x" * 5000, "exc_" + "a" * 20, f"exc_{'a' * 20}%0A"])
def test_at_an_address_of_no_exception_there_is_no_page(shared_ledger: Ledger, name: str) -> None:
    path = f"{RUNS}/exceptions/{name}"
    assert post(shared_ledger, f"{path}/note", note="x").status_code == 404
    assert shared_ledger.client.get(path, headers={"Accept": "text/html"}).status_code == 404
    assert shared_ledger.client.get(f"{RUNS}/{name}", headers={"Accept": "text/html"}).status_code == 404


def test_auditors_look_and_do_not_act(ledger: Ledger) -> None:
    assert send(ledger, HEADER + FOREIGN, role="auditor").status_code == 403
    send(ledger, HEADER + FOREIGN)
    (name,) = set(re.findall(r"exc_[a-z2-7]{20}", _list(ledger)))
    path = f"{RUNS}/exceptions/{name}"
    assert "Work it off" not in show(ledger, path, role="auditor")
    assert "Compare with the log" not in show(ledger, RUNS, role="auditor")
    assert post(ledger, f"{path}/note", role="auditor", note="x").status_code == 403


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("multipart/form-data", b"--x\r\n\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=report\r\n\r\n\r\n--x--\r\n"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="report"\r\n\r\nbroken off'),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\n" * 50 + b"--x--"),
    ],
)
def test_what_no_browser_sends_is_refused(shared_ledger: Ledger, media_type: str, body: bytes) -> None:
    sign_in(shared_ledger, "finance", "fay")
    headers = {"Origin": str(shared_ledger.client.base_url).rstrip("/"), "Content-Type": media_type}
    assert shared_ledger.client.post(RUNS, content=body, headers=headers).status_code == 400
