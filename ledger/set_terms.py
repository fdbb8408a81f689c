"""The program's terms are events: a change holds for bonuses earned after it. Consistency boundary: the terms."""

from collections.abc import Mapping
from datetime import datetime

from ledger import program
from ledger.decide_again import decide_again
from ledger.event_log import ConflictError, Draft, EventLog
from ledger.events import Happened, ProgramTermsSet, Recorded
from ledger.program import INITIAL_TERMS, TERMS_BOUNDARY


class CurrencyFixedError(Exception):
    """A program pays in one currency for ever; its totals would otherwise add different moneys."""


def set_terms(log: EventLog, terms: ProgramTermsSet, *, actor: str, now: datetime) -> int | None:
    """Record new terms. Returns their position, None if they are the ones in force.

    Raises CurrencyFixedError, and ConflictError if somebody else changed them at the same moment.
    """
    return _record(log, terms, log.read_last(TERMS_BOUNDARY), actor, now)


@decide_again
def change_terms(
    log: EventLog, changes: Mapping[str, int], *, actor: str, now: datetime
) -> tuple[ProgramTermsSet, int | None]:
    """Change some of the terms, by name, and leave the others as they are, also those that somebody changes at the same moment.

    Returns the terms in force then, and their position, None if they were so already. Raises pydantic.ValidationError, and
    ConflictError if others kept changing them.
    """
    newest = log.read_last(TERMS_BOUNDARY)
    in_force = program.fold([newest] if newest is not None else []).terms
    terms = ProgramTermsSet.model_validate({**in_force.model_dump(), **changes})
    return terms, _record(log, terms, newest, actor, now)


def _record(log: EventLog, terms: ProgramTermsSet, newest: Recorded | None, actor: str, now: datetime) -> int | None:
    if newest is not None:
        in_force = program.fold([newest]).terms
        if in_force == terms:
            return None
        if in_force.currency != terms.currency:
            raise CurrencyFixedError(f"the program pays in {in_force.currency}, not in {terms.currency}")
    draft = Draft(Happened(terms, now), actor, causation_id=f"terms:{actor}", correlation_id=None)
    return log.append([draft], [TERMS_BOUNDARY], after=newest.position if newest else 0).last_position


def ensure_terms(log: EventLog, *, now: datetime) -> None:
    """Begin a new log with the initial terms, so that every amount in it is explained by an event."""
    if log.read_last(TERMS_BOUNDARY) is None:
        try:
            set_terms(log, INITIAL_TERMS, actor="system", now=now)
        except ConflictError:
            return  # another process just did
