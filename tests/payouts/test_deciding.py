"""Payouts that are decided on together fare as each would alone."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from ledger.event_log import EventLog
from ledger.events import PayoutHeld
from ledger.payouts.async_log import T
from ledger.payouts.deciding import Decision, Decisions
from ledger.payouts.policy import PAY_AT_ONCE, Policy
from ledger.payouts.situation import Situations
from ledger.payouts.steps import Finished, HoldBack, Request, Wait
from ledger.payouts.worker import ThreadedLog
from ledger.store.errors import StoreUnavailable
from tests.payouts.road import Road

POLICIES = (PAY_AT_ONCE, Policy(max_bonuses_a_day=1), Policy(hold_same_account=False))


def now() -> datetime:
    return datetime(2026, 3, 1, 9, tzinfo=UTC)


@dataclass(frozen=True)
class CountingLog(ThreadedLog):
    """Notes when a thread is asked; the first time it answers with an error, if it is given one."""

    error: Exception | None = None
    questions: list[object] = field(default_factory=list)
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def asked(self) -> int:
        return len(self.questions)

    async def ask(self, question: Callable[[EventLog], T]) -> T:
        self.questions.append(question)
        self.was_asked.set()
        if self.asked == 1 and self.error is not None:
            raise self.error
        return await super().ask(question)


def decided_together(log: CountingLog, situations: Situations, payout_ids: Sequence[str]) -> list[Decision | Exception]:
    """What each of so many is told that ask at the same time."""

    async def ask() -> list[Decision | Exception]:
        decisions = Decisions(log, situations)
        told = await asyncio.gather(*map(decisions.on, payout_ids), return_exceptions=True)
        return [each for each in told if each is None or isinstance(each, tuple | Exception)]

    return asyncio.run(ask())


@pytest.mark.parametrize("policy", POLICIES, ids=["ordinary", "bonuses a day", "no rule"])
def test_each_is_decided_on_as_if_it_were_alone(road: Road, policy: Policy) -> None:
    ready, without_account, paid, held = road.owe(), road.owe(None), road.owe(), road.owe()
    road.advance(paid)
    road.append(PayoutHeld.of(road.payout(held).bonus, reason="manual", note="looks odd"))
    same_referrer = [road.owe(referrer=f"ins_of_{ready}") for _ in range(2)]
    own = road.owe("acct_own")
    road.connect_instructor(road.payout(own).bonus.referred_id, "acct_own")
    payout_ids = [ready, without_account, "pay_nobody_knows", paid, held, *same_referrer, own, ready]

    situations = Situations(policy, now)
    alone = [situations.decide(road.log, [payout_id])[0] for payout_id in payout_ids]
    log = CountingLog(road.log)
    assert decided_together(log, situations, payout_ids) == alone
    assert log.asked == 1
    steps = [type(each[1]) if each is not None else None for each in alone]
    assert steps[:5] == [Request, Wait, None, Finished, Wait]
    assert (
        steps[5:8]
        == {
            POLICIES[0]: [Request, Request, HoldBack],
            POLICIES[1]: [Request, HoldBack, HoldBack],
            POLICIES[2]: [Request, Request, Request],
        }[policy]
    )


def test_many_take_no_more_reads_than_one(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    payout_ids = [road.owe() for _ in range(20)]
    reads: list[str] = []

    def counting(name: str) -> Callable[..., Any]:
        read = getattr(road.log, name)

        def counted(*args: Any) -> Any:
            reads.append(name)
            return read(*args)

        return counted

    for name in ("read", "read_last"):
        monkeypatch.setattr(road.log, name, counting(name))
    situations = Situations(PAY_AT_ONCE, now)
    situations.decide(road.log, payout_ids[:1])
    alone, reads[:] = list(reads), []
    situations.decide(road.log, payout_ids)
    assert reads == alone


def test_who_comes_while_others_are_read_is_decided_on_next(road: Road) -> None:
    payout_ids = [road.owe() for _ in range(5)]
    log = CountingLog(road.log)

    async def ask() -> list[Decision]:
        decisions = Decisions(log, Situations(PAY_AT_ONCE, now))
        first = asyncio.create_task(decisions.on(payout_ids[0]))
        await log.was_asked.wait()
        return [await first, *await asyncio.gather(*map(decisions.on, payout_ids[1:]))]

    assert [each is not None and each[0].payout.bonus.payout_id for each in asyncio.run(ask())] == payout_ids
    assert log.asked == 2


def test_a_defect_that_one_meets_is_told_to_nobody_else(road: Road) -> None:
    sound, odd, other = (road.owe() for _ in range(3))

    class Stumbles(Situations):
        def decide(self, log: EventLog, payout_ids: Sequence[str]) -> list[Decision]:
            if odd in payout_ids:
                raise LookupError(odd)
            return super().decide(log, payout_ids)

    told = decided_together(CountingLog(road.log), Stumbles(PAY_AT_ONCE, now), [sound, odd, other])
    assert [type(each) for each in told] == [tuple, LookupError, tuple]


def test_all_are_told_that_the_database_is_away_and_asked_for_once(road: Road) -> None:
    payout_ids = [road.owe() for _ in range(3)]
    log = CountingLog(road.log, StoreUnavailable("away"))
    situations = Situations(PAY_AT_ONCE, now)
    assert {type(each) for each in decided_together(log, situations, payout_ids)} == {StoreUnavailable}
    assert log.asked == 1
    assert all(isinstance(each, tuple) for each in decided_together(log, situations, payout_ids))


def test_one_that_does_not_wait_any_longer_keeps_nobody_from_a_decision(road: Road) -> None:
    leaves, stays = road.owe(), road.owe()
    log = CountingLog(road.log)

    async def ask() -> Decision:
        decisions = Decisions(log, Situations(PAY_AT_ONCE, now))
        leaving, staying = (asyncio.create_task(decisions.on(each)) for each in (leaves, stays))
        await log.was_asked.wait()
        leaving.cancel()
        return await staying

    assert asyncio.run(ask()) is not None
