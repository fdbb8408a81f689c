"""Nothing of another instructor's is ever rendered, whatever happened: held against generated histories, page by page."""

import re
from dataclasses import dataclass, field

import pytest

from api.pages import session
from ledger.events import (
    BonusEarned,
    PayoutAccountUpdated,
    ReferralAttributed,
    ReferralCodeIssued,
    TransferSettled,
)
from tests.api.running import Ledger
from tests.projections import lively

STAFF = (
    "case 1",
    "case 2",
    "it is fine",
    "payout-process",
    "Insufficient funds",
    "balance_insufficient",
    "req_1",
    "po_",
)
"""Words of ours and of Stripe's that these histories hold."""


@dataclass
class Own:
    """An instructor's referrals, and all that no page but this instructor's may show."""

    referrals: set[str] = field(default_factory=set)
    secrets: set[str] = field(default_factory=set)


def who_owns_what(ledger: Ledger) -> dict[str, Own]:
    known: dict[str, Own] = {}
    referred: list[tuple[str, str]] = []
    for each in ledger.services.log.stream():
        match each.event:
            case ReferralCodeIssued(instructor_id=who, code=code):
                known.setdefault(who, Own()).secrets.add(code)
            case PayoutAccountUpdated(instructor_id=who, stripe_account_id=account):
                known.setdefault(who, Own()).secrets.add(account)
            case ReferralAttributed(referrer_id=who, referral_id=referral, referred_id=them):
                known.setdefault(who, Own()).referrals.add(referral)
                known[who].secrets.add(referral)
                referred.append((who, them))
            case BonusEarned(referrer_id=who, payout_id=payout):
                known[who].secrets.add(payout)
            case TransferSettled(referrer_id=who, transfer_id=transfer):
                known[who].secrets.add(transfer)
            case _:
                pass
    names = ledger.services.people.names_of([them for _, them in referred])
    for who, them in referred:
        known[who].secrets |= {names[them]} if them in names else set()
    return known


def get(ledger: Ledger, path: str, subject: str) -> tuple[int, str]:
    cookie = f"{session.LOOPBACK_COOKIE}={ledger.token('instructor', subject)}"
    answer = ledger.client.get(path, headers={"Cookie": cookie, "Accept": "text/html"})
    return answer.status_code, answer.text


def shown_of(secrets: set[str], page: str) -> set[str]:
    """As whole words: `Instructor 1` is not on a page because of `Instructor 12`."""
    return {each for each in secrets if re.search(rf"\b{re.escape(each)}\b", page)}


@pytest.mark.parametrize("seed", [11, 12])
def test_pages_show_ones_own_and_nothing_else(ledger: Ledger, seed: int) -> None:
    """Failing, it names the seed, the page, and what was on it."""
    lively.live(ledger.services.log, ledger.services.ingestion, seed, instructors=14)
    ledger.projector.catch_up()
    known = who_owns_what(ledger)
    referrals = set().union(*(own.referrals for own in known.values()))
    assert len(referrals) > 4
    for who, own in known.items():
        others = set().union(*(other.secrets for name, other in known.items() if name != who)) - own.secrets
        for place in ("/referrals", "/referrals/embedded"):
            for path in (place, *(f"{place}/{referral}" for referral in sorted(own.referrals))):
                status, page = get(ledger, path, who)
                assert status == 200, (seed, who, path)
                assert shown_of(others, page) == set(), (seed, who, path)
                if path == place:
                    assert shown_of(own.referrals, page) == own.referrals, (seed, who, path)
                assert [word for word in STAFF if word in page] == [], (seed, who, path)
    secrets = set().union(*(own.secrets for own in known.values()))
    for who in sorted(known)[:3]:
        for referral in sorted(referrals - known[who].referrals)[:5]:
            status, page = get(ledger, f"/referrals/{referral}", who)
            assert (status, "This is not among your referrals" in page) == (404, True), (seed, who, referral)
            assert shown_of(secrets, page) == set(), (seed, who, referral)
