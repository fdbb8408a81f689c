"""Calls to Stripe in their turn: paced, and not at all while the breaker is open."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from ledger.payouts.breaker import Breaker
from ledger.payouts.outcome import NO_ANSWER_STATUSES, Answer, NoAnswer, TooLong
from ledger.payouts.pace import Pace
from ledger.payouts.stripe_gateway import TransferGateway

Call = Callable[[TransferGateway], Awaitable[Answer | NoAnswer]]


class StripeCalls:
    """What each answer tells of Stripe's patience sets the pace for all calls of this process."""

    def __init__(self, gateway: TransferGateway, pace: Pace, breaker: Breaker, clock: Callable[[], datetime]) -> None:
        self._gateway = gateway
        self._pace = pace
        self._breaker = breaker
        self._clock = clock

    def wait_until(self) -> datetime | None:
        """When Stripe may be called again; None: now."""
        return self._breaker.wait_until()

    async def make(self, call: Call) -> Answer | NoAnswer:
        async with self._pace.call():
            answer = await call(self._gateway)
        return self._heard(answer)

    async def make_before(self, deadline: datetime, call: Call) -> Answer | NoAnswer | None:
        """None: when its turn came it was too late, and nothing was sent. A process may sleep between decision and call."""
        async with self._pace.call():
            if self._clock() >= deadline:
                return None
            answer = await call(self._gateway)
        return self._heard(answer)

    async def read_balance(self) -> Answer | NoAnswer:
        return await self._unless_silent(lambda gateway: gateway.read_balance())

    async def list_events(self, since: int, until: int | None = None) -> Answer | NoAnswer:
        return await self._unless_silent(lambda gateway: gateway.list_events(since, until))

    async def _unless_silent(self, call: Call) -> Answer | NoAnswer:
        """For what is asked now and then beside the payouts, which look at the breaker themselves before they decide."""
        if self.wait_until() is not None:
            return NoAnswer("not asked: Stripe has not answered lately")
        return await self.make(call)

    def _heard(self, answer: Answer | NoAnswer) -> Answer | NoAnswer:
        if isinstance(answer, TooLong):
            self._breaker.answered()
            self._pace.answered()
            return answer
        if isinstance(answer, NoAnswer) or answer.status in NO_ANSWER_STATUSES:
            self._breaker.unanswered()
            return answer
        self._breaker.answered()
        if answer.status == 429:
            self._pace.slow_down(answer.rate_limited_reason)
        elif answer.status < 500:
            self._pace.answered()
        return answer
