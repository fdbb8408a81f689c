"""Waiting until nothing is left to do: every follower at the head of the log, nothing due, nobody about to tell us more."""

import time
from dataclasses import dataclass

import httpx

from api.cli.screen import Meter
from api.cli.together import Running
from api.services import Services
from ledger.payouts.todo import LEASE_SECONDS

__all__ = ["NotQuiet", "wait_until_quiet"]

POLL_SECONDS = 0.2
PATIENCE_SECONDS = LEASE_SECONDS + 60.0  # a worker that was killed leaves leases behind
HORIZON_SECONDS = 30.0
"""What is due so soon is waited for; the first new try of a declined payout comes later than that."""


class NotQuiet(Exception):
    """Nothing moves any more, and yet something is due."""


@dataclass(frozen=True, slots=True)
class Situation:
    """How far everybody has come."""

    head: int
    followed: int
    projected: int
    payouts: int
    paid: int
    failed: int
    nothing_due: bool
    webhooks: int

    @property
    def is_quiet(self) -> bool:
        caught_up = self.followed == self.head == self.projected
        return caught_up and self.nothing_due and not self.webhooks

    def missing(self) -> str:
        """What is waited for, in words."""
        if not self.nothing_due:
            return "payouts are due"
        if self.followed < self.head:
            return f"payout process at {self.followed} of {self.head}"
        if self.projected < self.head:
            return f"read models at {self.projected} of {self.head}"
        return f"{self.webhooks} webhooks under way"


def wait_until_quiet(
    running: Running, services: Services, meter: Meter, horizon_seconds: float = HORIZON_SECONDS
) -> None:
    """Return when nothing is due within the horizon.

    Raises NotQuiet when nothing has moved for too long, PartFailed when a part gave up.
    """
    last, moved_at = None, time.monotonic()
    while True:
        running.supervisor.check()
        situation = _look(running, services, horizon_seconds)
        meter.at(situation.paid + situation.failed, situation.payouts, situation.missing())
        if situation.is_quiet:
            waiting = situation.payouts - situation.paid - situation.failed
            said = f"{situation.paid} paid, {situation.failed} declined, {waiting} waiting"
            meter.at(situation.payouts, situation.payouts, said)
            return
        if situation != last:
            last, moved_at = situation, time.monotonic()
        elif time.monotonic() - moved_at > PATIENCE_SECONDS:
            raise NotQuiet(f"nothing has moved for {PATIENCE_SECONDS:.0f} s, and still: {situation.missing()}")
        time.sleep(POLL_SECONDS)


def _look(running: Running, services: Services, horizon_seconds: float) -> Situation:
    """The head first: whoever has caught up with it then, and is at it, saw everything."""
    webhooks = _webhooks_due(running, horizon_seconds)
    head = services.log.recorder.head()
    nothing_due = services.todo.is_quiet(horizon_seconds)
    totals = services.read_models.totals()
    return Situation(
        head=head,
        followed=services.todo.position(),
        projected=totals.position,
        payouts=sum(totals.bonuses.values()),
        paid=totals.statuses.get("paid", 0),
        failed=totals.statuses.get("failed", 0),
        nothing_due=nothing_due,
        webhooks=webhooks,
    )


def _webhooks_due(running: Running, horizon_seconds: float) -> int:
    if running.stripe is None:
        return 0
    try:
        return running.stripe.webhooks_due(horizon_seconds)
    except httpx.HTTPError:
        return 1  # it is being started again: we cannot know
