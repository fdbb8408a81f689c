"""Carries the decisions of one payout out: read the log, decide, act, record, until there is nothing to do but wait.

A crash between any two lines here loses nothing: the intent is on the log before the call, and whoever comes next reads
the same log and decides the same. Every append is conditional on nothing else having happened to the payout.
"""

import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from eventsourcing.dcb.api import DCBQueryItem

from ledger.event_log import Appended, ConflictError, Draft
from ledger.events import (
    PLATFORM_FUNDS_TAG,
    STRIPE_CREDENTIALS_TAG,
    Event,
    Happened,
    PayoutAccountVerified,
    PayoutEvent,
    Recorded,
    StripeCredentialsAccepted,
    StripeCredentialsRejected,
    TransferFailed,
    TransferOutcomeUnknown,
    TransferRequested,
    TransferSettled,
    UnknownKind,
    payout_tag,
)
from ledger.history import about
from ledger.payouts import payout as payouts
from ledger.payouts.next_step import CheckAccount, Finished, LookUp, Platform, Request, Send, Step, Wait, next_step
from ledger.payouts.outcome import (
    Answer,
    CredentialsRejected,
    Declined,
    NoAnswer,
    Outcome,
    Settled,
    Transfer,
    TryLater,
    Unknown,
    discharges,
    judge,
    transfer_of,
)
from ledger.payouts.pace import Pace
from ledger.payouts.payout import Payout
from ledger.payouts.stripe_gateway import TransferGateway
from ledger.reasons import Reason
from ledger.referrals import payout_account
from ledger.referrals.payout_account import Account

ACTOR = "payout-process"
TRY_LATER_SECONDS = (1.0, 5.0)
STEPS_AT_MOST = 20

alarm = structlog.get_logger("ledger.alarm")


class AsyncLog(Protocol):
    """The event log as coroutines: on threads in production, in virtual time in the simulation."""

    async def read(self, boundary: Iterable[DCBQueryItem]) -> tuple[list[Recorded], int]: ...

    async def read_last(self, item: DCBQueryItem) -> Recorded | None: ...

    async def append(self, drafts: Sequence[Draft], boundary: Iterable[DCBQueryItem], *, after: int) -> Appended: ...


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a decision depends on, and what is needed to append to it."""

    payout: Payout
    account: Account | None
    platform: Platform
    head: int
    newest: Recorded


class PayoutProcess:
    """Advances payouts. Any number may run at once; correctness rests on the log and on Stripe's idempotency keys."""

    def __init__(self, log: AsyncLog, gateway: TransferGateway, pace: Pace, clock: Callable[[], datetime]) -> None:
        self._log = log
        self._gateway = gateway
        self._pace = pace
        self._clock = clock

    async def advance(self, payout_id: str) -> Wait | Finished:
        """Do what can be done for this payout now. Returns what it waits for."""
        for _ in range(STEPS_AT_MOST):
            situation = await self._situation(payout_id)
            if situation is None:
                return Finished()  # no such obligation on the log
            step = next_step(situation.payout, situation.account, situation.platform, self._clock())
            try:
                result = await self._carry_out(step, situation)
            except ConflictError:
                continue  # somebody else moved this payout on: read again
            if result is not None:
                return result
        return Wait(Reason.QUEUED, self._clock() + timedelta(seconds=TRY_LATER_SECONDS[1]))

    async def _carry_out(self, step: Step, situation: Situation) -> Wait | Finished | None:
        """One step. None: it moved the payout on, so there is a new decision to take."""
        match step:
            case Finished() | Wait():
                return step
            case Request(intent=intent):
                return await self._request_and_send(situation, intent)
            case Send(request=request):
                return await self._send(request, str(situation.newest.event_id), situation.head, repeated=True)
            case LookUp():
                return await self._look_up(situation, step)
            case CheckAccount():
                return await self._check_account(situation, step)

    async def _situation(self, payout_id: str) -> Situation | None:
        events, head = await self._log.read([about(payout_tag(payout_id))])
        payout = payouts.fold(events)
        if payout is None:
            return None
        updates, _ = await self._log.read([payout_account.account_boundary(payout.bonus.referrer_id)])
        return Situation(payout, payout_account.fold(updates), await self.platform(), head, events[-1])

    async def platform(self) -> Platform:
        """What concerns all payouts at once."""
        funds = await self._log.read_last(about(PLATFORM_FUNDS_TAG))
        credentials = await self._log.read_last(about(STRIPE_CREDENTIALS_TAG))
        rejected = credentials is not None and isinstance(credentials.event, StripeCredentialsRejected)
        return Platform(
            funds_position=funds.position if funds else 0,
            credentials_rejected_at=credentials.recorded_at if credentials is not None and rejected else None,
        )

    async def _request_and_send(self, situation: Situation, intent: TransferRequested) -> Wait | Finished | None:
        boundary = [
            about(payout_tag(intent.payout_id)),
            payout_account.account_boundary(intent.referrer_id),  # the destination is still the newest one
        ]
        draft = self._draft(intent, str(situation.newest.event_id))
        appended = await self._log.append([draft], boundary, after=situation.head)
        return await self._send(intent, str(appended.event_ids[-1]), appended.last_position, repeated=False)

    async def _send(
        self, request: TransferRequested, cause: str, head: int, *, repeated: bool
    ) -> Wait | Finished | None:
        answer = await self._call(lambda: self._gateway.create_transfer(request))
        outcome = judge(request, answer, repeated=repeated)
        match outcome:
            case TryLater():
                return Wait(Reason.TRANSFER_IN_PROGRESS, self._soon())
            case CredentialsRejected():
                return await self._credentials_rejected()
            case Settled(transfer=transfer, replayed=replayed):
                return await self._settle(settled(request, transfer, replayed=replayed, adopted=False), cause, head)
            case Unknown(kind=UnknownKind.KEY_MISUSE, detail=detail):
                alarm.critical("stripe_key_misused", payout_id=request.payout_id, detail=detail)
        await self._record(outcome_event(request, outcome), cause, head)
        return None

    async def _call(self, call: Callable[[], Awaitable[Answer | NoAnswer]]) -> Answer | NoAnswer:
        """A call to Stripe in its turn; what it tells of Stripe's patience sets the pace for all."""
        async with self._pace.call():
            answer = await call()
        if isinstance(answer, Answer) and answer.status == 429:
            self._pace.slow_down()
        elif isinstance(answer, Answer) and answer.status < 500:
            self._pace.answered()
        return answer

    async def _settle(self, event: TransferSettled, cause: str, head: int) -> Finished:
        """Record that money moved. Whatever else was recorded about the payout meanwhile: this is never dropped."""
        while True:
            try:
                await self._record(event, cause, head)
                return Finished()
            except ConflictError:
                events, head = await self._log.read([about(payout_tag(event.payout_id))])
            known = [each.event for each in events if isinstance(each.event, TransferSettled)]
            if known:
                if known[-1].transfer_id != event.transfer_id:
                    alarm.critical("paid_twice", payout_id=event.payout_id, transfer_id=event.transfer_id)
                return Finished()

    async def _look_up(self, situation: Situation, step: LookUp) -> Wait | Finished | None:
        request = step.request
        answer = await self._call(lambda: self._gateway.list_transfers(request.transfer_group))
        if _rejects_credentials(answer):
            return await self._credentials_rejected()
        found = _transfers_in(answer)
        ours = [transfer for transfer in found if discharges(transfer, request)]
        if len(found) > len(ours) or len(ours) > 1:
            alarm.error("stripe_holds_unexpected_transfers", payout_id=request.payout_id, found=len(found))
        if not ours:
            return Wait(step.reason, step.again_at)
        adopted = settled(request, ours[-1], replayed=False, adopted=True)
        return await self._settle(adopted, str(situation.newest.event_id), situation.head)

    async def _check_account(self, situation: Situation, step: CheckAccount) -> Wait | None:
        answer = await self._call(lambda: self._gateway.read_account(step.stripe_account_id))
        if _rejects_credentials(answer):
            return await self._credentials_rejected()
        if not _can_receive_transfers(answer):
            return Wait(Reason.ACCOUNT_DECLINED, step.again_at)
        bonus = situation.payout.bonus
        verified = PayoutAccountVerified(
            payout_id=bonus.payout_id,
            referral_id=bonus.referral_id,
            referrer_id=bonus.referrer_id,
            stripe_account_id=step.stripe_account_id,
        )
        await self._record(verified, str(situation.newest.event_id), situation.head)
        return None

    async def _record(self, event: PayoutEvent, cause: str, head: int) -> None:
        await self._log.append([self._draft(event, cause)], [about(payout_tag(event.payout_id))], after=head)

    def _draft(self, event: PayoutEvent, cause: str) -> Draft:
        return Draft(Happened(event, self._clock()), ACTOR, causation_id=cause, correlation_id=event.referral_id)

    def _soon(self) -> datetime:
        return self._clock() + timedelta(seconds=random.uniform(*TRY_LATER_SECONDS))  # noqa: S311 - spreads load

    async def _credentials_rejected(self) -> Wait:
        if await self._record_once(StripeCredentialsRejected()):
            alarm.critical("stripe_credentials_rejected", action="mend STRIPE_API_KEY; payouts go on by themselves")
        return Wait(Reason.STRIPE_CREDENTIALS_REJECTED)

    async def probe_credentials(self) -> None:
        """If Stripe had rejected our key, see whether it is taken by now, and if so let everything go on."""
        if (await self.platform()).credentials_rejected_at is None:
            return
        answer = await self._gateway.read_balance()
        # 403: a restricted key that is taken, and may not read the balance.
        is_taken = isinstance(answer, Answer) and (answer.status < 300 or answer.status == 403)
        if is_taken and await self._record_once(StripeCredentialsAccepted()):
            alarm.warning("stripe_credentials_accepted")

    async def _record_once(self, event: Event) -> bool:
        """Record a change of the credentials' state; False if the log already says so."""
        about_credentials = about(STRIPE_CREDENTIALS_TAG)
        newest = await self._log.read_last(about_credentials)
        if newest is not None and type(newest.event) is type(event):
            return False
        draft = Draft(Happened(event, self._clock()), ACTOR, causation_id="stripe", correlation_id=None)
        try:
            await self._log.append([draft], [about_credentials], after=newest.position if newest else 0)
        except ConflictError:
            return False
        return True


def outcome_event(
    request: TransferRequested, outcome: Outcome
) -> TransferSettled | TransferFailed | TransferOutcomeUnknown:
    """What is recorded for a definitive or an unknown outcome."""
    match outcome:
        case Settled(transfer=transfer, replayed=replayed):
            return settled(request, transfer, replayed=replayed, adopted=False)
        case Declined():
            return TransferFailed(
                payout_id=request.payout_id,
                referral_id=request.referral_id,
                referrer_id=request.referrer_id,
                attempt=request.attempt,
                kind=outcome.kind,
                stripe_code=outcome.stripe_code,
                http_status=outcome.http_status,
                message=outcome.message,
                request_id=outcome.request_id,
            )
        case Unknown():
            return TransferOutcomeUnknown(
                payout_id=request.payout_id,
                referral_id=request.referral_id,
                referrer_id=request.referrer_id,
                attempt=request.attempt,
                kind=outcome.kind,
                detail=outcome.detail,
                request_id=outcome.request_id,
            )
        case _:
            raise TypeError(f"{outcome!r} resolves nothing and is not recorded")


def settled(request: TransferRequested, transfer: Transfer, *, replayed: bool, adopted: bool) -> TransferSettled:
    return TransferSettled(
        payout_id=request.payout_id,
        referral_id=request.referral_id,
        referrer_id=request.referrer_id,
        attempt=request.attempt,
        transfer_id=transfer.transfer_id,
        amount_minor=transfer.amount_minor,
        currency=transfer.currency,
        destination=transfer.destination,
        replayed=replayed,
        adopted=adopted,
    )


def _rejects_credentials(answer: Answer | NoAnswer) -> bool:
    return isinstance(answer, Answer) and answer.status == 401


def _transfers_in(answer: Answer | NoAnswer) -> list[Transfer]:
    if isinstance(answer, NoAnswer) or answer.status >= 300 or answer.body is None:
        return []
    return [transfer for item in answer.body.get("data", ()) if (transfer := transfer_of(item)) is not None]


def _can_receive_transfers(answer: Answer | NoAnswer) -> bool:
    if isinstance(answer, NoAnswer) or answer.status >= 300 or answer.body is None:
        return False
    return bool((answer.body.get("capabilities") or {}).get("transfers") == "active")
