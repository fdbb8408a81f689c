"""Lifecycle facts into the log: read the boundary, decide, append on the condition that the boundary has not moved.

Facts that arrive together are decided one upon the other, in the order given, and recorded in one append, all or nothing.
The sender may repeat anything at any time: the rules look at what a fact says, not at whether it was seen.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from eventsourcing.dcb.api import DCBQueryItem
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from ledger import identifiers, program
from ledger.event_log import ConflictError, Draft, EventLog
from ledger.events import BonusEarned
from ledger.history import History
from ledger.lifecycle import (
    CodeIssued,
    InvalidFact,
    LessonCompleted,
    LifecycleFact,
    PayoutAccount,
    SignedUp,
    WentLive,
)
from ledger.referrals import complete_lesson, go_live, issue_code, payout_account, sign_up
from ledger.referrals.decision import Decision, Outcome

FACTS_PER_APPEND = 200
PATIENCE_SECONDS = 15.0
PATIENCE_WITH_MANY_SECONDS = 1.0  # then they are split


class Slice(NamedTuple):
    """How one kind of fact is handled: what its decision depends on, and the decision."""

    boundary: Callable[[Any], tuple[DCBQueryItem, ...]]
    decide: Callable[[Any, History], Decision]


SLICES: Mapping[type, Slice] = {
    CodeIssued: Slice(issue_code.boundary, issue_code.decide),
    SignedUp: Slice(sign_up.boundary, sign_up.decide),
    PayoutAccount: Slice(payout_account.boundary, payout_account.decide),
    WentLive: Slice(go_live.boundary, go_live.decide),
    LessonCompleted: Slice(complete_lesson.boundary, complete_lesson.decide),
}


class Receipt(NamedTuple):
    """What became of one delivery. `position` is that of its first event, given for `recorded`.

    `reason` is a stable code; `problem` says in words what is wrong with an invalid delivery. Whoever has seen the log up
    to `as_of` has seen why.
    """

    id: str | None
    outcome: Outcome
    reason: str | None = None
    position: int | None = None
    problem: str | None = None
    as_of: int = 0


class NameDirectory(Protocol):
    """Where display names live: outside the log, erasable."""

    def remember(self, names: Mapping[str, str]) -> None:
        """Store the display name of each instructor id."""


class BusyError(Exception):
    """Others kept recording inside the same boundaries for all of our patience. Nothing of this part was recorded."""


class Ingestion:
    """Takes lifecycle facts. Safe to use from many threads and processes at once.

    `patience_seconds` is how long a fact is decided anew while others keep recording inside its boundary.
    """

    def __init__(self, log: EventLog, names: NameDirectory, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._log = log
        self._names = names
        self._patience_seconds = patience_seconds

    def ingest(self, deliveries: Sequence[LifecycleFact | InvalidFact], actor: str) -> list[Receipt]:
        """One receipt a delivery, in their order.

        Every receipt stands for something durable. Raises BusyError, or the recorder's errors when the database is
        lost; what was recorded before that stays, and sending everything again is right.
        """
        facts = [item for item in deliveries if not isinstance(item, InvalidFact)]
        of_facts = iter(self._ingest_in_parts(facts, actor))
        return [
            Receipt(item.id, "rejected", "invalid", problem=item.problem)
            if isinstance(item, InvalidFact)
            else next(of_facts)
            for item in deliveries
        ]

    def _ingest_in_parts(self, facts: Sequence[LifecycleFact], actor: str) -> list[Receipt]:
        receipts: list[Receipt] = []
        size = FACTS_PER_APPEND
        while len(receipts) < len(facts):
            part = facts[len(receipts) : len(receipts) + size]
            try:
                receipts += self._ingest_together(part, actor)
            except ConflictError:
                if len(part) == 1:
                    raise BusyError from None
                size = max(1, len(part) // 4)  # smaller appends meet fewer others
        return receipts

    def _ingest_together(self, facts: Sequence[LifecycleFact], actor: str) -> list[Receipt]:
        patience_seconds = self._patience_seconds
        if len(facts) > 1:
            patience_seconds = min(patience_seconds, PATIENCE_WITH_MANY_SECONDS)
        patience = stop_after_delay(patience_seconds)
        pause = wait_random_exponential(multiplier=0.002, max=0.25)
        retrying = Retrying(stop=patience, wait=pause, retry=retry_if_exception_type(ConflictError), reraise=True)
        receipts = retrying(self._decide_and_append, facts, actor)
        self._names.remember(_names_to_keep(facts, receipts))
        return receipts

    def _decide_and_append(self, facts: Sequence[LifecycleFact], actor: str) -> list[Receipt]:
        boundary = _merged(SLICES[type(fact)].boundary(fact) for fact in facts)
        events, head = self._log.read(boundary, newest_of=program.BOUNDARY)
        history = History.of(events)

        drafts: list[Draft] = []
        decisions: list[tuple[str, Decision, int]] = []
        for fact in facts:
            decision = SLICES[type(fact)].decide(fact, history)
            decisions.append((fact.id, decision, len(drafts)))
            if decision.events:
                drafts += drafts_of(fact, decision, actor)
            for happened in decision.events:
                history.add(happened)
        first, last = head + 1, head
        if drafts:
            # The program's boundary was read in any case, and is in everybody's way: only a bonus depends on it.
            depends_on_program = any(isinstance(draft.happened.event, BonusEarned) for draft in drafts)
            condition = (*boundary, *program.BOUNDARY) if depends_on_program else boundary
            first, last, _ = self._log.append(drafts, condition, after=head)
        return [
            Receipt(fact_id, decision.outcome, decision.reason, first + place if decision.events else None, as_of=last)
            for fact_id, decision, place in decisions
        ]


def drafts_of(fact: LifecycleFact, decision: Decision, actor: str) -> list[Draft]:
    """The events of a decision: the first is caused by the delivery, each further one by the one before it."""
    story = identifiers.referral_id(fact.subject)
    first, *further = decision.events
    return [Draft(first, actor, fact.cause, story), *[Draft(happened, actor, None, story) for happened in further]]


def _merged(boundaries: Iterable[tuple[DCBQueryItem, ...]]) -> Collection[DCBQueryItem]:
    """The items of all of them, each once: facts that arrive together have many in common."""
    return {(*item.tags, "|", *item.types): item for boundary in boundaries for item in boundary}.values()


def _names_to_keep(facts: Sequence[LifecycleFact], receipts: Sequence[Receipt]) -> dict[str, str]:
    """Names of referred instructors only: nobody else's is ever shown."""
    return {
        fact.subject: fact.data.display_name
        for fact, receipt in zip(facts, receipts, strict=True)
        if isinstance(fact, SignedUp) and fact.data.display_name and receipt.outcome in ("recorded", "duplicate")
    }
