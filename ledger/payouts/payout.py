"""One payout as the log has it: our obligation to pay one bonus, and what became of each attempt to discharge it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, field_serializer

from ledger.events import (
    ActionKind,
    ApprovalGranted,
    ApprovalRefused,
    ApprovalRequested,
    BonusEarned,
    HoldReason,
    PayoutAccountVerified,
    PayoutCancelled,
    PayoutHeld,
    PayoutReleased,
    PayoutRetryAuthorized,
    Recorded,
    ReversalFailed,
    ReversalRequested,
    TransferConfirmed,
    TransferFailed,
    TransferMismatched,
    TransferNotFound,
    TransferNoticed,
    TransferOutcomeUnknown,
    TransferRequested,
    TransferReversed,
    TransferSearchRefused,
    TransferSettled,
    UnknownKind,
)

Phase = Literal["owed", "requested", "unknown", "failed", "settled", "cancelled", "reversed"]


class _State(BaseModel):
    model_config = ConfigDict(frozen=True)


class Unresolved(_State):
    """The one attempt whose outcome is open: what was sent, since when, and how often without a definitive answer.

    `searches` counts the searches at Stripe that found nothing; `looked_position` is the log position of the newest.
    `refused_sources` are those that our API key could not read when it was last tried, `mismatched` the transfers that claim to
    be of this payout and are not what was requested.
    """

    request: TransferRequested
    requested_position: int
    first_sent_at: datetime
    unanswered: int = 0
    last_unanswered_at: datetime | None = None
    kinds: frozenset[UnknownKind] = frozenset()
    searches: int = 0
    first_searched_at: datetime | None = None
    last_searched_at: datetime | None = None
    looked_position: int = 0
    refused_sources: tuple[str, ...] = ()
    mismatched: tuple[str, ...] = ()

    @field_serializer("kinds")
    def _in_one_order(self, kinds: frozenset[UnknownKind]) -> list[UnknownKind]:
        """The read models compare what is stored; a set's own order differs from process to process."""
        return sorted(kinds)


class Failure(_State):
    """The newest definitive decline, and how many there were in a row of this kind, by this destination, and since when.

    What was recorded after `requested_position` was not known when the request was made, and may be the cure.
    """

    event: TransferFailed
    failed_at: datetime
    position: int
    requested_position: int
    count: int
    first_failed_at: datetime
    destination: str


class Hold(_State):
    reason: HoldReason
    note: str
    held_at: datetime
    held_by: str


class Approval(_State):
    """Something that a second person has to approve, or has approved and that is still to be carried out."""

    number: int
    action: ActionKind
    note: str
    requested_by: str
    requested_at: datetime
    granted: bool = False


class OpenReversal(_State):
    request: ReversalRequested
    first_sent_at: datetime


class Payout(_State):
    """`attempt` is the number of the newest attempt, 0 before the first. Times are ours (`recorded_at`), in UTC."""

    bonus: BonusEarned
    earned_position: int
    earned_at: datetime
    phase: Phase = "owed"
    attempt: int = 0
    unresolved: Unresolved | None = None
    failure: Failure | None = None
    account_verified_position: int = 0
    settlement: TransferSettled | None = None
    noticed_position: int = 0
    reversal_noticed_position: int = 0
    confirmed_position: int = 0
    hold: Hold | None = None
    reviewed: bool = False
    approval: Approval | None = None
    approvals: int = 0
    retry_authorized_position: int = 0
    reversal: OpenReversal | None = None
    reversal_failure: ReversalFailed | None = None
    reversals: int = 0
    reversed_minor: int = 0
    given_up_minor: int = 0
    cancelled: bool = False

    @property
    def payout_id(self) -> str:
        return self.bonus.payout_id

    @property
    def is_final(self) -> bool:
        """Whether this obligation is discharged or given up. Only a reversal moves it from here."""
        return self.phase in ("settled", "cancelled", "reversed")

    @property
    def owed_minor(self) -> int:
        """What is to be paid, or came back and is owed again; negative if it was given up, and paid all the same."""
        settled_minor = self.settlement.amount_minor if self.settlement is not None else 0
        return self.bonus.amount_minor - settled_minor + self.reversed_minor - self.given_up_minor

    @property
    def granted(self) -> ActionKind | None:
        """The action that was approved and is still to be carried out."""
        return self.approval.action if self.approval is not None and self.approval.granted else None


def fold(events: Iterable[Recorded]) -> Payout | None:
    """The payout of the events tagged with its id; None if its bonus is not among them."""
    payout: Payout | None = None
    for recorded in events:
        payout = evolve(payout, recorded)
    return payout


def evolve(payout: Payout | None, recorded: Recorded) -> Payout | None:
    """The payout after one more event. Events before its bonus was earned do not concern it."""
    if isinstance(recorded.event, BonusEarned):
        return payout or Payout(bonus=recorded.event, earned_position=recorded.position, earned_at=recorded.recorded_at)
    if payout is None:
        return None
    change = _attempted(payout, recorded) or _reviewed(payout, recorded) or _reversed(payout, recorded)
    return payout.model_copy(update=change)


def _attempted(payout: Payout, recorded: Recorded) -> dict[str, object]:
    """What happened to an attempt."""
    unresolved = payout.unresolved
    match recorded.event:
        case TransferRequested() as event:
            opened = Unresolved(request=event, requested_position=recorded.position, first_sent_at=recorded.recorded_at)
            return {"phase": "requested", "attempt": event.attempt, "unresolved": opened}
        case TransferOutcomeUnknown() as event if unresolved is not None:
            return {"phase": "unknown", "unresolved": _unanswered(unresolved, event, recorded.recorded_at)}
        case TransferNotFound() if unresolved is not None:
            return {"unresolved": _searched(unresolved, recorded)}
        case TransferMismatched() as event if unresolved is not None:
            return {"unresolved": unresolved.model_copy(update={**UNSEARCHED, "mismatched": event.transfer_ids})}
        case TransferSearchRefused() as event if unresolved is not None:
            return {"unresolved": unresolved.model_copy(update={"refused_sources": event.sources})}
        case TransferFailed() as event if unresolved is not None:
            failure = _failure(payout.failure, unresolved, event, recorded)
            return {"phase": "failed", "unresolved": None, "failure": failure, **_moot(payout, "retry")}
        case TransferSettled() as event:
            settled = {"phase": "settled", "settlement": event, "unresolved": None, "hold": None}
            return settled | _moot(payout, "cancel", "retry")
        case PayoutAccountVerified():
            return {"account_verified_position": recorded.position}
        case TransferNoticed() as event:
            return _noticed(payout, event, recorded.position)
        case _:
            return {}


def _reviewed(payout: Payout, recorded: Recorded) -> dict[str, object]:
    """What people decided."""
    match recorded.event:
        case PayoutHeld() as event:
            hold = Hold(reason=event.reason, note=event.note, held_at=recorded.recorded_at, held_by=recorded.actor)
            return {"hold": hold}
        case PayoutReleased():
            return {"hold": None, "reviewed": True}
        case ApprovalRequested() as event:
            approval = Approval(
                number=event.number,
                action=event.action,
                note=event.note,
                requested_by=recorded.actor,
                requested_at=recorded.recorded_at,
            )
            return {"approval": approval, "approvals": event.number}
        case ApprovalGranted() if payout.approval is not None:
            return {"approval": payout.approval.model_copy(update={"granted": True})}
        case ApprovalRefused():
            return {"approval": None}
        case PayoutRetryAuthorized():
            return {"retry_authorized_position": recorded.position, **_moot(payout, "retry")}
        case PayoutCancelled() as event:
            given_up_minor = payout.given_up_minor + event.amount_minor
            given_up: dict[str, object] = {"given_up_minor": given_up_minor, "hold": None, "approval": None}
            if payout.phase == "settled":  # only what came back of it is given up, and the rest stays paid
                return given_up
            return {"phase": "cancelled", "cancelled": True, **given_up}
        case _:
            return {}


def _reversed(payout: Payout, recorded: Recorded) -> dict[str, object]:
    """What came back after it was paid."""
    match recorded.event:
        case ReversalRequested() as event:
            opened = OpenReversal(request=event, first_sent_at=recorded.recorded_at)
            return {"reversal": opened, "reversals": event.number, **_moot(payout, "reverse")}
        case ReversalFailed() as event:
            return {"reversal": None, "reversal_failure": event}
        case TransferReversed() as event:
            whole = event.total_reversed_minor >= payout.bonus.amount_minor
            return {
                "phase": "reversed" if whole else payout.phase,
                "reversed_minor": event.total_reversed_minor,
                # Ours takes back all that is left: after less than that came back, it is still to be answered.
                "reversal": None if whole else payout.reversal,
                "reversal_failure": None,
                "confirmed_position": recorded.position,
                # Who asked to give a part up did not ask it of what came back since.
                **(_moot(payout, "reverse", "cancel") if whole else _moot(payout, "cancel")),
            }
        case TransferConfirmed():
            return {"confirmed_position": recorded.position}
        case _:
            return {}


def _moot(payout: Payout, *actions: ActionKind) -> dict[str, object]:
    """An approval of one of these actions, open or granted, is over: there is nothing left to do it to."""
    return {"approval": None} if payout.approval is not None and payout.approval.action in actions else {}


UNSEARCHED: dict[str, object] = {"searches": 0, "first_searched_at": None, "last_searched_at": None}


def _noticed(payout: Payout, event: TransferNoticed, position: int) -> dict[str, object]:
    """Something was heard of a transfer of this payout: whatever was searched for in vain before, is looked for anew."""
    changes: dict[str, object] = {"noticed_position": position}
    if event.stripe_event_type == "transfer.reversed":
        changes["reversal_noticed_position"] = position
    if payout.unresolved is not None:
        changes["unresolved"] = payout.unresolved.model_copy(update=UNSEARCHED)
    return changes


def _unanswered(unresolved: Unresolved, event: TransferOutcomeUnknown, at: datetime) -> Unresolved:
    return unresolved.model_copy(
        update={
            "unanswered": unresolved.unanswered + 1,
            "last_unanswered_at": at,
            "kinds": unresolved.kinds | {event.kind},
            **UNSEARCHED,  # it was sent once more, so earlier searches say nothing of it
        }
    )


def _searched(unresolved: Unresolved, recorded: Recorded) -> Unresolved:
    return unresolved.model_copy(
        update={
            "searches": unresolved.searches + 1,
            "first_searched_at": unresolved.first_searched_at or recorded.recorded_at,
            "last_searched_at": recorded.recorded_at,
            "looked_position": recorded.position,
            "refused_sources": (),
            "mismatched": (),
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
