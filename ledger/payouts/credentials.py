"""Whether Stripe takes our API key. One alarm for all payouts, on the log, and one probe that lets all of them go on."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import structlog

from ledger.event_log import ConflictError, Draft, EventLog
from ledger.events import (
    STRIPE_CREDENTIALS_TAG,
    Event,
    Happened,
    StripeCredentialsAccepted,
    StripeCredentialsRejected,
)
from ledger.history import about
from ledger.payouts.async_log import ACTOR, AsyncLog
from ledger.payouts.outcome import Answer, NoAnswer

BOUNDARY = about(STRIPE_CREDENTIALS_TAG)

alarm = structlog.get_logger("ledger.alarm")


class BalanceReader(Protocol):
    """The cheapest call that shows whether our API key is taken."""

    async def read_balance(self) -> Answer | NoAnswer: ...


def rejected_at(log: EventLog) -> datetime | None:
    """Since when Stripe refuses our key; None: it takes it, as far as we know."""
    newest = log.read_last(BOUNDARY)
    return newest.recorded_at if newest is not None and isinstance(newest.event, StripeCredentialsRejected) else None


class Credentials:
    def __init__(self, log: AsyncLog, stripe: BalanceReader, clock: Callable[[], datetime]) -> None:
        self._log = log
        self._stripe = stripe
        self._clock = clock

    async def rejected(self) -> None:
        """Stripe answered 401: record it and raise the alarm, once."""
        if await self._record(StripeCredentialsRejected()):
            alarm.critical("stripe_credentials_rejected", action="mend STRIPE_API_KEY; payouts go on by themselves")

    async def probe(self) -> None:
        """If Stripe had rejected our key, see whether it is taken by now, and if so let everything go on."""
        if await self._log.ask(rejected_at) is None:
            return
        answer = await self._stripe.read_balance()
        # 403: a restricted key that is taken, and may not read the balance.
        is_taken = isinstance(answer, Answer) and (answer.status < 300 or answer.status == 403)
        if is_taken and await self._record(StripeCredentialsAccepted()):
            alarm.warning("stripe_credentials_accepted")

    async def _record(self, event: Event) -> bool:
        """False if the log already says so."""
        newest = await self._log.read_last(BOUNDARY)
        if newest is not None and type(newest.event) is type(event):
            return False
        draft = Draft(Happened(event, self._clock()), ACTOR, causation_id="stripe", correlation_id=None)
        try:
            await self._log.append([draft], [BOUNDARY], after=newest.position if newest else 0)
        except ConflictError:
            return False
        return True
