"""What a lifecycle fact led to: an outcome for the sender, and the events that record it."""

from typing import Literal, NamedTuple

from ledger.events import Event, Happened
from ledger.lifecycle import LifecycleFact

Outcome = Literal["recorded", "duplicate", "ignored", "rejected"]


class Decision(NamedTuple):
    """`reason` is a stable code, given for `ignored` and `rejected`."""

    outcome: Outcome
    reason: str | None = None
    events: tuple[Happened, ...] = ()


DUPLICATE = Decision("duplicate")


def recorded(fact: LifecycleFact, *events: Event) -> Decision:
    """The fact is new: these events happened when it did."""
    return Decision("recorded", events=tuple([Happened(event, fact.time) for event in events]))


def ignored(reason: str) -> Decision:
    return Decision("ignored", reason)


def rejected(reason: str) -> Decision:
    return Decision("rejected", reason)
