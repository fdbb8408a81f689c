"""Taking money back: an approved reversal, and what Stripe shows of reversals made elsewhere.

Reversing what is left of one transfer cannot be done twice: Stripe refuses to reverse more than there is. Still the intent
comes first, under a key of its own, and the amount that came back is read from the transfer itself, with its date.
"""

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from ledger.events import (
    AboutPayout,
    ReversalFailed,
    ReversalRequested,
    TransferConfirmed,
    TransferReversed,
    TransferSettled,
)
from ledger.payouts.calls import StripeCalls
from ledger.payouts.credentials import Credentials
from ledger.payouts.outcome import (
    MESSAGE_LENGTH,
    NO_ANSWER_STATUSES,
    Answer,
    NoAnswer,
    Reversal,
    came_back,
    error_of,
    moment_between,
    moment_of,
    transfer_of,
)
from ledger.payouts.payout import Payout
from ledger.payouts.permissions import Permissions, lack_of_permission, refusal_of
from ledger.payouts.recording import PayoutRecords
from ledger.payouts.situation import Situation
from ledger.payouts.steps import CheckTransfer, Finished, Wait
from ledger.reasons import Reason

AGAIN_SECONDS = (5.0, 30.0)


class Reversals:
    def __init__(
        self,
        calls: StripeCalls,
        records: PayoutRecords,
        credentials: Credentials,
        permissions: Permissions,
        clock: Callable[[], datetime],
    ) -> None:
        self._calls = calls
        self._records = records
        self._credentials = credentials
        self._permissions = permissions
        self._clock = clock

    async def request_and_send(self, situation: Situation, intent: ReversalRequested) -> Wait | Finished | None:
        appended = await self._records.append(intent, situation.cause, situation.head)
        return await self.send(intent, situation, str(appended.event_ids[-1]), appended.last_position)

    async def send(
        self, request: ReversalRequested, situation: Situation, cause: str, head: int
    ) -> Wait | Finished | None:
        """Ask for it. Whatever is not a definitive answer is asked again under the same key, or read off the transfer."""
        answer = await self._calls.make(lambda gateway: gateway.create_reversal(request))
        if (refusal := lack_of_permission(answer)) is not None:
            self._permissions.refused("sending", refusal)
        if isinstance(answer, NoAnswer) or answer.status in NO_ANSWER_STATUSES | {409, 429} or answer.body is None:
            return self._again()
        if answer.status == 401:
            return await self._credentials_rejected()
        if answer.status < 300:
            if (answer.body.get("object"), answer.body.get("amount")) != ("transfer_reversal", request.amount_minor):
                return self._again()  # not Stripe's answer
            # Replayed, it was carried out when this was asked for first.
            at = moment_of(answer.body.get("created")) if answer.replayed else None
            await self._record(situation, [Reversal(request.amount_minor, at)], cause, head)
            return None
        return await self._read_off(situation, request.transfer_id, cause, head, declined=(request, answer))

    async def check(self, situation: Situation, step: CheckTransfer) -> Wait | Finished | None:
        """Read the transfer, and record what came back of it since."""
        reversal = situation.payout.reversal
        overdue = (reversal.request, None) if reversal is not None else None
        return await self._read_off(situation, step.transfer_id, situation.cause, situation.head, declined=overdue)

    async def _read_off(
        self,
        situation: Situation,
        transfer_id: str,
        cause: str,
        head: int,
        declined: tuple[ReversalRequested, Answer | None] | None,
    ) -> Wait | Finished | None:
        answer = await self._calls.make(lambda gateway: gateway.read_transfer(transfer_id))
        if isinstance(answer, Answer) and answer.status == 401:
            return await self._credentials_rejected()
        if (refusal := refusal_of(answer)) is not None:
            self._permissions.refused("transfer", refusal)
        transfer = transfer_of(answer.body) if isinstance(answer, Answer) and answer.body is not None else None
        if transfer is None:
            return self._again()
        self._permissions.granted("transfer")
        payout = situation.payout
        if more := came_back(transfer, payout.reversed_minor):
            await self._record(situation, more, cause, head)
        elif declined is not None:
            await self._records.append(_failed(*declined), cause, head)
        else:
            confirmed = TransferConfirmed.of(payout.bonus, transfer_id=_settlement(payout).transfer_id)
            await self._records.append(confirmed, cause, head)
        return None

    async def _record(self, situation: Situation, reversals: Sequence[Reversal], cause: str, head: int) -> None:
        """Each when it happened, so that the books have it in its month; all at once, since nobody would tell the rest again."""
        payout, now = situation.payout, self._clock()
        settlement, total_minor = _settlement(payout), payout.reversed_minor
        happened: list[tuple[AboutPayout, datetime]] = []
        for each in reversals:
            total_minor += each.amount_minor
            event = TransferReversed.of(
                payout.bonus,
                transfer_id=settlement.transfer_id,
                amount_minor=each.amount_minor,
                total_reversed_minor=total_minor,
                currency=settlement.currency,
            )
            happened.append((event, moment_between(situation.settled_at or now, each.created_at, now)))
        await self._records.append_all(happened, cause, head)

    def _again(self) -> Wait:
        pause = timedelta(seconds=random.uniform(*AGAIN_SECONDS))  # noqa: S311 - spreads load
        return Wait(Reason.REVERSAL_IN_PROGRESS, self._clock() + pause)

    async def _credentials_rejected(self) -> Wait:
        await self._credentials.rejected()
        return Wait(Reason.STRIPE_CREDENTIALS_REJECTED)


def _settlement(payout: Payout) -> TransferSettled:
    if payout.settlement is None:
        raise ValueError(f"{payout.payout_id} has no transfer to take back")
    return payout.settlement


def _failed(request: ReversalRequested, answer: Answer | None) -> ReversalFailed:
    """Declined, or never answered within the key's window while the transfer shows that nothing came back."""
    error = error_of(answer) if answer is not None else {}
    return ReversalFailed.of(
        request,
        number=request.number,
        stripe_code=error.get("code"),
        http_status=answer.status if answer is not None else 0,
        message=str(error.get("message") or "no answer, and nothing came back")[:MESSAGE_LENGTH],
        request_id=answer.request_id if answer is not None else None,
    )
