"""Carries the decisions of one payout out: read the log, decide, act, record, until there is nothing to do but wait.

A crash between any two lines here loses nothing: the intent is on the log before the call, and whoever comes next reads
the same log and decides the same. Every append is conditional on nothing else having happened to the payout.
"""

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from ledger.event_log import ConflictError
from ledger.events import (
    PayoutAccountVerified,
    PayoutHeld,
    TransferMismatched,
    TransferNotFound,
    TransferNoticed,
    TransferRequested,
    TransferSearchRefused,
    TransferSettled,
    UnknownKind,
    UnknownPayoutNoticed,
    payout_tag,
)
from ledger.history import about
from ledger.payouts.actions import SEARCHES_APART, cancelled
from ledger.payouts.async_log import AsyncLog
from ledger.payouts.breaker import Breaker
from ledger.payouts.calls import StripeCalls
from ledger.payouts.credentials import Credentials
from ledger.payouts.deciding import Decisions
from ledger.payouts.outcome import (
    Answer,
    CredentialsRejected,
    NoAnswer,
    Settled,
    TryLater,
    Unknown,
    happened_at,
    judge,
)
from ledger.payouts.outcome_events import outcome_event, settled
from ledger.payouts.pace import Pace
from ledger.payouts.payout import Payout
from ledger.payouts.permissions import Permissions, lack_of_permission
from ledger.payouts.policy import PAY_AT_ONCE, Policy
from ledger.payouts.recording import PayoutRecords
from ledger.payouts.reversals import Reversals
from ledger.payouts.schedule import KEY_WINDOW
from ledger.payouts.search import CannotSearch, Disagrees, Found, NotFound, search
from ledger.payouts.situation import Situation, Situations
from ledger.payouts.steps import (
    WITHOUT_STRIPE,
    Cancel,
    CheckAccount,
    CheckTransfer,
    Finished,
    HoldBack,
    LookUp,
    Request,
    RequestReversal,
    Send,
    SendReversal,
    Step,
    TakeUp,
    Wait,
)
from ledger.payouts.stripe_gateway import TransferGateway
from ledger.reasons import Reason
from ledger.referrals import payout_account

TRY_LATER_SECONDS = (1.0, 5.0)
STEPS_AT_MOST = 20

alarm = structlog.get_logger("ledger.alarm")


class PayoutProcess:
    """Advances payouts. Any number may run at once; correctness rests on the log and on Stripe's idempotency keys."""

    def __init__(
        self,
        log: AsyncLog,
        gateway: TransferGateway,
        pace: Pace,
        clock: Callable[[], datetime],
        policy: Policy = PAY_AT_ONCE,
    ) -> None:
        self._log = log
        self._clock = clock
        self.pace = pace
        self.calls = StripeCalls(gateway, pace, Breaker(clock), clock)
        self._records = PayoutRecords(log, clock)
        self.credentials = Credentials(log, self.calls, clock)
        self._decisions = Decisions(log, Situations(policy, clock))
        self._permissions = Permissions()
        self._reversals = Reversals(self.calls, self._records, self.credentials, self._permissions, clock)

    async def advance(self, payout_id: str) -> Wait | Finished:
        """Do what can be done for this payout now. Returns what it waits for."""
        for _ in range(STEPS_AT_MOST):
            decided = await self._decisions.on(payout_id)
            if decided is None:
                return Finished()  # no such obligation on the log
            situation, step = decided
            if not isinstance(step, WITHOUT_STRIPE) and (until := self.calls.wait_until()) is not None:
                return Wait(Reason.STRIPE_UNAVAILABLE, until + self._jitter())
            try:
                result = await self._carry_out(step, situation)
            except ConflictError:
                continue  # somebody else moved this payout on: read again
            if result is not None:
                return result
        return Wait(Reason.QUEUED, self._clock() + self._jitter())

    async def _carry_out(self, step: Step, situation: Situation) -> Wait | Finished | None:
        """One step. None: it moved the payout on, so there is a new decision to take."""
        match step:
            case Finished() | Wait():
                return step
            case Request(intent=intent):
                return await self._request_and_send(situation, intent)
            case Send():
                return await self._send_again(situation, step)
            case LookUp():
                return await self._look_up(situation, step)
            case TakeUp(notices=notices):
                await self._take_up(situation, notices)
                return None
            case CheckAccount():
                return await self._check_account(situation, step)
            case HoldBack(reason=reason, note=note):
                held = PayoutHeld.of(situation.payout.bonus, reason=reason, note=note)
                await self._records.append(held, situation.cause, situation.head)
                return None
            case Cancel(note=note):
                await self._records.append(cancelled(situation.payout, note), situation.cause, situation.head)
                return None
            case RequestReversal(intent=reversal):
                return await self._reversals.request_and_send(situation, reversal)
            case SendReversal(request=reversal):
                return await self._reversals.send(reversal, situation, situation.cause, situation.head)
            case CheckTransfer():
                return await self._reversals.check(situation, step)

    async def _request_and_send(self, situation: Situation, intent: TransferRequested) -> Wait | Finished | None:
        # The destination is still the newest one when the intent is recorded.
        account = payout_account.account_boundary(intent.referrer_id)
        until = self._clock() + KEY_WINDOW
        appended = await self._records.append(intent, situation.cause, situation.head, account)
        cause, head = str(appended.event_ids[-1]), appended.last_position
        return await self._send(situation.payout, intent, cause, head, repeated=False, until=until)

    async def _send_again(self, situation: Situation, step: Send) -> Wait | Finished | None:
        """If nobody has said yet what became of the first sending, that goes on the log before the key is used again: whoever
        sent it may still be waiting for its answer, and must not take a refusal of that one call for the end of the attempt.
        """
        cause, head = situation.cause, situation.head
        if situation.payout.phase == "requested":
            unheard = outcome_event(step.request, Unknown(UnknownKind.NO_ANSWER, "nobody has told what became of it"))
            appended = await self._records.append(unheard, cause, head)
            cause, head = str(appended.event_ids[-1]), appended.last_position
        return await self._send(situation.payout, step.request, cause, head, repeated=True, until=step.until)

    async def _send(
        self, payout: Payout, request: TransferRequested, cause: str, head: int, *, repeated: bool, until: datetime
    ) -> Wait | Finished | None:
        answer = await self.calls.make_before(until, lambda gateway: gateway.create_transfer(request))
        if answer is None:
            return None  # the key has become too old while it waited for its turn
        if (refusal := lack_of_permission(answer)) is not None:
            self._permissions.refused("sending", refusal)
        outcome = judge(request, answer, repeated=repeated)
        match outcome:
            case TryLater():
                return Wait(Reason.TRANSFER_IN_PROGRESS, self._clock() + self._jitter())
            case CredentialsRejected():
                return await self._credentials_rejected()
            case Settled(transfer=transfer, replayed=replayed):
                self._permissions.granted("sending")
                event = settled(request, transfer, replayed=replayed, adopted=False)
                occurred_at = happened_at(transfer, until - KEY_WINDOW, self._clock()) if replayed else None
                return await self._settle(payout, event, cause, head, occurred_at)
            case Unknown(kind=UnknownKind.KEY_MISUSE, detail=detail):
                alarm.critical("stripe_key_misused", payout_id=request.payout_id, detail=detail)
        await self._records.append(outcome_event(request, outcome), cause, head)
        return None

    async def _settle(
        self, payout: Payout, event: TransferSettled, cause: str, head: int, occurred_at: datetime | None
    ) -> Finished | None:
        """Record that money moved. Whatever else was recorded about the payout meanwhile: this is never dropped."""
        try:
            await self._records.append(event, cause, head, occurred_at=occurred_at)
        except ConflictError:
            await self._settle_all_the_same(event, cause, occurred_at)
            return None
        # Nothing else was recorded since it was read. What Stripe had told of the transfer by then is still to be followed up.
        return Finished(is_on_log=True) if payout.noticed_position == 0 else None

    async def _settle_all_the_same(self, event: TransferSettled, cause: str, occurred_at: datetime | None) -> None:
        while True:
            events, head = await self._log.read([about(payout_tag(event.payout_id))])
            known = [each.event for each in events if isinstance(each.event, TransferSettled)]
            if known and known[-1].transfer_id == event.transfer_id:
                return
            if known:
                # Said first: if the database is lost now, whoever reads the log next finds a settled payout, and nothing to do.
                alarm.critical("paid_twice", payout_id=event.payout_id, transfer_id=event.transfer_id)
                second = TransferMismatched.of(event, attempt=event.attempt, transfer_ids=(event.transfer_id,))
                with suppress(ConflictError):
                    await self._records.append(second, cause, head)
                    return
                continue
            with suppress(ConflictError):
                await self._records.append(event, cause, head, occurred_at=occurred_at)
                return

    async def _take_up(self, situation: Situation, notices: tuple[UnknownPayoutNoticed, ...]) -> None:
        now = self._clock()
        noticed = [
            (TransferNoticed.of(situation.payout.bonus, stripe_event_id=id_, stripe_event_type=kind), now)
            for id_, kind in {each.stripe_event_id: each.stripe_event_type for each in notices}.items()
        ]
        await self._records.append_all(noticed, situation.cause, situation.head)

    async def _look_up(self, situation: Situation, step: LookUp) -> Wait | Finished | None:
        request = step.request
        unresolved = situation.payout.unresolved
        first_sent_at = unresolved.first_sent_at if unresolved is not None else situation.owed_since
        result = await search(self.calls, request, first_sent_at)
        if isinstance(result, CannotSearch):
            return await self._credentials_rejected()
        if isinstance(result, Found):
            if result.others:
                alarm.error("stripe_holds_unexpected_transfers", payout_id=request.payout_id, others=result.others)
            adopted = settled(request, result.transfer, replayed=False, adopted=True)
            occurred_at = happened_at(result.transfer, first_sent_at, self._clock())
            return await self._settle(situation.payout, adopted, situation.cause, situation.head, occurred_at)
        if isinstance(result, Disagrees):
            found = result.transfer_ids
            if unresolved is None or unresolved.mismatched != found:
                alarm.critical("stripe_holds_another_transfer", payout_id=request.payout_id, transfer_ids=found)
            if unresolved is not None and unresolved.mismatched != found:
                mismatched = TransferMismatched.of(request, attempt=request.attempt, transfer_ids=found)
                await self._records.append(mismatched, situation.cause, situation.head)
            return Wait(Reason.TRANSFER_MISMATCHED, step.again_at)
        return await self._not_found(situation, step, result)

    async def _not_found(self, situation: Situation, step: LookUp, result: NotFound) -> Wait:
        """Only a search of all sources is worth something. One that our key may not read is a person's business: it is said."""
        for source in result.searched:
            self._permissions.granted(source)
        for source, refusal in result.refused.items():
            self._permissions.refused(source, refusal)
        request = step.request
        if result.too_long:  # it is never absent, and a person has to look: nothing else would say so
            alarm.error("stripe_lists_too_long", payout_id=request.payout_id, sources=result.too_long)
        if situation.payout.unresolved is None and self._clock() < situation.newest.recorded_at + SEARCHES_APART:
            return Wait(step.reason, step.again_at)  # lists lag behind what was told, and it is paid after this search
        if step.record and result.complete:
            nothing = TransferNotFound.of(request, attempt=request.attempt, searched=result.searched)
            await self._records.append(nothing, situation.cause, situation.head)
        elif step.record and result.refused:
            unresolved, sources = situation.payout.unresolved, tuple(result.refused)
            if unresolved is not None and unresolved.refused_sources != sources:
                said = next(iter(result.refused.values()))
                refused = TransferSearchRefused.of(request, attempt=request.attempt, sources=sources, message=said)
                await self._records.append(refused, situation.cause, situation.head)
            return Wait(Reason.SEARCH_REFUSED, step.again_at)
        return Wait(step.reason, step.again_at)

    async def _check_account(self, situation: Situation, step: CheckAccount) -> Wait | Finished | None:
        answer = await self.calls.make(lambda gateway: gateway.read_account(step.stripe_account_id))
        if isinstance(answer, Answer) and answer.status == 401:
            return await self._credentials_rejected()
        if (refusal := lack_of_permission(answer)) is not None:
            self._permissions.refused("account", refusal)
        if not _can_receive_transfers(answer):
            return Wait(Reason.ACCOUNT_DECLINED, step.again_at)
        self._permissions.granted("account")
        verified = PayoutAccountVerified.of(situation.payout.bonus, stripe_account_id=step.stripe_account_id)
        await self._records.append(verified, situation.cause, situation.head)
        return None

    async def _credentials_rejected(self) -> Wait:
        await self.credentials.rejected()
        return Wait(Reason.STRIPE_CREDENTIALS_REJECTED)

    def _jitter(self) -> timedelta:
        return timedelta(seconds=random.uniform(*TRY_LATER_SECONDS))  # noqa: S311 - spreads load


def _can_receive_transfers(answer: Answer | NoAnswer) -> bool:
    if isinstance(answer, NoAnswer) or answer.status >= 300 or answer.body is None:
        return False
    return bool((answer.body.get("capabilities") or {}).get("transfers") == "active")
