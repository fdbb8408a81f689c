"""The program's terms are events: a change holds for bonuses earned after it. Consistency boundary: the terms."""

from datetime import datetime

from ledger import program
from ledger.event_log import ConflictError, Draft, EventLog
from ledger.events import Happened, ProgramTermsSet
from ledger.program import INITIAL_TERMS, TERMS_BOUNDARY


class CurrencyFixedError(Exception):
    """A program pays in one currency for ever; its totals would otherwise add different moneys."""


def set_terms(log: EventLog, terms: ProgramTermsSet, *, actor: str, now: datetime) -> int | None:
    """Record new terms. Returns their position, None if they are the ones in force.

    Raises CurrencyFixedError, and ConflictError if somebody else changed them at the same moment.
    """
    newest = log.read_last(TERMS_BOUNDARY)
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
