"""Why this amount, and no other."""

from ledger.events import BonusEarned, Event, ProgramTermsSet, Recorded, ReversalRequested, TransferRequested
from ledger.major_units import money
from ledger.program import INITIAL_TERMS
from ledger.story.words import ordinal

__all__ = ["why_this_amount"]


def why_this_amount(event: Event, terms: Recorded | None) -> str | None:
    """`terms`: the newest `ProgramTermsSet` before the event, if there was one. None: the event has no amount of its own."""
    match event:
        case BonusEarned():
            return f"{_tier(event)}, by {_terms(terms)}."
        case TransferRequested():
            return "The amount of the bonus, whatever the terms are by now."
        case ReversalRequested():
            return "What was left of the transfer."
        case _:
            return None


def _tier(bonus: BonusEarned) -> str:
    if bonus.founding_spot is not None:
        return f"The {ordinal(bonus.founding_spot)} of {bonus.founding_cap} founding spots"
    if bonus.founding_cap == 0:
        return "There were no founding spots"
    return f"All {bonus.founding_cap} founding spots were taken"


def _terms(recorded: Recorded | None) -> str:
    terms = recorded.event if recorded is not None and isinstance(recorded.event, ProgramTermsSet) else INITIAL_TERMS
    where = f"the terms of position {recorded.position}" if recorded is not None else "the program's initial terms"
    founding = money(terms.founding_bonus_minor, terms.currency)
    return f"{where}: {founding} founding, {money(terms.standard_bonus_minor, terms.currency)} standard"
