"""The names that the ledger gives: another name for the same thing would be a second referral, and a second payment."""

import base64
import hashlib

import pytest

from ledger import identifiers


@pytest.mark.parametrize(
    ("instructor_id", "referral_id", "payout_id", "codes"),
    [
        ("anna", "ref_swc3mngkqr6lond7ctam", "pay_vuuszosetwfzixkcmjdx", ("6KZMX329", "6KZMX329HMJ3YDTD")),
        ("bob", "ref_jl2v73w3b4qrdx7batty", "pay_2xxylfxsbprtxhyw6pqg", ("RSUQ92CA", "RSUQ92CA5Y32PE6S")),
    ],
)
def test_what_was_once_named_keeps_its_name(
    instructor_id: str, referral_id: str, payout_id: str, codes: tuple[str, str]
) -> None:
    assert identifiers.referral_id(instructor_id) == referral_id
    assert identifiers.payout_id(instructor_id) == payout_id
    assert identifiers.code_candidates(instructor_id) == codes


def test_a_derived_name_is_the_beginning_of_a_digest_in_base32() -> None:
    for number in range(1000):
        digest = hashlib.sha256(f"pay:ins_{number}".encode()).digest()
        assert identifiers.payout_id(f"ins_{number}") == f"pay_{base64.b32encode(digest).decode()[:20].lower()}"
