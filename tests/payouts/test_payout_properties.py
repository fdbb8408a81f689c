"""What holds for a payout whatever happens to it: decisions against a model of Stripe's keys, under random fates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.events import TransferRequested, UnknownKind
from ledger.payouts.explain import explain
from ledger.payouts.intents import transfer_intent
from ledger.payouts.outcome import (
    Answer,
    CredentialsRejected,
    NoAnswer,
    Settled,
    TryLater,
    discharges,
    judge,
    transfer_of,
)
from ledger.payouts.outcome_events import outcome_event, settled
from ledger.payouts.schedule import delay, next_point
from ledger.payouts.steps import CheckAccount, Finished, LookUp, Request, Send, Step, Wait
from ledger.reasons import EXPLANATIONS
from tests.payouts.story import ACCEPTED, REJECTED, START, Story, account, funds, verified

KEY_LIVES = timedelta(hours=24)
KEY_WINDOW = timedelta(hours=23)


def refusal(status: int, code: str | None) -> Answer:
    return Answer(status, {"error": {"type": "invalid_request_error", "code": code, "message": ""}})


BEFORE_THE_KEY: dict[str, Answer | NoAnswer] = {
    "401": refusal(401, None),
    "403": refusal(403, "account_invalid"),
    "404": refusal(404, "resource_missing"),
    "other 400": refusal(400, "parameter_invalid"),
    "409": refusal(409, "idempotency_key_in_use"),
    "429": refusal(429, "rate_limit"),
    "502": Answer(502, None),
    "lost on the way": NoAnswer("ClientConnectorError"),
}
EXECUTED: dict[str, Answer] = {
    "declined: funds": refusal(400, "balance_insufficient"),
    "declined: account": refusal(400, "account_closed"),
    "declined: invalid": refusal(400, "resource_missing"),
    "500 without effect": refusal(500, None),
}
WITH_EFFECT = ["paid", "paid, answer lost", "paid, answer unreadable", "500 with effect"]

SENDS = [*BEFORE_THE_KEY, *EXECUTED, *WITH_EFFECT]
HAPPENINGS = ["crash", "account", "account inactive", "other account", "funds", "credentials mended"]
DELAYS = [timedelta(seconds=3), timedelta(minutes=2), timedelta(hours=1), timedelta(hours=12), timedelta(days=3)]


@dataclass
class StripeModel:
    """Stripe, as far as keys go: what is executed is saved under its key, and the key is forgotten after a day."""

    transfers: list[Mapping[str, Any]] = field(default_factory=list)
    saved: dict[str, tuple[datetime, Answer]] = field(default_factory=dict)

    def send(self, request: TransferRequested, fate: str, now: datetime) -> Answer | NoAnswer:
        if fate in BEFORE_THE_KEY:
            return BEFORE_THE_KEY[fate]
        saved_at, saved = self.saved.get(request.idempotency_key, (now, None))
        if saved is not None and now < saved_at + KEY_LIVES:
            return Answer(saved.status, saved.body, replayed=True)
        answer = EXECUTED.get(fate) or self._execute(request)
        if fate == "500 with effect":
            answer = refusal(500, None)
        self.saved[request.idempotency_key] = (now, answer)
        if fate == "paid, answer lost":
            return NoAnswer("TimeoutError")
        return Answer(200, None) if fate == "paid, answer unreadable" else answer

    def _execute(self, request: TransferRequested) -> Answer:
        named = ("destination", "currency", "metadata")
        transfer = {name: getattr(request, name) for name in named}
        transfer |= {"object": "transfer", "id": f"tr_{len(self.transfers)}", "amount": request.amount_minor}
        transfer |= {"amount_reversed": 0, "metadata": dict(request.metadata)}
        self.transfers.append(transfer)
        return Answer(200, transfer)


@dataclass
class World:
    """A payout, Stripe, and a worker that does what it is told by `next_step`."""

    story: Story = field(default_factory=Story)
    stripe: StripeModel = field(default_factory=StripeModel)

    def turn(self, fate: str) -> None:
        """One step is decided and carried out, and meets this fate."""
        step = self.story.next_step()
        self.check(step)
        match step:
            case Request(intent=request):
                self.story.happened(request)
                if fate != "crash":
                    self.send(request, fate, repeated=False)
            case Send(request=request):
                if fate != "crash":
                    self.send(request, fate, repeated=True)
            case LookUp(request=request) if fate in WITH_EFFECT:  # else the list lags, or the call is lost
                for transfer in map(transfer_of, self.stripe.transfers):
                    if transfer is not None and discharges(transfer, request):
                        self.story.happened(settled(request, transfer, replayed=False, adopted=True))
                        break
            case CheckAccount(stripe_account_id=stripe_account_id) if fate in WITH_EFFECT:
                self.story.happened(verified(stripe_account_id))
        self.happening(fate)
        self.check(self.story.next_step())

    def send(self, request: TransferRequested, fate: str, *, repeated: bool) -> None:
        outcome = judge(request, self.stripe.send(request, fate, self.story.now), repeated=repeated)
        if isinstance(outcome, CredentialsRejected):
            self.story.happened(REJECTED)
        elif not isinstance(outcome, TryLater):
            self.story.happened(outcome_event(request, outcome))
            if isinstance(outcome, Settled):
                assert self.stripe.transfers

    def happening(self, fate: str) -> None:
        known = {
            "account": account("acct_ok1"),
            "account inactive": account("acct_ok1", active=False),
            "other account": account("acct_ok2"),
            "funds": funds(),
            "credentials mended": ACCEPTED,
        }
        if fate in known:
            self.story.happened(known[fate])

    def check(self, step: Step) -> None:
        payout, now = self.story.payout, self.story.now
        requests = [each.event for each in self.story.log if isinstance(each.event, TransferRequested)]
        assert [request.attempt for request in requests] == list(range(1, payout.attempt + 1))
        if payout.phase == "settled":
            assert step == Finished()
        open_attempt = payout.unresolved
        if open_attempt is not None:
            assert not isinstance(step, Request), "two unresolved attempts"
        if isinstance(step, Send):
            assert open_attempt is not None
            assert step.request == open_attempt.request == requests[-1]
            assert now < open_attempt.first_sent_at + KEY_WINDOW
            assert open_attempt.kinds.isdisjoint({UnknownKind.SERVER_ERROR, UnknownKind.KEY_MISUSE})
        if isinstance(step, Request):
            newest = self.story.account
            assert newest is not None
            assert newest.transfers_active
            assert step.intent == transfer_intent(payout, payout.attempt + 1, newest.stripe_account_id)
            assert step.intent.idempotency_key not in {request.idempotency_key for request in requests}
        if isinstance(step, Wait) and step.until is not None:
            assert step.until > now, "it would spin"
        self.check_explanation()

    def check_explanation(self) -> None:
        """Whoever asks is told why, and either when it goes on or who has to act."""
        story = self.story
        told = explain(story.payout, story.account, story.platform, story.now)
        assert told == explain(story.payout, story.account, story.platform, story.now)
        explanation = EXPLANATIONS[told.reason]
        if story.payout.phase != "settled" and told.until is None:
            assert explanation.who in {"referrer", "operator"}
        if story.payout.phase == "settled":
            assert explanation.who == "nobody"


fates = st.sampled_from([*SENDS, *HAPPENINGS])
moves = st.tuples(fates, st.sampled_from(DELAYS))


@settings(max_examples=1500)
@given(happened=st.lists(moves, max_size=25))
def test_whatever_happens_stripe_holds_at_most_one_transfer(happened: list[tuple[str, timedelta]]) -> None:
    world = World()
    world.story.happened(account())
    for fate, time in happened:
        world.turn(fate)
        assert len(world.stripe.transfers) <= 1
        world.story.later(time)


@settings(max_examples=300)
@given(happened=st.lists(moves, max_size=15))
def test_no_payout_is_forgotten(happened: list[tuple[str, timedelta]]) -> None:
    """When all is well again, it is settled within a week by itself, or somebody is named who has to act."""
    world = World()
    world.story.happened(account())
    for fate, time in happened:
        world.turn(fate)
        world.story.later(time)
    for event in (ACCEPTED, account("acct_ok3"), funds()):
        world.story.happened(event)
    for _ in range(40):
        world.turn("paid")
        step = world.story.next_step()
        if isinstance(step, Finished):
            break
        again_at = step.until if isinstance(step, Wait) else step.again_at if isinstance(step, LookUp) else None
        world.story.now = max(world.story.now, again_at or world.story.now)
    told = explain(world.story.payout, world.story.account, world.story.platform, world.story.now)
    stuck_on_a_500 = world.story.payout.unresolved is not None and not world.stripe.transfers
    assert world.story.payout.phase == "settled" or (stuck_on_a_500 and told.until is not None)


@given(
    delays=st.lists(st.integers(60, 3600), min_size=1, max_size=5).map(tuple),
    waited=st.timedeltas(timedelta(0), timedelta(days=3)),
    seed=st.text(max_size=5),
)
def test_the_next_point_of_a_schedule_is_the_first_one_still_to_come(
    delays: tuple[int, ...], waited: timedelta, seed: str
) -> None:
    point, turn = START, 0
    while point <= START + waited:
        turn += 1
        point += delay(delays, turn, seed)
    assert next_point(delays, START, START + waited, seed) == point
