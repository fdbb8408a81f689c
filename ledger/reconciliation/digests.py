"""Digests by which the same input, run or finding is known again."""

import hashlib
from collections.abc import Sequence

from ledger import identifiers

CHUNK = 1000


def digest_of(texts: Sequence[str]) -> str:
    """Over all of it, some at a time: one by one takes several times as long, at once as much memory again."""
    hashed = hashlib.sha256()
    for first in range(0, len(texts), CHUNK):
        hashed.update("".join(texts[first : first + CHUNK]).encode())
    return hashed.hexdigest()


def derived_id(prefix: str, *parts: object) -> str:
    """An id that says the same as its parts, so that what is found twice has one name."""
    return identifiers.derived(prefix, "\x1f".join(map(str, (prefix, *parts))))
