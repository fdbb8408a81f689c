"""Calls to Stripe in their turn: paced, and not at all while the breaker is open."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from ledger.payouts.breaker import Breaker
from ledger.payouts.outcome import NO_ANSWER_STATUSES, Answer, NoAnswer
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

    def _heard(self, answer: Answer | NoAnswer) -> Answer | NoAnswer:
        if isinstance(answer, NoAnswer) or answer.status in NO_ANSWER_STATUSES:
            self._breaker.unanswered()
            return answer
        self._breaker.answered()
        if answer.status == 429:
            self._pace.slow_down()
        elif answer.status < 500:
            self._pace.answered()
        return answer
