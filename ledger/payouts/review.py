"""Carries out what people decide about payouts (`actions`): read, decide, append if nothing else happened meanwhile."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ledger.decide_again import decide_again
from ledger.event_log import Draft, EventLog
from ledger.events import DeciderRole, Happened, payout_tag
from ledger.history import about
from ledger.payouts import actions
from ledger.payouts import payout_fold as payouts
from ledger.payouts.actions import Accepted, Action, Refused, Verdict
from ledger.payouts.payout import Payout


class NoSuchPayoutError(Exception):
    """No bonus was earned for a payout of this id."""


@dataclass(frozen=True, slots=True)
class Done:
    """`changed`: something was recorded. `approval`: the number of the request that a second person has to decide on."""

    position: int
    changed: bool
    approval: int | None


class PayoutReview:
    """Synchronous; safe to use from many threads. Raises NoSuchPayoutError, ConflictError if others never let go of the payout,
    and the recorder's errors.
    """

    def __init__(self, log: EventLog, clock: Callable[[], datetime]) -> None:
        self._log = log
        self._clock = clock

    def act(self, action: Action, payout_id: str, *, note: str, actor: str, role: DeciderRole = None) -> Done | Refused:
        """Hold, release, retry, cancel or reverse, for a reason (`note`)."""
        return self._record(payout_id, actor, role, lambda payout: actions.decide(action, payout, note))

    def decide(
        self, payout_id: str, number: int, *, granted: bool, note: str, actor: str, role: DeciderRole = None
    ) -> Done | Refused:
        """Grant or refuse what somebody else asked for."""
        return self._record(
            payout_id,
            actor,
            role,
            lambda payout: actions.decide_approval(payout, granted=granted, number=number, note=note, actor=actor),
        )

    def permitted(self, payout_id: str) -> list[Action]:
        """What a person may do now that would change anything."""
        events, _ = self._log.read([about(payout_tag(payout_id))])
        payout = payouts.fold(events)
        if payout is None:
            raise NoSuchPayoutError(payout_id)
        return actions.permitted(payout)

    @decide_again
    def _record(
        self, payout_id: str, actor: str, role: DeciderRole, decide: Callable[[Payout], Verdict]
    ) -> Done | Refused:
        boundary = [about(payout_tag(payout_id))]
        events, head = self._log.read(boundary)
        payout = payouts.fold(events)
        if payout is None:
            raise NoSuchPayoutError(payout_id)
        verdict = decide(payout)
        if isinstance(verdict, Refused):
            return verdict
        drafts = [
            Draft(
                Happened(event.model_copy(update={"role": role}), self._clock()),
                actor,
                causation_id=str(events[-1].event_id) if place == 0 else None,
                correlation_id=event.referral_id,
            )
            for place, event in enumerate(verdict.events)
        ]
        position = self._log.append(drafts, boundary, after=head).last_position if drafts else head
        return Done(position, bool(drafts), _open_approval(payout, verdict))


def _open_approval(payout: Payout, verdict: Accepted) -> int | None:
    if not verdict.awaits_approval:
        return None
    return payout.approval.number if payout.approval is not None else payout.approvals + 1
