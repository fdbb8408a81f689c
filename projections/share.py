"""How a log is folded by several processes at once: each takes whole journeys, so no row but sums concerns two of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

from ledger import identifiers

__all__ = ["Share"]


@dataclass(frozen=True, slots=True)
class Share:
    """One of `of` shares, from 0. What concerns no journey (terms, periods) belongs to each: it moves no sums."""

    number: int
    of: int

    def holds(self, tags: Sequence[str]) -> bool:
        """Of an event, by its tags: so that the others need not be decoded."""
        journey = _journey(tags)
        return journey is None or crc32(journey.encode()) % self.of == self.number


def _journey(tags: Sequence[str]) -> str | None:
    """The referral whose rows an event changes: the one it names, or that of the referred instructor; else a Stripe account."""
    instructor_id = account = None
    for tag in tags:
        kind, _, name = tag.partition(":")
        if kind == "referral":
            return name
        if kind == "instructor":
            instructor_id = name
        elif kind == "account":
            account = name
    return account if instructor_id is None else identifiers.referral_id(instructor_id)
