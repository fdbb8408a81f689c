"""The fold of a payout's events into its state. Pure; a table says by an event's type what it changes, as in `projections.fold`."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from ledger.events import (
    ActionKind,
    ApprovalGranted,
    ApprovalRefused,
    ApprovalRequested,
    BonusEarned,
    Event,
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
)
from ledger.payouts.payout import Approval, Failure, Hold, OpenReversal, Payout, Unresolved

__all__ = ["evolve", "fold"]

Changes = dict[str, object]
"""Fields of a payout, by their new values; none: the event leaves it as it is."""

UNSEARCHED: Changes = {"searches": 0, "first_searched_at": None, "last_searched_at": None}


def fold(events: Iterable[Recorded]) -> Payout | None:
    """The payout of the events tagged with its id; None if its bonus is not among them."""
    payout: Payout | None = None
    for recorded in events:
        payout = evolve(payout, recorded)
    return payout


def evolve(payout: Payout | None, recorded: Recorded) -> Payout | None:
    """The payout after one more event. Events before its bonus was earned do not concern it."""
    event = recorded.event
    if payout is None:
        if not isinstance(event, BonusEarned):
            return None
        return Payout(bonus=event, earned_position=recorded.position, earned_at=recorded.recorded_at)
    change = CHANGES.get(type(event))
    return payout if change is None else payout.model_copy(update=change(payout, event, recorded))


# What happened to an attempt.


def _requested(_: Payout, event: TransferRequested, recorded: Recorded) -> Changes:
    opened = Unresolved(request=event, requested_position=recorded.position, first_sent_at=recorded.recorded_at)
    return {"phase": "requested", "attempt": event.attempt, "unresolved": opened}


def _unanswered(payout: Payout, event: TransferOutcomeUnknown, recorded: Recorded) -> Changes:
    if (tried := payout.unresolved) is None:
        return {}
    changes = {
        "unanswered": tried.unanswered + 1,
        "last_unanswered_at": recorded.recorded_at,
        "kinds": tried.kinds | {event.kind},
        **UNSEARCHED,  # it was sent once more, so earlier searches say nothing of it
    }
    return {"phase": "unknown", "unresolved": tried.model_copy(update=changes)}


def _not_found(payout: Payout, _: TransferNotFound, recorded: Recorded) -> Changes:
    if (tried := payout.unresolved) is None:
        return {"confirmed_position": recorded.position}  # Stripe holds nothing that the log does not know
    changes = {
        "searches": tried.searches + 1,
        "first_searched_at": tried.first_searched_at or recorded.recorded_at,
        "last_searched_at": recorded.recorded_at,
        "looked_position": recorded.position,
        "refused_sources": (),
        "mismatched": (),
    }
    return {"unresolved": tried.model_copy(update=changes)}


def _mismatched(payout: Payout, event: TransferMismatched, _: Recorded) -> Changes:
    if (tried := payout.unresolved) is None:
        return {}
    return {"unresolved": tried.model_copy(update={**UNSEARCHED, "mismatched": event.transfer_ids})}


def _search_refused(payout: Payout, event: TransferSearchRefused, _: Recorded) -> Changes:
    if (tried := payout.unresolved) is None:
        return {}
    return {"unresolved": tried.model_copy(update={"refused_sources": event.sources})}


def _failed(payout: Payout, event: TransferFailed, recorded: Recorded) -> Changes:
    if (tried := payout.unresolved) is None:
        return {}
    failure = _failure(payout.failure, tried, event, recorded)
    return {"phase": "failed", "unresolved": None, "failure": failure, **_moot(payout, "retry")}


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


def _settled(payout: Payout, event: TransferSettled, _: Recorded) -> Changes:
    settled: Changes = {"phase": "settled", "settlement": event, "unresolved": None, "hold": None}
    return settled | _moot(payout, "cancel", "retry")


def _account_verified(_: Payout, __: PayoutAccountVerified, recorded: Recorded) -> Changes:
    return {"account_verified_position": recorded.position}


def _noticed(payout: Payout, event: TransferNoticed, recorded: Recorded) -> Changes:
    """Something was heard of a transfer of this payout: whatever was searched for in vain before, is looked for anew."""
    changes: Changes = {"noticed_position": recorded.position}
    if event.stripe_event_type == "transfer.reversed":
        changes["reversal_noticed_position"] = recorded.position
    if payout.unresolved is not None:
        changes["unresolved"] = payout.unresolved.model_copy(update=UNSEARCHED)
    return changes


# What people decided.


def _held(_: Payout, event: PayoutHeld, recorded: Recorded) -> Changes:
    return {"hold": Hold(reason=event.reason, note=event.note, held_at=recorded.recorded_at, held_by=recorded.actor)}


def _released(_: Payout, __: PayoutReleased, ___: Recorded) -> Changes:
    return {"hold": None, "reviewed": True}


def _approval_requested(_: Payout, event: ApprovalRequested, recorded: Recorded) -> Changes:
    approval = Approval(
        number=event.number,
        action=event.action,
        note=event.note,
        requested_by=recorded.actor,
        requested_at=recorded.recorded_at,
    )
    return {"approval": approval, "approvals": event.number}


def _approved(payout: Payout, _: ApprovalGranted, __: Recorded) -> Changes:
    return {"approval": payout.approval.model_copy(update={"granted": True})} if payout.approval is not None else {}


def _refused(_: Payout, __: ApprovalRefused, ___: Recorded) -> Changes:
    return {"approval": None}


def _retry_authorized(payout: Payout, _: PayoutRetryAuthorized, recorded: Recorded) -> Changes:
    return {"retry_authorized_position": recorded.position, **_moot(payout, "retry")}


def _cancelled(payout: Payout, event: PayoutCancelled, _: Recorded) -> Changes:
    given_up: Changes = {
        "given_up_minor": payout.given_up_minor + event.amount_minor,
        "hold": None,
        "approval": None,
    }
    if payout.phase == "settled":  # only what came back of it is given up, and the rest stays paid
        return given_up
    return {"phase": "cancelled", "cancelled": True, **given_up}


# What came back after it was paid.


def _reversal_requested(payout: Payout, event: ReversalRequested, recorded: Recorded) -> Changes:
    opened = OpenReversal(request=event, first_sent_at=recorded.recorded_at)
    return {"reversal": opened, "reversals": event.number, **_moot(payout, "reverse")}


def _reversal_failed(_: Payout, event: ReversalFailed, __: Recorded) -> Changes:
    return {"reversal": None, "reversal_failure": event}


def _reversed(payout: Payout, event: TransferReversed, recorded: Recorded) -> Changes:
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


def _confirmed(_: Payout, __: TransferConfirmed, recorded: Recorded) -> Changes:
    return {"confirmed_position": recorded.position}


def _moot(payout: Payout, *actions: ActionKind) -> Changes:
    """An approval of one of these actions, open or granted, is over: there is nothing left to do it to."""
    return {"approval": None} if payout.approval is not None and payout.approval.action in actions else {}


# Any: an event of the type that the entry stands under, which types cannot say.
CHANGES: Mapping[type[Event], Callable[[Payout, Any, Recorded], Changes]] = MappingProxyType(
    {
        TransferRequested: _requested,
        TransferOutcomeUnknown: _unanswered,
        TransferNotFound: _not_found,
        TransferMismatched: _mismatched,
        TransferSearchRefused: _search_refused,
        TransferFailed: _failed,
        TransferSettled: _settled,
        PayoutAccountVerified: _account_verified,
        TransferNoticed: _noticed,
        PayoutHeld: _held,
        PayoutReleased: _released,
        ApprovalRequested: _approval_requested,
        ApprovalGranted: _approved,
        ApprovalRefused: _refused,
        PayoutRetryAuthorized: _retry_authorized,
        PayoutCancelled: _cancelled,
        ReversalRequested: _reversal_requested,
        ReversalFailed: _reversal_failed,
        TransferReversed: _reversed,
        TransferConfirmed: _confirmed,
    }
)
