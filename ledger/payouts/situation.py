"""All that decisions about payouts depend on, read from the log. Synchronous: one thread reads it all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ledger.event_log import EventLog
from ledger.events import (
    PLATFORM_FUNDS_TAG,
    AboutPayout,
    AccountNoticed,
    BonusEarned,
    FailureKind,
    PayoutAccountUpdated,
    Recorded,
    TransferNoticed,
    TransferSettled,
    UnknownPayoutNoticed,
    account_tag,
    payout_tag,
    referrer_tag,
)
from ledger.history import about
from ledger.payouts import payout_fold as payouts
from ledger.payouts.credentials import rejected_at
from ledger.payouts.next_step import Platform, next_step
from ledger.payouts.payout import Payout
from ledger.payouts.policy import ORDINARY, Circumstances, Policy
from ledger.payouts.steps import Request, Step
from ledger.referrals import payout_account
from ledger.referrals.payout_account import Account


@dataclass(frozen=True, slots=True)
class Situation:
    """`head` and `newest` are what an append about this payout is conditional on, and caused by. `owed_since`: no transfer of it
    is older. `settled_at`: when it was paid.
    """

    payout: Payout
    account: Account | None
    platform: Platform
    head: int
    newest: Recorded
    owed_since: datetime
    settled_at: datetime | None = None

    @property
    def cause(self) -> str:
        return str(self.newest.event_id)


class Situations:
    """Reads situations, and decides on them: of any number of payouts with as many reads as of one, but for what few need."""

    def __init__(self, policy: Policy, clock: Callable[[], datetime]) -> None:
        self._policy = policy
        self._clock = clock

    def decide(self, log: EventLog, payout_ids: Sequence[str]) -> list[tuple[Situation, Step] | None]:
        """Where each of the payouts, at least one, stands, and what to do about it. None: no bonus was earned for such a payout."""
        known, head = _payouts(log, payout_ids)
        platform = _platform(log)
        accounts = _accounts(log, [payout.bonus for payout, *_ in known.values()])
        decided: list[tuple[Situation, Step] | None] = []
        for payout_id in payout_ids:
            if payout_id not in known:
                decided.append(None)
                continue
            payout, events, told_before = known[payout_id]
            earned = next(each for each in events if each.position == payout.earned_position)
            owed_since = min(earned.occurred_at, earned.recorded_at)
            settled_at = next((each.occurred_at for each in events if isinstance(each.event, TransferSettled)), None)
            account = accounts.get(payout.bonus.referrer_id)
            situation = Situation(payout, account, platform, head, events[-1], owed_since, settled_at)
            referred = accounts.get(payout.bonus.referred_id)
            decided.append((situation, self._step(log, situation, referred, told_before)))
        return decided

    def _step(
        self,
        log: EventLog,
        situation: Situation,
        referred: Account | None,
        told_before: tuple[UnknownPayoutNoticed, ...],
    ) -> Step:
        heard = _heard_of_account(log, situation.payout)
        circumstances = replace(heard, referred_account=referred, told_before=told_before)
        step = self._next_step(situation, circumstances)
        if isinstance(step, Request) and self._policy.max_bonuses_a_day is not None and not situation.payout.reviewed:
            bonuses_that_day = _bonuses_that_day(log, situation.payout.bonus)
            step = self._next_step(situation, replace(circumstances, bonuses_that_day=bonuses_that_day))
        return step

    def _next_step(self, situation: Situation, circumstances: Circumstances) -> Step:
        return next_step(
            situation.payout, situation.account, situation.platform, self._clock(), self._policy, circumstances
        )


Known = tuple[Payout, list[Recorded], tuple[UnknownPayoutNoticed, ...]]


def _payouts(log: EventLog, payout_ids: Sequence[str]) -> tuple[dict[str, Known], int]:
    """Those for which a bonus was earned, each with its events and what Stripe had told of it before, and the head of the log in
    the same snapshot.
    """
    events, head = log.read([about(payout_tag(payout_id)) for payout_id in payout_ids])
    histories: dict[str, list[Recorded]] = {}
    told: dict[str, list[UnknownPayoutNoticed]] = {}
    for recorded in events:
        match recorded.event:
            case AboutPayout(payout_id=payout_id):
                histories.setdefault(payout_id, []).append(recorded)
            case UnknownPayoutNoticed(payout_id=payout_id) as notice:
                told.setdefault(payout_id, []).append(notice)
    known: dict[str, Known] = {}
    for payout_id, history in histories.items():
        payout = payouts.fold(history)
        if payout is not None:
            known[payout_id] = payout, history, _not_taken_up(told.get(payout_id, ()), history)
    return known, head


def _not_taken_up(
    told: Sequence[UnknownPayoutNoticed], history: Sequence[Recorded]
) -> tuple[UnknownPayoutNoticed, ...]:
    if not told:
        return ()
    taken_up = {each.event.stripe_event_id for each in history if isinstance(each.event, TransferNoticed)}
    return tuple(each for each in told if each.stripe_event_id not in taken_up)


def _platform(log: EventLog) -> Platform:
    funds = log.read_last(about(PLATFORM_FUNDS_TAG))
    return Platform(funds_position=funds.position if funds else 0, credentials_rejected_at=rejected_at(log))


def _accounts(log: EventLog, bonuses: Sequence[BonusEarned]) -> dict[str, Account | None]:
    """Of everybody who is paid, and of everybody whose referral is paid for, by instructor."""
    instructors = dict.fromkeys(person for bonus in bonuses for person in (bonus.referrer_id, bonus.referred_id))
    if not instructors:
        return {}  # a boundary of nothing is all of the log
    updates, _ = log.read([payout_account.account_boundary(instructor_id) for instructor_id in instructors])
    accounts: dict[str, Account | None] = {}
    for update in updates:
        if isinstance(update.event, PayoutAccountUpdated):
            instructor_id = update.event.instructor_id
            accounts[instructor_id] = payout_account.evolve(accounts.get(instructor_id), update)
    return accounts


def _heard_of_account(log: EventLog, payout: Payout) -> Circumstances:
    failure = payout.failure
    if failure is None or failure.event.kind is not FailureKind.ACCOUNT:
        return ORDINARY
    notice = log.read_last(about(account_tag(failure.destination), AccountNoticed))
    return replace(ORDINARY, account_noticed_position=notice.position if notice is not None else 0)


def _bonuses_that_day(log: EventLog, bonus: BonusEarned) -> int:
    """Which of its UTC day's bonuses this one is, in log order, counted from 1."""
    earned, _ = log.read([about(referrer_tag(bonus.referrer_id), BonusEarned)])
    days = [recorded.occurred_at.date() for recorded in earned]
    ids = [recorded.event.payout_id for recorded in earned if isinstance(recorded.event, BonusEarned)]
    place = ids.index(bonus.payout_id)
    return days[: place + 1].count(days[place])
