"""The program's terms and its founding spots (DESIGN section 2, "Amount").

Consistency boundary of earning a bonus: every founding bonus and every change of terms. Whoever earns a bonus appends on
the condition that neither has moved, so the cap is exact with any number of processes.
"""

from collections.abc import Iterable
from typing import NamedTuple

from ledger.events import (
    FOUNDING_BONUS_TAG,
    PROGRAM_TERMS_TAG,
    BonusEarned,
    Occurred,
    ProgramTermsSet,
    Tier,
)
from ledger.history import History, about

INITIAL_TERMS = ProgramTermsSet(founding_cap=100, founding_bonus_minor=7500, standard_bonus_minor=5000, currency="usd")
"""The terms that a new ledger starts with: the first event of its log."""

TERMS_BOUNDARY = about(PROGRAM_TERMS_TAG, ProgramTermsSet)
FOUNDING_BOUNDARY = about(FOUNDING_BONUS_TAG, BonusEarned)
BOUNDARY = (TERMS_BOUNDARY, FOUNDING_BOUNDARY)
"""Of each the newest event says all that there is to know."""


class Program(NamedTuple):
    """The terms in force, and how many founding bonuses have been earned so far. A reversed bonus keeps its spot."""

    terms: ProgramTermsSet = INITIAL_TERMS
    spots_filled: int = 0

    @property
    def tier(self) -> Tier:
        """The tier of the next bonus."""
        return "founding" if self.spots_filled < self.terms.founding_cap else "standard"

    @property
    def amount_minor(self) -> int:
        """The amount of the next bonus, in minor units of `terms.currency`."""
        return self.terms.founding_bonus_minor if self.tier == "founding" else self.terms.standard_bonus_minor

    @property
    def next_founding_spot(self) -> int | None:
        return self.spots_filled + 1 if self.tier == "founding" else None


def fold(events: Iterable[Occurred]) -> Program:
    """Of either kind the newest event decides: the terms replace each other, and a founding bonus carries its number."""
    terms, spots_filled = Program()
    for happened in events:
        event = happened.event
        if isinstance(event, ProgramTermsSet):
            terms = event
        elif isinstance(event, BonusEarned) and event.founding_spot is not None:
            spots_filled = event.founding_spot
    return Program(terms, spots_filled)


def of(history: History) -> Program:
    """The program as this history has it: by the newest of either kind, whatever their order among each other."""
    return fold((*history.tagged(PROGRAM_TERMS_TAG)[-1:], *history.tagged(FOUNDING_BONUS_TAG)[-1:]))
