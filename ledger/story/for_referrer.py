"""A referral's events as its referrer may read them: what happened, and never why somebody of ours decided so.

Notes, staff, rules, Stripe's messages and ids stay out; so does whatever only concerns how we find things out.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from ledger.events import (
    AboutPayout,
    BonusEarned,
    Event,
    FailureKind,
    FirstLessonCompleted,
    InstructorWentLive,
    PayoutAccountUpdated,
    PayoutCancelled,
    PayoutHeld,
    PayoutReleased,
    Recorded,
    ReferralAttributed,
    ReversalFailed,
    ReversalRequested,
    TransferFailed,
    TransferOutcomeUnknown,
    TransferRequested,
    TransferReversed,
    TransferSettled,
)

__all__ = ["Told", "told_to_referrer"]


@dataclass(frozen=True, slots=True)
class Told:
    """`happened_at` by the clock of whoever reported it. `times`: it happened so often in a row, last at `last_at`."""

    happened_at: datetime
    words: str
    amount_minor: int | None = None
    currency: str | None = None
    times: int = 1
    last_at: datetime | None = None


class _Line(NamedTuple):
    words: str
    amount_minor: int | None = None
    currency: str | None = None


STEPS = (ReferralAttributed, InstructorWentLive, FirstLessonCompleted)

_DECLINED = {
    FailureKind.ACCOUNT: "Your payout account did not accept the payment. No money moved.",
    FailureKind.INSUFFICIENT_FUNDS: "The payment was delayed on our side. No money moved.",
    FailureKind.INVALID_REQUEST: "The payment did not go through, and our team was told. No money moved.",
}


def told_to_referrer(events: Sequence[Recorded]) -> list[Told]:
    """`events`: those of one referral (`projections.referral_events`), in the order of the log.

    The steps up to the bonus may have been reported in any order; they are told in the order in which they happened. The
    rest is in the order of the log. What happened several times in a row is told once.
    """
    steps = sorted((each for each in events if isinstance(each.event, STEPS)), key=lambda each: each.occurred_at)
    answered = _answered(events)
    rest = [each for each in events if not isinstance(each.event, STEPS) and _attempt(each.event) not in answered]
    told: list[Told] = []
    for each in _told([*steps, *_since_earned(rest)]):
        before = told[-1] if told else None
        if before is not None and (before.words, before.amount_minor) == (each.words, each.amount_minor):
            told[-1] = replace(before, times=before.times + 1, last_at=each.happened_at)
        else:
            told.append(each)
    return told


def _told(events: Iterable[Recorded]) -> Iterator[Told]:
    for each in events:
        line = _line(each.event)
        if line is not None:
            yield Told(each.occurred_at, *line)


def _line(event: Event) -> _Line | None:
    """None: nothing that concerns the referrer."""
    match event:
        case ReferralAttributed(code=code):
            return _Line(f"Signed up with your code {code}.")
        case InstructorWentLive():
            return _Line("Went live.")
        case FirstLessonCompleted():
            return _Line("Completed a first lesson.")
        case BonusEarned(tier=tier, amount_minor=amount, currency=currency):
            return _Line(f"You earned a {tier} bonus.", amount, currency)
        case PayoutAccountUpdated(transfers_active=active):
            able = "is ready to receive payments" if active else "cannot receive payments yet"
            return _Line(f"Your payout account {able}.")
        case TransferRequested(amount_minor=amount, currency=currency):
            return _Line("We sent the payment.", amount, currency)
        case TransferOutcomeUnknown():
            return _Line(
                "Our payment provider did not confirm the payment. We look for it before anything is sent again."
            )
        case TransferFailed(kind=kind):
            return _Line(_DECLINED[kind])
        case TransferSettled(amount_minor=amount, currency=currency):
            return _Line("Paid to your payout account.", amount, currency)
        case _:
            return _reviewed(event)


def _reviewed(event: Event) -> _Line | None:
    """What people of ours decided: that they did, and not why."""
    match event:
        case PayoutHeld():
            return _Line("Our team began to review the payment.")
        case PayoutReleased():
            return _Line("Our team finished the review. The payment goes on.")
        case PayoutCancelled(amount_minor=amount, currency=currency):
            return _Line("The bonus was cancelled and will not be paid.", amount, currency)
        case ReversalRequested(amount_minor=amount, currency=currency):
            return _Line("We began to take the payment back.", amount, currency)
        case ReversalFailed():
            return _Line("The payment was not taken back.")
        case TransferReversed(amount_minor=amount, currency=currency):
            return _Line("Taken back from your payout account.", amount, currency)
        case _:
            return None


def _answered(events: Iterable[Recorded]) -> set[int]:
    """Attempts whose end is told: that they began need not be."""
    return {each.event.attempt for each in events if isinstance(each.event, TransferSettled | TransferFailed)}


def _attempt(event: Event) -> int | None:
    return event.attempt if isinstance(event, TransferRequested) else None


def _since_earned(events: list[Recorded]) -> list[Recorded]:
    """What was known of the payout account before is no part of this referral's story."""
    first = next((place for place, each in enumerate(events) if isinstance(each.event, AboutPayout)), len(events))
    return events[first:]
