"""given(what the log says).when(a fact arrives).then(its outcome, what the log says next).

A decision sees no more of the log than the boundary it names, as in life: a boundary that is too narrow fails a test.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from eventsourcing.dcb.api import DCBQueryItem

from ledger import program
from ledger.events import Happened
from ledger.history import History
from ledger.ingestion import SLICES
from ledger.lifecycle import LifecycleFact
from ledger.referrals.decision import Decision
from ledger.store.matching import item_matches


@dataclass(frozen=True)
class Decided:
    decision: Decision

    def then(self, outcome: str, *events: Happened) -> None:
        """The outcome is written as `recorded`, `duplicate`, or `rejected:code_taken`. The times of the events count."""
        reason = self.decision.reason
        assert f"{self.decision.outcome}:{reason}" == outcome if reason else self.decision.outcome == outcome
        assert list(self.decision.events) == list(events)


@dataclass(frozen=True)
class Given:
    events: tuple[Happened, ...]

    def when(self, fact: LifecycleFact) -> Decided:
        rule = SLICES[type(fact)]
        boundary = (*rule.boundary(fact), *program.BOUNDARY)
        return Decided(rule.decide(fact, History.of(h for h in self.events if _is_inside(boundary, h))))


def given(*events: Happened) -> Given:
    return Given(events)


def _is_inside(boundary: Iterable[DCBQueryItem], happened: Happened) -> bool:
    event = happened.event
    return any(item_matches(item, type(event).__name__, event.tags()) for item in boundary)
