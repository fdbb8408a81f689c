"""Broken variants of the payout process, each the mistake that somebody could make. The simulation has to catch every one.

To add one: a function that says which attributes of the code are replaced and by what; its docstring says what is wrong.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ledger import identifiers
from ledger.event_log import Appended, ConflictError
from ledger.events import FailureKind, PayoutCancelled, TransferRequested, TransferSettled
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
from ledger.payouts.steps import Cancel, Finished, LookUp, Request, Send, Step, Wait
from ledger.payouts.worker import ThreadedLog
from ledger.program import INITIAL_TERMS
from ledger.reasons import Reason
from ledger.referrals.payout_account import Account
from sandbox.stripe_twin import Fault
from tests.simulation.plan import DAY, HOUR, SCENARIOS, Plan, Spell, draw
from tests.simulation.replaced import replaced
from tests.simulation.simulation import Report, simulate
from tests.simulation.todo_list import InMemoryTodoList

Changes = Mapping[tuple[object, str], object]
"""Which attributes are replaced, and by what."""


@dataclass(frozen=True)
class Mutant:
    """`focus` is what a plan has to be like for the mistake to show soon; without it, more seeds would find it too.

    `first_seed` is where the search for a world that shows it begins: worlds before it take long, and show nothing.
    """

    changes: Callable[[], Changes]
    focus: Mapping[str, Any]
    first_seed: int

    def simulate(self, seed: int) -> Report:
        with replaced(self.changes()):
            return simulate(self.plan(seed))

    def plan(self, seed: int) -> Plan:
        return replace(draw(seed), **self.focus)


MUTANTS: dict[str, Mutant] = {}


def mutant(*, first_seed: int = 1, **focus: Any) -> Callable[[Callable[[], Changes]], Callable[[], Changes]]:
    """Register a function that says what the mistake is."""

    def register(changes: Callable[[], Changes]) -> Callable[[], Changes]:
        MUTANTS[changes.__name__] = Mutant(changes, focus, first_seed)
        return changes

    return register


LONG_OUTAGE: dict[str, Any] = {"weather": (Spell("deaf", 6 * HOUR, 30 * HOUR),), "adversity": 2.5 * DAY, "crashes": 0}
NOBODY_ANSWERS: dict[str, Any] = {
    "weather": (Spell("down", 6 * HOUR, 30 * HOUR),),
    "adversity": 2 * DAY,
    "workers": 2,
    "concurrency": 1,
    "instructors": 8,
    "opening_balance": 1_000_000,
    "lease_seconds": 180.0,
    "crashes": 0,
    "freezes_a_day": 0.0,
    "faults": {},
    "store_trouble": 0.0,
    "account_changes": 0,
    "flickers": 0,
    "operator_actions": 0,
}
CROSSING_CALLS = SCENARIOS[0]
LOCKED_OUT: dict[str, Any] = {"weather": (Spell("locked_out", 6 * HOUR, 12 * HOUR),), "adversity": DAY}


@mutant(faults={Fault.TIMEOUT_AFTER: 0.3})
def a_new_key_after_a_timeout() -> Changes:
    """No answer is read as no transfer."""
    resolve = deciding._resolve

    def impatient(payout: Payout, unresolved: Unresolved, now: datetime) -> Step:
        if unresolved.unanswered:
            return Request(transfer_intent(payout, payout.attempt + 1, unresolved.request.destination))
        return resolve(payout, unresolved, now)

    return {(deciding, "_resolve"): impatient}


@mutant(**NOBODY_ANSWERS)
def the_same_key_for_a_week() -> Changes:
    """The known defect of what the ledger replaces."""
    week = timedelta(days=7)
    return {(deciding, "KEY_WINDOW"): week, (carrying_out, "KEY_WINDOW"): week}


@mutant()
def the_intent_after_the_call() -> Changes:
    """Stripe is called first, and the log is told afterwards."""
    send = PayoutProcess._request_and_send

    async def hasty(self: PayoutProcess, situation: Situation, intent: TransferRequested) -> Any:
        await self.calls.make(lambda gateway: gateway.create_transfer(intent))
        return await send(self, situation, intent)

    return {(PayoutProcess, "_request_and_send"): hasty}


@mutant()
def done_before_the_outcome_is_on_the_log() -> Changes:
    """Stripe said yes, so the payout is struck off the list; that it was paid is never recorded."""

    async def forgetful(_self: PayoutProcess, _payout: Payout, _event: TransferSettled, *_: Any) -> Finished:
        return Finished()

    return {(PayoutProcess, "_settle"): forgetful}


def _declined_at(status: int) -> Changes:
    def hasty(request: TransferRequested, answer: Answer | NoAnswer, *, repeated: bool) -> Outcome:
        if isinstance(answer, Answer) and answer.status == status and (repeated or status != 429):
            return Declined(FailureKind.INSUFFICIENT_FUNDS, None, status, "", None)
        return judge(request, answer, repeated=repeated)

    return {(carrying_out, "judge"): hasty}


@mutant(faults={Fault.CONFLICT_409: 0.3})
def a_409_is_a_decline() -> Changes:
    """The key is in use, and another one is taken."""
    return _declined_at(409)


@mutant(first_seed=22, faults={Fault.ERROR_500_WITH_EFFECT: 0.2})
def a_500_is_a_decline() -> Changes:
    """Something broke at Stripe, so nothing can have happened."""
    return _declined_at(500)


@mutant(faults={Fault.LOCK_TIMEOUT: 0.3, Fault.TIMEOUT_AFTER: 0.3})
def a_429_resolves_an_unknown() -> Changes:
    """The repetition was refused, so the first sending did not work either."""
    return _declined_at(429)


@mutant(flickers=20, thread_delay=0.5)
def a_conflict_is_ignored() -> Changes:
    """Somebody moved the payout on while the intent was being appended; it is sent anyway."""
    append = PayoutProcess._request_and_send

    async def stubborn(self: PayoutProcess, situation: Situation, intent: TransferRequested) -> Any:
        try:
            return await append(self, situation, intent)
        except ConflictError:
            until = situation.payout.earned_at + timedelta(days=100)
            return await self._send(
                situation.payout, intent, situation.cause, situation.head, repeated=False, until=until
            )

    return {(PayoutProcess, "_request_and_send"): stubborn}


@mutant(first_seed=15, lease_seconds=5.0, flickers=20)
def appends_have_no_condition() -> Changes:
    """What others recorded meanwhile does not matter."""
    append = ThreadedLog.append

    async def careless(self: ThreadedLog, drafts: Any, _boundary: Any, *, after: int) -> Appended:
        return await append(self, drafts, [], after=1_000_000 + after)

    return {(ThreadedLog, "append"): careless}


@mutant(first_seed=2, flickers=40, thread_delay=0.5, faults={}, weather=(), adversity=2 * DAY, crashes=0)
def wake_ups_during_a_lease_are_forgotten() -> Changes:
    """Putting a payout back overwrites that it was woken while it was worked on."""
    put_back = InMemoryTodoList.put_back

    def forgetful(self: InMemoryTodoList, claim: Any, waiting_for: Reason, due_at: Any) -> None:
        if claim.payout_id in self.rows:
            self.rows[claim.payout_id].wakeups = claim.wakeups
        put_back(self, claim, waiting_for, due_at)

    return {(InMemoryTodoList, "put_back"): forgetful}


@mutant(first_seed=15, store_trouble=0.05)
def the_checkpoint_moves_before_the_work() -> Changes:
    """The follower of the log dies between its two transactions, and a batch was never taken in."""

    def hasty(self: InMemoryTodoList, changes: Any, owners: set[str], noticed: set[str], position: int) -> None:
        self.checkpoint = position
        self._trouble.may_lose_connection()
        self._apply(changes, owners, noticed)

    return {(InMemoryTodoList, "_take_in"): hasty}


@mutant(steps_between_crashes=30.0, crashes=100)
def leases_never_run_out() -> Changes:
    """What a dead worker had claimed stays claimed."""
    claim = InMemoryTodoList.claim
    return {(InMemoryTodoList, "claim"): lambda self, limit, _lease_seconds=0.0: claim(self, limit, 1e9)}


@mutant(**LOCKED_OUT)
def rejected_credentials_are_not_recorded() -> Changes:
    """The breaker opens for this payout only, and nobody closes it."""

    async def forgetful(_self: Credentials) -> None:
        return

    return {(Credentials, "rejected"): forgetful}


@mutant(**LOCKED_OUT)
def accepted_credentials_wake_nobody() -> Changes:
    """The breaker closes, and those who waited for that are not told."""
    of = todo.Changes.of

    def deaf(events: Any) -> todo.Changes:
        changes = of(events)
        changes.solved.discard(Reason.STRIPE_CREDENTIALS_REJECTED)
        return changes

    return {(todo.Changes, "of"): staticmethod(deaf)}


@mutant(
    first_seed=36,
    **CROSSING_CALLS
    | {"faults": {Fault.ERROR_403: 0.45, Fault.LATE_EFFECT: 0.1}, "freezes_a_day": 0.0, "store_trouble": 0.0}
    | {"opening_balance": 1_000_000, "account_changes": 0, "flickers": 0, "operator_actions": 0, "hold": 0.0},
)
def a_refusal_ends_what_another_worker_is_sending() -> Changes:
    """Whoever finds an intent and sends it leaves no trace of that, and the first sender takes a 403 for the end of it."""

    async def traceless(self: PayoutProcess, situation: Situation, step: Send) -> Any:
        payout, cause, head = situation.payout, situation.cause, situation.head
        return await self._send(payout, step.request, cause, head, repeated=True, until=step.until)

    return {(PayoutProcess, "_send_again"): traceless}


@mutant(first_seed=8, strangers=4, faults={Fault.ERROR_500_WITHOUT_EFFECT: 0.3})
def anything_in_the_group_is_adopted() -> Changes:
    """A transfer that is found is taken for ours without a look at what it says."""
    return {(searching, "is_requested"): lambda _transfer, _request: True}


@mutant(first_seed=15, **LONG_OUTAGE)
def an_empty_list_proves_absence() -> Changes:
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


@mutant(faults={Fault.LATE_EFFECT: 0.2, Fault.ERROR_500_WITHOUT_EFFECT: 0.1}, operator_actions=100)
def one_search_is_enough() -> Changes:
    """Absence is confirmed by the first search that finds nothing, however early."""
    return {(actions, "SEARCHES_NEEDED"): 1, (actions, "SEARCHES_APART"): timedelta(0)}


@mutant()
def every_attempt_has_the_same_key() -> Changes:
    """A declined attempt is repeated under the key that holds its decline."""
    return {(identifiers, "idempotency_key"): lambda payout_id, _attempt: f"payout:{payout_id}:a1"}


@mutant(opening_balance=0)
def a_decline_is_never_tried_again() -> Changes:
    """Declined once, waiting for ever."""
    return {(deciding, "_after_failure"): lambda *_: Wait(Reason.INSUFFICIENT_FUNDS)}


@mutant()
def the_amount_of_todays_terms() -> Changes:
    """What is paid is what a bonus is worth now, not what it was worth when it was earned."""

    def forgetful(payout: Payout, attempt: int, destination: str) -> TransferRequested:
        promised = transfer_intent(payout, attempt, destination)
        return promised.model_copy(update={"amount_minor": INITIAL_TERMS.standard_bonus_minor})

    return {(deciding, "transfer_intent"): forgetful}


@mutant()
def no_preflight() -> Changes:
    """The account is not looked at before it is paid."""

    def blind(payout: Payout, account: Account | None) -> Request | Wait:
        if account is None:
            return Wait(Reason.NO_PAYOUT_ACCOUNT)
        return Request(transfer_intent(payout, payout.attempt + 1, account.stripe_account_id))

    return {(deciding, "_preflight"): blind}


@mutant(first_seed=13, operator_actions=50)
def a_hold_holds_nothing() -> Changes:
    """A payout that a person holds is tried all the same."""
    decide = deciding._ungated

    def deaf(payout: Payout, *situation: Any) -> Step:
        return decide(payout.model_copy(update={"hold": None}), *situation)

    return {(deciding, "_ungated"): deaf}


@mutant(operator_actions=50)
def one_person_is_two() -> Changes:
    """Whoever asks for it may approve it."""
    decide = actions.decide_approval

    def careless(payout: Payout, *, actor: str, **decision: Any) -> Any:
        return decide(payout, actor=f"{actor} again", **decision)

    return {(actions, "decide_approval"): careless}


@mutant(first_seed=6, faults={Fault.TIMEOUT_AFTER: 0.5}, operator_actions=100)
def cancelled_while_in_flight() -> Changes:
    """A cancellation does not wait for the outcome of the attempt."""
    decide = deciding._ungated

    def hasty(payout: Payout, *situation: Any) -> Step:
        if payout.granted == "cancel" and payout.settlement is None and not payout.is_final:
            return Cancel("at once")
        return decide(payout, *situation)

    return {(deciding, "_ungated"): hasty}


@mutant(first_seed=229, reversals=6, operator_actions=200)
def all_is_given_up_where_a_part_came_back() -> Changes:
    """What stayed with the instructor is written off as well."""

    def careless(payout: Payout, note: str) -> PayoutCancelled:
        bonus = payout.bonus
        return PayoutCancelled.of(bonus, amount_minor=bonus.amount_minor, currency=bonus.currency, note=note)

    return {(actions, "cancelled"): careless}


@mutant(store_trouble=0.05)
def a_lost_database_ends_the_work() -> Changes:
    """A worker that lost the database does not come back."""
    return {(working, "DATABASE_ERRORS"): (ZeroDivisionError,)}
