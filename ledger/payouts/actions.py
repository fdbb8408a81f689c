"""What people do to a payout: pure decisions, one for each command. Who, when and why goes into the log with them.

Hold, release, and a retry after a decline take one person. Cancel, reverse, and a retry after an unknown outcome are asked
for by one (the maker) and approved by another (the checker). Whatever is in flight comes to its end first.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from ledger.events import (
    AboutPayout,
    ActionKind,
    ApprovalGranted,
    ApprovalRefused,
    ApprovalRequested,
    HoldReason,
    PayoutCancelled,
    PayoutHeld,
    PayoutReleased,
    PayoutRetryAuthorized,
)
from ledger.payouts.payout import Payout, Unresolved

Action = Literal["hold", "release", "retry", "cancel", "reverse"]

SEARCHES_NEEDED = 3
SEARCHES_APART = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Accepted:
    """`events` may be empty: it is already so."""

    events: tuple[AboutPayout, ...]
    awaits_approval: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """`code` is stable; `detail` says what to do instead."""

    code: str
    detail: str


Verdict = Accepted | Refused

ALREADY_PAID = Refused("already_paid", "the payout is settled; a transfer can only be reversed")
TAKING_BACK = Refused("outcome_pending", "a reversal is in flight, and its outcome has to be known first")
CANCELLED = Refused("already_cancelled", "the payout was cancelled and is owed no more")
REVERSED = Refused("already_reversed", "the transfer was reversed in full")


def decide(action: Action, payout: Payout, note: str) -> Verdict:
    """What a person's command leads to."""
    return _DECISIONS[action](payout, note)


def permitted(payout: Payout) -> list[Action]:
    """What would lead to something as the payout is now."""
    verdicts = {action: decide(action, payout, note="") for action in _DECISIONS}
    return [action for action, verdict in verdicts.items() if isinstance(verdict, Accepted) and verdict.events]


def _hold(payout: Payout, note: str) -> Verdict:
    if payout.is_final:
        return _final(payout)
    if payout.hold is not None:
        return Accepted(())
    return Accepted((PayoutHeld.of(payout.bonus, reason=HoldReason.MANUAL, note=note),))


def _release(payout: Payout, note: str) -> Verdict:
    if payout.is_final:
        return _final(payout)
    if payout.hold is None:
        return Refused("not_held", "the payout is not held")
    return Accepted((PayoutReleased.of(payout.bonus, note=note),))


def _retry(payout: Payout, note: str) -> Verdict:
    if payout.is_final:
        return _final(payout)
    if payout.unresolved is not None:
        return _ask(payout, "retry", note) if absence_confirmed(payout.unresolved) else _in_doubt(payout)
    if payout.failure is None:
        return Refused("not_declined", "the payout was not declined; see what it waits for")
    if payout.retry_authorized_position > payout.failure.position:
        return Accepted(())
    return Accepted((PayoutRetryAuthorized.of(payout.bonus, after="decline", note=note),))


def _in_doubt(payout: Payout) -> Refused:
    """Why there is no new attempt while one is unresolved: its outcome comes by itself, or is being searched for."""
    if payout.unresolved is not None and payout.unresolved.searches:
        return Refused(
            "absence_not_confirmed",
            f"the outcome of attempt {payout.attempt} is open, and a new key could pay twice: it takes "
            f"{SEARCHES_NEEDED} searches at Stripe that find nothing, made by the payout process, and a second person",
        )
    return Refused(
        "outcome_pending",
        f"attempt {payout.attempt} is in flight, and its outcome has to be known first: the payout process finds it out by "
        "itself; until then a hold or a cancellation is taken, and is carried out if nothing was paid",
    )


def _cancel(payout: Payout, note: str) -> Verdict:
    """Also what came back, all of it or a part: the books owe that again, until two persons say that it is owed no more."""
    if payout.phase == "cancelled":
        return CANCELLED
    if payout.reversal is not None:
        return TAKING_BACK
    if payout.is_final and payout.owed_minor <= 0:
        return CANCELLED if payout.phase == "reversed" else ALREADY_PAID
    return _ask(payout, "cancel", note)


def _reverse(payout: Payout, note: str) -> Verdict:
    if payout.phase == "reversed":
        return REVERSED
    if payout.unresolved is not None and not payout.is_final:
        return Refused(
            "outcome_pending",
            f"attempt {payout.attempt} is in flight: reverse the payout once it is paid, or cancel it, which waits for the outcome",
        )
    if payout.phase != "settled":
        return Refused("not_paid", "only a settled payout can be reversed; one that is owed can be cancelled")
    if payout.reversal is not None:
        return TAKING_BACK
    return _ask(payout, "reverse", note)


_DECISIONS: dict[Action, Callable[[Payout, str], Verdict]] = {
    "hold": _hold,
    "release": _release,
    "retry": _retry,
    "cancel": _cancel,
    "reverse": _reverse,
}


def _ask(payout: Payout, action: ActionKind, note: str) -> Verdict:
    if payout.approval is not None:
        if payout.approval.action == action:
            return Accepted((), awaits_approval=not payout.approval.granted)
        return Refused(
            "approval_pending", f"a request to {payout.approval.action} this payout is open; decide on it first"
        )
    request = ApprovalRequested.of(payout.bonus, number=payout.approvals + 1, action=action, note=note)
    return Accepted((request,), awaits_approval=True)


def decide_approval(payout: Payout, *, granted: bool, number: int, note: str, actor: str) -> Verdict:
    """A second person's decision. The maker may withdraw a request, and never approve it."""
    approval = payout.approval
    if approval is None or approval.number != number or approval.granted:
        return Refused(
            "no_such_request", "there is no open request of this number; it may have been decided or be moot"
        )
    about = {"number": number, "action": approval.action, "note": note}
    if not granted:
        return Accepted((ApprovalRefused.of(payout.bonus, **about),))
    if approval.requested_by == actor:
        return Refused("second_person_needed", "whoever asks for it cannot approve it")
    granted_event = ApprovalGranted.of(payout.bonus, **about)
    if approval.action == "retry" and payout.unresolved is not None:
        if not absence_confirmed(payout.unresolved):
            return Refused("absence_not_confirmed", "something was heard of this transfer meanwhile")
        return Accepted((granted_event, PayoutRetryAuthorized.of(payout.bonus, after="unknown", note=note)))
    if approval.action == "cancel" and payout.unresolved is None:
        return Accepted((granted_event, cancelled(payout, note)))
    return Accepted((granted_event,))


def cancelled(payout: Payout, note: str) -> PayoutCancelled:
    """All that is still owed: the bonus, or what came back of it."""
    bonus = payout.bonus
    return PayoutCancelled.of(bonus, amount_minor=payout.owed_minor, currency=bonus.currency, note=note)


def absence_confirmed(unresolved: Unresolved) -> bool:
    """Whether Stripe was searched often enough, far enough apart, after the attempt was last sent."""
    first, last = unresolved.first_searched_at, unresolved.last_searched_at
    return (
        unresolved.searches >= SEARCHES_NEEDED
        and first is not None
        and last is not None
        and last - first >= SEARCHES_APART
    )


def _final(payout: Payout) -> Refused:
    return {"cancelled": CANCELLED, "reversed": REVERSED}.get(payout.phase, ALREADY_PAID)
