"""Broken variants of the payout process, each the mistake that somebody could make. The simulation has to catch every one.

A mutant is a context manager: inside it the process is broken, afterwards it is whole again. Say in one line what is wrong.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from typing import Any

from ledger import identifiers
from ledger.event_log import Appended, ConflictError
from ledger.events import FailureKind, TransferRequested, TransferSettled
from ledger.payouts import actions, todo
from ledger.payouts import next_step as deciding
from ledger.payouts import process as carrying_out
from ledger.payouts import search as searching
from ledger.payouts import worker as working
from ledger.payouts.credentials import Credentials
from ledger.payouts.intents import transfer_intent
from ledger.payouts.outcome import Answer, Declined, NoAnswer, Outcome, judge
from ledger.payouts.outcome_events import outcome_event
from ledger.payouts.payout import Payout, Unresolved
from ledger.payouts.process import PayoutProcess
from ledger.payouts.situation import Situation
from ledger.payouts.steps import Cancel, Finished, LookUp, Request, Step, Wait
from ledger.payouts.worker import ThreadedLog
from ledger.program import INITIAL_TERMS
from ledger.reasons import Reason
from ledger.referrals.payout_account import Account
from tests.simulation.storage import InMemoryTodoList

Mutant = Callable[[], AbstractContextManager[None]]
MUTANTS: dict[str, Mutant] = {}


def mutant(build: Callable[[], Mapping[tuple[object, str], object]]) -> Mutant:
    """Register a function that says which attributes to replace, and by what."""

    @contextmanager
    def broken() -> Iterator[None]:
        replaced: list[tuple[object, str, object]] = []
        for (owner, name), value in build().items():
            replaced.append((owner, name, getattr(owner, name)))
            setattr(owner, name, value)
        try:
            yield
        finally:
            for owner, name, value in reversed(replaced):
                setattr(owner, name, value)

    MUTANTS[build.__name__] = broken
    return broken


@mutant
def a_new_key_after_a_timeout() -> Mapping[tuple[object, str], object]:
    """No answer is read as no transfer."""
    resolve = deciding._resolve

    def impatient(payout: Payout, unresolved: Unresolved, now: datetime) -> Step:
        if unresolved.unanswered:
            return Request(transfer_intent(payout, payout.attempt + 1, unresolved.request.destination))
        return resolve(payout, unresolved, now)

    return {(deciding, "_resolve"): impatient}


@mutant
def the_same_key_for_a_week() -> Mapping[tuple[object, str], object]:
    """The known defect of what the ledger replaces."""
    week = timedelta(days=7)
    return {(deciding, "KEY_WINDOW"): week, (carrying_out, "KEY_WINDOW"): week}


@mutant
def the_intent_after_the_call() -> Mapping[tuple[object, str], object]:
    """Stripe is called first, and the log is told afterwards."""
    send = PayoutProcess._request_and_send

    async def hasty(self: PayoutProcess, situation: Situation, intent: TransferRequested) -> Any:
        await self._calls.make(lambda gateway: gateway.create_transfer(intent))
        return await send(self, situation, intent)

    return {(PayoutProcess, "_request_and_send"): hasty}


@mutant
def done_before_the_outcome_is_on_the_log() -> Mapping[tuple[object, str], object]:
    """Stripe said yes, so the payout is struck off the list; that it was paid is never recorded."""

    async def forgetful(_self: PayoutProcess, _event: TransferSettled, _cause: str, _head: int) -> Finished:
        return Finished()

    return {(PayoutProcess, "_settle"): forgetful}


def _declined_at(status: int) -> Mapping[tuple[object, str], object]:
    def hasty(request: TransferRequested, answer: Answer | NoAnswer, *, repeated: bool) -> Outcome:
        if isinstance(answer, Answer) and answer.status == status and (repeated or status != 429):
            return Declined(FailureKind.INSUFFICIENT_FUNDS, None, status, "", None)
        return judge(request, answer, repeated=repeated)

    return {(carrying_out, "judge"): hasty}


@mutant
def a_409_is_a_decline() -> Mapping[tuple[object, str], object]:
    """The key is in use, and another one is taken."""
    return _declined_at(409)


@mutant
def a_500_is_a_decline() -> Mapping[tuple[object, str], object]:
    """Something broke at Stripe, so nothing can have happened."""
    return _declined_at(500)


@mutant
def a_429_resolves_an_unknown() -> Mapping[tuple[object, str], object]:
    """The repetition was refused, so the first sending did not work either."""
    return _declined_at(429)


@mutant
def a_conflict_is_ignored() -> Mapping[tuple[object, str], object]:
    """Somebody moved the payout on while the intent was being appended; it is sent anyway."""
    append = PayoutProcess._request_and_send

    async def stubborn(self: PayoutProcess, situation: Situation, intent: TransferRequested) -> Any:
        try:
            return await append(self, situation, intent)
        except ConflictError:
            until = situation.payout.earned_at + timedelta(days=100)
            return await self._send(intent, situation.cause, situation.head, repeated=False, until=until)

    return {(PayoutProcess, "_request_and_send"): stubborn}


@mutant
def appends_have_no_condition() -> Mapping[tuple[object, str], object]:
    """What others recorded meanwhile does not matter."""
    append = ThreadedLog.append

    async def careless(self: ThreadedLog, drafts: Any, _boundary: Any, *, after: int) -> Appended:
        return await append(self, drafts, [], after=1_000_000 + after)

    return {(ThreadedLog, "append"): careless}


@mutant
def wake_ups_during_a_lease_are_forgotten() -> Mapping[tuple[object, str], object]:
    """Putting a payout back overwrites that it was woken while it was worked on."""
    put_back = InMemoryTodoList.put_back

    def forgetful(self: InMemoryTodoList, claim: Any, waiting_for: Reason, due_at: Any) -> None:
        if claim.payout_id in self.rows:
            self.rows[claim.payout_id].wakeups = claim.wakeups
        put_back(self, claim, waiting_for, due_at)

    return {(InMemoryTodoList, "put_back"): forgetful}


@mutant
def the_checkpoint_moves_before_the_work() -> Mapping[tuple[object, str], object]:
    """The follower of the log dies between its two transactions, and a batch was never taken in."""

    def hasty(self: InMemoryTodoList, changes: Any, owners: set[str], position: int) -> None:
        self.checkpoint = position
        self._trouble.may_lose_connection()
        self._apply(changes, owners)

    return {(InMemoryTodoList, "_take_in"): hasty}


@mutant
def leases_never_run_out() -> Mapping[tuple[object, str], object]:
    """What a dead worker had claimed stays claimed."""
    claim = InMemoryTodoList.claim
    return {(InMemoryTodoList, "claim"): lambda self, limit, _lease_seconds=0.0: claim(self, limit, 1e9)}


@mutant
def rejected_credentials_are_not_recorded() -> Mapping[tuple[object, str], object]:
    """The breaker opens for this payout only, and nobody closes it."""

    async def forgetful(_self: Credentials) -> None:
        return

    return {(Credentials, "rejected"): forgetful}


@mutant
def accepted_credentials_wake_nobody() -> Mapping[tuple[object, str], object]:
    """The breaker closes, and those who waited for that are not told."""
    of = todo.Changes.of

    def deaf(events: Any) -> todo.Changes:
        changes = of(events)
        changes.solved.discard(Reason.STRIPE_CREDENTIALS_REJECTED)
        return changes

    return {(todo.Changes, "of"): staticmethod(deaf)}


@mutant
def anything_in_the_group_is_adopted() -> Mapping[tuple[object, str], object]:
    """A transfer that is found is taken for ours without a look at what it says."""
    return {(searching, "is_requested"): lambda _transfer, _request: True}


@mutant
def an_empty_list_proves_absence() -> Mapping[tuple[object, str], object]:
    """Not found once is not there: the attempt is closed, and a new one is made."""
    look_up = PayoutProcess._look_up

    async def gullible(self: PayoutProcess, situation: Situation, step: LookUp) -> Any:
        result = await look_up(self, situation, step)
        if not isinstance(result, Wait) or result.reason is not step.reason:
            return result
        nothing = Declined(FailureKind.INSUFFICIENT_FUNDS, None, 404, "not found", None)
        await self._records.append(outcome_event(step.request, nothing), situation.cause, situation.head)
        return None

    return {(PayoutProcess, "_look_up"): gullible}


@mutant
def one_search_is_enough() -> Mapping[tuple[object, str], object]:
    """Absence is confirmed by the first search that finds nothing, however early."""
    return {(actions, "SEARCHES_NEEDED"): 1, (actions, "SEARCHES_APART"): timedelta(0)}


@mutant
def every_attempt_has_the_same_key() -> Mapping[tuple[object, str], object]:
    """A declined attempt is repeated under the key that holds its decline."""
    return {(identifiers, "idempotency_key"): lambda payout_id, _attempt: f"payout:{payout_id}:a1"}


@mutant
def a_decline_is_never_tried_again() -> Mapping[tuple[object, str], object]:
    """Declined once, waiting for ever."""
    return {(deciding, "_after_failure"): lambda *_: Wait(Reason.INSUFFICIENT_FUNDS)}


@mutant
def the_amount_of_todays_terms() -> Mapping[tuple[object, str], object]:
    """What is paid is what a bonus is worth now, not what it was worth when it was earned."""

    def forgetful(payout: Payout, attempt: int, destination: str) -> TransferRequested:
        promised = transfer_intent(payout, attempt, destination)
        return promised.model_copy(update={"amount_minor": INITIAL_TERMS.standard_bonus_minor})

    return {(deciding, "transfer_intent"): forgetful}


@mutant
def no_preflight() -> Mapping[tuple[object, str], object]:
    """The account is not looked at before it is paid."""

    def blind(payout: Payout, account: Account | None) -> Request | Wait:
        if account is None:
            return Wait(Reason.NO_PAYOUT_ACCOUNT)
        return Request(transfer_intent(payout, payout.attempt + 1, account.stripe_account_id))

    return {(deciding, "_preflight"): blind}


@mutant
def a_hold_holds_nothing() -> Mapping[tuple[object, str], object]:
    """A payout that a person holds is tried all the same."""
    decide = deciding._ungated

    def deaf(payout: Payout, *situation: Any) -> Step:
        return decide(payout.model_copy(update={"hold": None}), *situation)

    return {(deciding, "_ungated"): deaf}


@mutant
def one_person_is_two() -> Mapping[tuple[object, str], object]:
    """Whoever asks for it may approve it."""
    decide = actions.decide_approval

    def careless(payout: Payout, *, actor: str, **decision: Any) -> Any:
        return decide(payout, actor=f"{actor} again", **decision)

    return {(actions, "decide_approval"): careless}


@mutant
def cancelled_while_in_flight() -> Mapping[tuple[object, str], object]:
    """A cancellation does not wait for the outcome of the attempt."""
    decide = deciding._ungated

    def hasty(payout: Payout, *situation: Any) -> Step:
        if payout.granted == "cancel" and payout.settlement is None and not payout.is_final:
            return Cancel("at once")
        return decide(payout, *situation)

    return {(deciding, "_ungated"): hasty}


@mutant
def a_lost_database_ends_the_work() -> Mapping[tuple[object, str], object]:
    """A worker that lost the database does not come back."""
    return {(working, "DATABASE_ERRORS"): (ZeroDivisionError,)}
