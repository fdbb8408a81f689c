"""All that a decision about one payout depends on, read from the log. Synchronous: one thread reads it all."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from ledger.event_log import EventLog
from ledger.events import (
    PLATFORM_FUNDS_TAG,
    AccountNoticed,
    BonusEarned,
    FailureKind,
    Recorded,
    TransferSettled,
    account_tag,
    payout_tag,
)
from ledger.history import about
from ledger.payouts import payout as payouts
from ledger.payouts.credentials import rejected_at
from ledger.payouts.next_step import Platform, next_step
from ledger.payouts.payout import Payout
from ledger.payouts.policy import ORDINARY, Circumstances, Policy
from ledger.payouts.steps import Request, Step
from ledger.referrals import payout_account
from ledger.referrals.payout_account import Account


@dataclass(frozen=True, slots=True)
class Situation:
    """`head` and `newest` are what an append about this payout is conditional on, and caused by. `settled_at`: when it was paid."""

    payout: Payout
    account: Account | None
    platform: Platform
    head: int
    newest: Recorded
    settled_at: datetime | None = None

    @property
    def cause(self) -> str:
        return str(self.newest.event_id)


class Situations:
    """Reads situations, and decides on them. The rules of review need more of the log, read only when it matters."""

    def __init__(self, policy: Policy, clock: Callable[[], datetime]) -> None:
        self._policy = policy
        self._clock = clock

    def decide(self, log: EventLog, payout_id: str) -> tuple[Situation, Step] | None:
        """Where a payout stands, and what to do about it. None: no bonus was earned for such a payout."""
        situation = self._of(log, payout_id)
        if situation is None:
            return None
        circumstances = _heard_of_account(log, situation.payout)
        step = self._next_step(situation, circumstances)
        if isinstance(step, Request) and self._policy.has_rules and not situation.payout.reviewed:
            step = self._next_step(situation, self._reviewable(log, situation.payout.bonus, circumstances))
        return situation, step

    def _of(self, log: EventLog, payout_id: str) -> Situation | None:
        events, head = log.read([about(payout_tag(payout_id))])
        payout = payouts.fold(events)
        if payout is None:
            return None
        funds = log.read_last(about(PLATFORM_FUNDS_TAG))
        platform = Platform(funds_position=funds.position if funds else 0, credentials_rejected_at=rejected_at(log))
        account = _account(log, payout.bonus.referrer_id)
        settled_at = next((each.occurred_at for each in events if isinstance(each.event, TransferSettled)), None)
        return Situation(payout, account, platform, head, events[-1], settled_at)

    def _next_step(self, situation: Situation, circumstances: Circumstances) -> Step:
        return next_step(
            situation.payout, situation.account, situation.platform, self._clock(), self._policy, circumstances
        )

    def _reviewable(self, log: EventLog, bonus: BonusEarned, circumstances: Circumstances) -> Circumstances:
        bonuses_that_day = 1
        if self._policy.max_bonuses_a_day is not None:
            earned, _ = log.read([about(f"referrer:{bonus.referrer_id}", BonusEarned)])
            bonuses_that_day = _of_that_day(earned, bonus.payout_id)
        referred_account = _account(log, bonus.referred_id) if self._policy.hold_same_account else None
        return replace(circumstances, referred_account=referred_account, bonuses_that_day=bonuses_that_day)


def _heard_of_account(log: EventLog, payout: Payout) -> Circumstances:
    failure = payout.failure
    if failure is None or failure.event.kind is not FailureKind.ACCOUNT:
        return ORDINARY
    notice = log.read_last(about(account_tag(failure.destination), AccountNoticed))
    return replace(ORDINARY, account_noticed_position=notice.position if notice is not None else 0)


def _account(log: EventLog, instructor_id: str) -> Account | None:
    updates, _ = log.read([payout_account.account_boundary(instructor_id)])
    return payout_account.fold(updates)


def _of_that_day(earned: list[Recorded], payout_id: str) -> int:
    """Which of its UTC day's bonuses this one is, in log order, counted from 1."""
    days = [recorded.occurred_at.date() for recorded in earned]
    ids = [recorded.event.payout_id for recorded in earned if isinstance(recorded.event, BonusEarned)]
    place = ids.index(payout_id)
    return days[: place + 1].count(days[place])
