"""One payout as the log has it: our obligation to pay one bonus, and what became of each attempt to discharge it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ledger.events import (
    BonusEarned,
    PayoutAccountVerified,
    Recorded,
    TransferFailed,
    TransferOutcomeUnknown,
    TransferRequested,
    TransferSettled,
    UnknownKind,
)

Phase = Literal["owed", "requested", "unknown", "failed", "settled"]


class Unresolved(BaseModel):
    """The one attempt whose outcome is open: what was sent, since when, and how often without a definitive answer."""

    model_config = ConfigDict(frozen=True)
    request: TransferRequested
    requested_position: int
    first_sent_at: datetime
    unanswered: int = 0
    last_unanswered_at: datetime | None = None
    kinds: frozenset[UnknownKind] = frozenset()


class Failure(BaseModel):
    """The newest definitive decline, and how many there were in a row of this kind, by this destination, and since when.

    What was recorded after `requested_position` was not known when the request was made, and may be the cure.
    """

    model_config = ConfigDict(frozen=True)
    event: TransferFailed
    failed_at: datetime
    position: int
    requested_position: int
    count: int
    first_failed_at: datetime
    destination: str


class Payout(BaseModel):
    """`attempt` is the number of the newest attempt, 0 before the first. Times are ours (`recorded_at`), in UTC."""

    model_config = ConfigDict(frozen=True)
    bonus: BonusEarned
    earned_position: int
    earned_at: datetime
    phase: Phase = "owed"
    attempt: int = 0
    unresolved: Unresolved | None = None
    failure: Failure | None = None
    account_verified_position: int = 0
    settlement: TransferSettled | None = None

    @property
    def payout_id(self) -> str:
        return self.bonus.payout_id


def evolve(payout: Payout | None, recorded: Recorded) -> Payout | None:
    """The payout after one more event. Events before its bonus was earned do not concern it."""
    event = recorded.event
    if isinstance(event, BonusEarned):
        return payout or Payout(bonus=event, earned_position=recorded.position, earned_at=recorded.recorded_at)
    if payout is None:
        return None
    match event:
        case TransferRequested():
            change: dict[str, object] = {
                "phase": "requested",
                "attempt": event.attempt,
                "unresolved": Unresolved(
                    request=event, requested_position=recorded.position, first_sent_at=recorded.recorded_at
                ),
            }
        case TransferOutcomeUnknown() if payout.unresolved is not None:
            change = {"phase": "unknown", "unresolved": _unanswered(payout.unresolved, event, recorded.recorded_at)}
        case TransferFailed() if payout.unresolved is not None:
            failure = _failure(payout.failure, payout.unresolved, event, recorded)
            change = {"phase": "failed", "unresolved": None, "failure": failure}
        case TransferSettled():
            change = {"phase": "settled", "unresolved": None, "settlement": event}
        case PayoutAccountVerified():
            change = {"account_verified_position": recorded.position}
        case _:
            return payout
    return payout.model_copy(update=change)


def _unanswered(unresolved: Unresolved, event: TransferOutcomeUnknown, at: datetime) -> Unresolved:
    return unresolved.model_copy(
        update={
            "unanswered": unresolved.unanswered + 1,
            "last_unanswered_at": at,
            "kinds": unresolved.kinds | {event.kind},
        }
    )


def _failure(before: Failure | None, tried: Unresolved, event: TransferFailed, recorded: Recorded) -> Failure:
    destination = tried.request.destination
    same_cause = before is not None and (before.event.kind, before.destination) == (event.kind, destination)
    run = before if same_cause else None
    return Failure(
        event=event,
        failed_at=recorded.recorded_at,
        position=recorded.position,
        requested_position=tried.requested_position,
        count=run.count + 1 if run else 1,
        first_failed_at=run.first_failed_at if run else recorded.recorded_at,
        destination=destination,
    )


def fold(events: Iterable[Recorded]) -> Payout | None:
    """The payout of the events tagged with its id; None if its bonus is not among them."""
    payout: Payout | None = None
    for recorded in events:
        payout = evolve(payout, recorded)
    return payout
