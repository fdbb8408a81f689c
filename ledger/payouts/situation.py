"""All that a decision about one payout depends on, read from the log."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from ledger.events import (
    PLATFORM_FUNDS_TAG,
    AccountNoticed,
    BonusEarned,
    FailureKind,
    Recorded,
    account_tag,
    payout_tag,
)
from ledger.history import about
from ledger.payouts import payout as payouts
from ledger.payouts.async_log import AsyncLog
from ledger.payouts.credentials import Credentials
from ledger.payouts.next_step import Platform, next_step
from ledger.payouts.payout import Payout
from ledger.payouts.policy import ORDINARY, Circumstances, Policy
from ledger.payouts.steps import Request, Step
from ledger.referrals import payout_account
from ledger.referrals.payout_account import Account


@dataclass(frozen=True, slots=True)
class Situation:
    """`head` and `newest` are what an append about this payout is conditional on, and caused by."""

    payout: Payout
    account: Account | None
    platform: Platform
    head: int
    newest: Recorded

    @property
    def cause(self) -> str:
        return str(self.newest.event_id)


class Situations:
    """Reads situations, and decides on them. The rules of review need more of the log, read only when it matters."""

    def __init__(self, log: AsyncLog, credentials: Credentials, policy: Policy, clock: Callable[[], datetime]) -> None:
        self._log = log
        self._credentials = credentials
        self._policy = policy
        self._clock = clock

    async def of(self, payout_id: str) -> Situation | None:
        """None: no bonus was earned for such a payout."""
        events, head = await self._log.read([about(payout_tag(payout_id))])
        payout = payouts.fold(events)
        if payout is None:
            return None
        funds = await self._log.read_last(about(PLATFORM_FUNDS_TAG))
        platform = Platform(
            funds_position=funds.position if funds else 0,
            credentials_rejected_at=await self._credentials.rejected_at(),
        )
        return Situation(payout, await self._account(payout.bonus.referrer_id), platform, head, events[-1])

    async def decide(self, situation: Situation) -> Step:
        circumstances = await self._heard_of_account(situation.payout)
        step = self._next_step(situation, circumstances)
        if isinstance(step, Request) and self._policy.has_rules and not situation.payout.reviewed:
            return self._next_step(situation, await self._reviewable(situation.payout.bonus, circumstances))
        return step

    async def _heard_of_account(self, payout: Payout) -> Circumstances:
        failure = payout.failure
        if failure is None or failure.event.kind is not FailureKind.ACCOUNT:
            return ORDINARY
        notice = await self._log.read_last(about(account_tag(failure.destination), AccountNoticed))
        return replace(ORDINARY, account_noticed_position=notice.position if notice is not None else 0)

    def _next_step(self, situation: Situation, circumstances: Circumstances) -> Step:
        return next_step(
            situation.payout, situation.account, situation.platform, self._clock(), self._policy, circumstances
        )

    async def _account(self, instructor_id: str) -> Account | None:
        updates, _ = await self._log.read([payout_account.account_boundary(instructor_id)])
        return payout_account.fold(updates)

    async def _reviewable(self, bonus: BonusEarned, circumstances: Circumstances) -> Circumstances:
        bonuses_that_day = 1
        if self._policy.max_bonuses_a_day is not None:
            earned, _ = await self._log.read([about(f"referrer:{bonus.referrer_id}", BonusEarned)])
            bonuses_that_day = _of_that_day(earned, bonus.payout_id)
        referred_account = await self._account(bonus.referred_id)
        return replace(circumstances, referred_account=referred_account, bonuses_that_day=bonuses_that_day)


def _of_that_day(earned: list[Recorded], payout_id: str) -> int:
    """Which of its UTC day's bonuses this one is, in log order, counted from 1."""
    days = [recorded.occurred_at.date() for recorded in earned]
    ids = [recorded.event.payout_id for recorded in earned if isinstance(recorded.event, BonusEarned)]
    place = ids.index(payout_id)
    return days[: place + 1].count(days[place])
