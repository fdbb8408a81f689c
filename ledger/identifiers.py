"""Names of things that the ledger itself creates.

They are derived from what they name, so a decision that is taken twice, on two machines or after a crash, speaks of the
same referral and the same payout, and Stripe sees the same idempotency key.
"""

import hashlib
import re
from functools import lru_cache

PAYOUT_ID = re.compile(r"pay_[a-z2-7]{20}")

# Twenty letters of base32 are 100 bits of SHA-256: collisions stay out of reach for any number of instructors. Two letters at a
# time, since `base64` is Python too, and takes twice as long.
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_LETTER_PAIRS = [first + second for first in _LETTERS for second in _LETTERS]
_PAIR_SHIFTS = range(90, -1, -10)
_CODE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # no 0/O, 1/I/L: people read codes to each other
_CODE_LENGTH = 8
_LONG_CODE_LENGTH = 16
_PAIRS = [first + second for second in _CODE_ALPHABET for first in _CODE_ALPHABET]


def referral_id(referred_id: str) -> str:
    """The one referral of a referred instructor (`ref_…`)."""
    return _derive("ref", referred_id)


def payout_id(referred_id: str) -> str:
    """The one payout of the bonus earned with a referred instructor (`pay_…`)."""
    return _derive("pay", referred_id)


def idempotency_key(payout_id: str, attempt: int) -> str:
    """Stripe's idempotency key of one attempt. Format fixed by the decision table in STRIPE.md."""
    return f"payout:{payout_id}:a{attempt}"


def reversal_key(payout_id: str, number: int) -> str:
    """Stripe's idempotency key of one request to reverse a payout's transfer."""
    return f"payout:{payout_id}:r{number}"


def transfer_group(payout_id: str) -> str:
    """Stripe's `transfer_group`, by which a transfer is found again when its answer was lost."""
    return f"payout_{payout_id}"


@lru_cache(maxsize=1_024)  # asked for the boundary, and again for the decision
def code_candidates(instructor_id: str) -> tuple[str, str]:
    """Referral codes to issue to an instructor who has none: a short one, and a long one should the short one be taken."""
    number = int.from_bytes(hashlib.sha256(f"code:{instructor_id}".encode()).digest(), "big")
    code = ""
    for _ in range(_LONG_CODE_LENGTH // 2):  # its digits, the lowest first, two at a time
        number, pair = divmod(number, len(_PAIRS))
        code += _PAIRS[pair]
    return code[:_CODE_LENGTH], code


def derived(prefix: str, text: str) -> str:
    """An id that stands for a text, so that what is named twice has one name."""
    digest = hashlib.sha256(text.encode()).digest()
    bits = int.from_bytes(digest[:13], "big") >> 4  # the first hundred
    return f"{prefix}_{''.join([_LETTER_PAIRS[bits >> shift & 1023] for shift in _PAIR_SHIFTS])}"


@lru_cache(maxsize=16_384)  # whoever folds the log asks for the same few again and again
def _derive(prefix: str, name: str) -> str:
    return derived(prefix, f"{prefix}:{name}")
