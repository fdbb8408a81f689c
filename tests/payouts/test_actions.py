"""What people may do to a payout in which state, as one table; and what holds whatever they and Stripe do."""

from collections.abc import Sequence
from datetime import timedelta
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.events import (
    ApprovalGranted,
    ApprovalRequested,
    Event,
    FailureKind,
    PayoutCancelled,
    PayoutReleased,
    PayoutRetryAuthorized,
    TransferFailed,
    TransferRequested,
    UnknownKind,
)
from ledger.payouts.actions import Accepted, Action, Refused, Verdict, decide, decide_approval
from ledger.payouts.steps import Cancel, Finished, LookUp, Request, RequestReversal, Send, SendReversal, Wait
from tests.payouts.story import (
    ACCEPTED,
    REJECTED,
    Story,
    account,
    asked,
    authorized,
    came_back,
    cancelled,
    confirmed,
    failed,
    funds,
    granted,
    held,
    mismatched,
    noticed,
    released,
    requested,
    reversal,
    reversal_failed,
    searched,
    settled,
    unknown,
)

Happened = Sequence[Event | timedelta]
ACTIONS: tuple[Action, ...] = get_args(Action)

INVALID, SERVER_ERROR = FailureKind.INVALID_REQUEST, UnknownKind.SERVER_ERROR
HALF = timedelta(minutes=30)
SENT: Happened = [account(), requested()]
ABSENT: Happened = [*SENT, unknown(SERVER_ERROR), searched(), HALF, searched(), searched()]
PAID: Happened = [*SENT, settled()]
ASK, DONE, NOTHING = "asks", "done", "already so"

STATES: list[tuple[str, Happened, dict[Action, str]]] = [
    ("owed", [account()],
     {"hold": DONE, "release": "not_held", "retry": "not_declined", "cancel": ASK, "reverse": "not_paid"}),
    ("held", [held()],
     {"hold": NOTHING, "release": DONE, "retry": "not_declined", "cancel": ASK, "reverse": "not_paid"}),
    ("in flight", SENT,
     {"hold": DONE, "release": "not_held", "retry": "outcome_pending", "cancel": ASK, "reverse": "outcome_pending"}),
    ("unknown", [*SENT, unknown()],
     {"hold": DONE, "release": "not_held", "retry": "outcome_pending", "cancel": ASK, "reverse": "outcome_pending"}),
    ("searched twice", [*SENT, unknown(), searched(), HALF, searched()],
     {"hold": DONE, "release": "not_held", "retry": "absence_not_confirmed", "cancel": ASK, "reverse": "outcome_pending"}),
    ("absent", ABSENT,
     {"hold": DONE, "release": "not_held", "retry": ASK, "cancel": ASK, "reverse": "outcome_pending"}),
    ("absent, then heard of", [*ABSENT, noticed()],
     {"hold": DONE, "release": "not_held", "retry": "outcome_pending", "cancel": ASK, "reverse": "outcome_pending"}),
    ("absent, then mismatched", [*ABSENT, mismatched()],
     {"hold": DONE, "release": "not_held", "retry": "outcome_pending", "cancel": ASK, "reverse": "outcome_pending"}),
    ("absent, retry asked for", [*ABSENT, asked("retry")],
     {"hold": DONE, "release": "not_held", "retry": ASK, "cancel": "approval_pending", "reverse": "outcome_pending"}),
    ("declined", [*SENT, failed(INVALID)],
     {"hold": DONE, "release": "not_held", "retry": DONE, "cancel": ASK, "reverse": "not_paid"}),
    ("declined, retry authorized", [*SENT, failed(INVALID), authorized("decline")],
     {"hold": DONE, "release": "not_held", "retry": NOTHING, "cancel": ASK, "reverse": "not_paid"}),
    ("cancel asked for", [account(), asked("cancel")],
     {"hold": DONE, "release": "not_held", "retry": "not_declined", "cancel": ASK, "reverse": "not_paid"}),
    ("cancel granted, in flight", [*SENT, asked("cancel"), granted("cancel")],
     {"hold": DONE, "release": "not_held", "retry": "outcome_pending", "cancel": NOTHING, "reverse": "outcome_pending"}),
    ("cancelled", [account(), asked("cancel"), granted("cancel"), cancelled()],
     dict.fromkeys(ACTIONS[:4], "already_cancelled") | {"reverse": "not_paid"}),
    ("paid", PAID,
     dict.fromkeys(ACTIONS[:4], "already_paid") | {"reverse": ASK}),
    ("paid, a part came back", [*PAID, came_back(1000)],
     dict.fromkeys(ACTIONS[:3], "already_paid") | {"cancel": ASK, "reverse": ASK}),
    ("paid, a part came back, given up since", [*PAID, came_back(1000), cancelled(1000)],
     dict.fromkeys(ACTIONS[:4], "already_paid") | {"reverse": ASK}),
    ("paid, a part came back, given up, another came back", [*PAID, came_back(1000), cancelled(1000), came_back(500, 1500)],
     dict.fromkeys(ACTIONS[:3], "already_paid") | {"cancel": ASK, "reverse": ASK}),
    ("paid, a part asked to be given up, another came back", [*PAID, came_back(1000), asked("cancel"), came_back(500, 1500)],
     dict.fromkeys(ACTIONS[:3], "already_paid") | {"cancel": ASK, "reverse": ASK}),
    ("given up and cancelled, found to be paid after all, and a part came back",
     [*SENT, asked("cancel"), granted("cancel"), cancelled(), settled(), came_back(1000)],
     dict.fromkeys(ACTIONS[:4], "already_paid") | {"reverse": ASK}),
    ("reverse granted", [*PAID, asked("reverse"), granted("reverse")],
     dict.fromkeys(ACTIONS[:4], "already_paid") | {"reverse": NOTHING}),
    ("reversal in flight", [*PAID, asked("reverse"), granted("reverse"), reversal()],
     dict.fromkeys(ACTIONS[:3], "already_paid") | dict.fromkeys(ACTIONS[3:], "outcome_pending")),
    ("reversal declined", [*PAID, asked("reverse"), granted("reverse"), reversal(), reversal_failed()],
     dict.fromkeys(ACTIONS[:4], "already_paid") | {"reverse": ASK}),
    ("reversed", [*PAID, came_back(7500)],
     dict.fromkeys(ACTIONS, "already_reversed") | {"cancel": ASK}),
    ("reversed, and cancelled since", [*PAID, came_back(7500), asked("cancel"), granted("cancel"), cancelled()],
     dict.fromkeys(ACTIONS, "already_cancelled") | {"reverse": "not_paid"}),
    ("given up and cancelled, found to be paid after all, and reversed",
     [*SENT, asked("cancel"), granted("cancel"), cancelled(), settled(), came_back(7500)],
     dict.fromkeys(ACTIONS, "already_reversed") | {"cancel": "already_cancelled"}),
]  # fmt: skip


def in_a_word(verdict: Verdict) -> str:
    if isinstance(verdict, Refused):
        return verdict.code
    if verdict.awaits_approval:
        return ASK
    return DONE if verdict.events else NOTHING


@pytest.mark.parametrize(("happened", "expected"), [row[1:] for row in STATES], ids=[row[0] for row in STATES])
def test_what_may_be_done_in_which_state(happened: Happened, expected: dict[Action, str]) -> None:
    payout = Story.of(happened).payout
    assert {action: in_a_word(decide(action, payout, "why")) for action in ACTIONS} == expected


Said = tuple[type[Event], ...] | str

APPROVALS: list[tuple[str, Happened, int, str, Said]] = [
    ("nothing was asked for", [account()], 1, "checker", "no_such_request"),
    ("another number", [account(), asked("cancel")], 2, "checker", "no_such_request"),
    ("the maker", [account(), asked("cancel")], 1, "maker", "second_person_needed"),
    ("cancel", [account(), asked("cancel")], 1, "checker", (ApprovalGranted, PayoutCancelled)),
    ("cancel in flight", [*SENT, asked("cancel")], 1, "checker", (ApprovalGranted,)),
    ("cancel, settled meanwhile", [*SENT, asked("cancel"), settled()], 1, "checker", "no_such_request"),
    ("cancel, declined meanwhile", [*SENT, asked("cancel"), failed(INVALID)], 1, "checker",
     (ApprovalGranted, PayoutCancelled)),
    ("cancel twice", [*SENT, asked("cancel"), granted("cancel")], 1, "checker", "no_such_request"),
    ("retry", [*ABSENT, asked("retry")], 1, "checker", (ApprovalGranted, PayoutRetryAuthorized)),
    ("retry, sent again meanwhile", [*ABSENT, asked("retry"), unknown()], 1, "checker", "absence_not_confirmed"),
    ("retry, heard of meanwhile", [*ABSENT, asked("retry"), noticed()], 1, "checker", "absence_not_confirmed"),
    ("retry, settled meanwhile", [*ABSENT, asked("retry"), settled()], 1, "checker", "no_such_request"),
    ("retry, declined meanwhile", [*ABSENT, asked("retry"), failed(INVALID)], 1, "checker", "no_such_request"),
    ("reverse", [*PAID, asked("reverse")], 1, "checker", (ApprovalGranted,)),
    ("reverse, all came back meanwhile", [*PAID, asked("reverse"), came_back(7500)], 1, "checker", "no_such_request"),
    ("reverse, a part came back meanwhile", [*PAID, asked("reverse"), came_back(1)], 1, "checker", (ApprovalGranted,)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("happened", "number", "actor", "expected"), [row[1:] for row in APPROVALS], ids=[row[0] for row in APPROVALS]
)
def test_what_a_second_person_may_grant(happened: Happened, number: int, actor: str, expected: Said) -> None:
    verdict = decide_approval(Story.of(happened).payout, granted=True, number=number, note="agreed", actor=actor)
    if isinstance(verdict, Refused):
        assert verdict.code == expected
    else:
        assert tuple(type(event) for event in verdict.events) == expected


def test_the_maker_may_withdraw_what_he_asked_for() -> None:
    story = Story.of([account(), asked("cancel")])
    verdict = decide_approval(story.payout, granted=False, number=1, note="never mind", actor="maker")
    assert isinstance(verdict, Accepted)
    for event in verdict.events:
        story.happened(event)
    assert story.payout.approval is None
    assert isinstance(story.next_step(), Request)


# Anything, in any order: people, outcomes and notices. Only what could be recorded in a state is.
WORDS = [*(f"act {action}" for action in ACTIONS), "grant", "refuse", "step", "step", "step"]
FATES = ["paid", "declined", "500", "lost", "not found", "found"]
HEARD = ["created", "reversed", "funds", "account", "401", "mended", "part came back", "all came back"]
PAUSES = [timedelta(seconds=5), timedelta(minutes=16), timedelta(hours=2), timedelta(days=2)]
moves = st.tuples(
    st.sampled_from([*WORDS, *HEARD]), st.sampled_from(FATES), st.sampled_from("abc"), st.sampled_from(PAUSES)
)


class Play:
    """A payout among people and Stripe; `tries` are the attempts that were ever sent."""

    def __init__(self) -> None:
        self.story = Story.of([account()])

    def move(self, word: str, fate: str, actor: str) -> None:
        payout = self.story.payout
        kind, _, rest = word.partition(" ")
        if kind == "act":
            action: Action = next(each for each in ACTIONS if each == rest)
            self.record(decide(action, payout, "why"), actor)
        elif word in {"grant", "refuse"}:
            self.record(self.approve(actor, is_granted=word == "grant"), actor)
        elif word == "step":
            self.step(fate)
        else:
            self.heard(word)

    def approve(self, actor: str, *, is_granted: bool) -> Verdict:
        payout = self.story.payout
        verdict = decide_approval(payout, granted=is_granted, number=payout.approvals, note="", actor=actor)
        if isinstance(verdict, Accepted) and is_granted:
            assert payout.approval is not None
            assert payout.approval.requested_by != actor
        return verdict

    def record(self, verdict: Verdict, actor: str) -> None:
        if isinstance(verdict, Accepted):
            for event in verdict.events:
                self.story.happened(event, actor)

    def heard(self, word: str) -> None:
        left = 7500 - self.story.payout.reversed_minor
        match word:
            case "created" | "reversed":
                self.story.happened(noticed(f"transfer.{word}"))
            case "funds" | "account" | "401" | "mended":
                self.story.happened({"funds": funds(), "account": account(), "401": REJECTED, "mended": ACCEPTED}[word])
            case "part came back" | "all came back" if self.story.payout.settlement is not None and left > 1:
                amount = left if word == "all came back" else 1
                self.story.happened(came_back(amount, 7500 - left + amount))

    def step(self, fate: str) -> None:
        step = self.story.next_step()
        match step:
            case Request(intent=intent):
                self.story.happened(intent)
                self.outcome(fate, intent.attempt)
            case Send(request=request):
                self.outcome(fate, request.attempt)
            case LookUp(request=request, record=record):
                if fate == "found":
                    self.story.happened(settled(request.attempt))
                elif record and fate == "not found":
                    self.story.happened(searched(request.attempt))
            case Cancel(note=_):
                self.story.happened(cancelled())
            case RequestReversal(intent=wanted):
                self.story.happened(wanted)
            case SendReversal(request=wanted) if fate in {"paid", "declined"}:
                left = 7500 - self.story.payout.reversed_minor
                is_back = fate == "paid" and wanted.amount_minor == left
                self.story.happened(came_back(left, 7500) if is_back else reversal_failed(wanted.number))
            case Wait() | Finished():
                pass
            case _:
                if self.story.payout.settlement is not None:
                    self.story.happened(confirmed())

    def outcome(self, fate: str, attempt: int) -> None:
        known = {
            "paid": settled(attempt),
            "declined": failed(FailureKind.INSUFFICIENT_FUNDS, attempt),
            "500": unknown(SERVER_ERROR, attempt),
            "lost": unknown(attempt=attempt),
        }
        if fate in known:
            self.story.happened(known[fate])

    def check(self) -> None:
        payout, step = self.story.payout, self.story.next_step()
        if payout.phase in {"cancelled", "reversed"}:
            assert not isinstance(step, Request | Send | RequestReversal | SendReversal)
        if payout.hold is not None or (payout.approval is not None and payout.settlement is None):
            assert not isinstance(step, Request)
        if isinstance(step, Request):
            assert step.intent.attempt == payout.attempt + 1
            self.check_permission()
        if isinstance(step, RequestReversal):
            assert 0 < step.intent.amount_minor == 7500 - payout.reversed_minor
        if isinstance(step, Wait) and step.until is not None:
            assert step.until > self.story.now

    def check_permission(self) -> None:
        """Since the newest attempt was made, it was declined, or two persons authorized another."""
        since: list[Event] = []
        for each in self.story.log:
            since = [] if isinstance(each.event, TransferRequested) else [*since, each.event]
        if self.story.payout.attempt:
            allowed = [each for each in since if isinstance(each, TransferFailed | PayoutRetryAuthorized)]
            assert allowed
            if isinstance(allowed[-1], PayoutRetryAuthorized) and allowed[-1].after == "unknown":
                heard = [type(each).__name__ for each in since[since.index(allowed[-1]) :]]
                assert "TransferNoticed" not in heard


@settings(max_examples=300)
@given(happened=st.lists(moves, max_size=40))
def test_whatever_people_and_stripe_do(happened: list[tuple[str, str, str, timedelta]]) -> None:
    play = Play()
    for word, fate, actor, pause in happened:
        play.move(word, fate, actor)
        play.check()
        play.story.later(pause)
    requests = [each.event.attempt for each in play.story.log if isinstance(each.event, TransferRequested)]
    assert requests == list(range(1, len(requests) + 1))
    makers: dict[int, str] = {}
    for each in play.story.log:
        if isinstance(each.event, ApprovalRequested):
            makers[each.event.number] = each.actor
        if isinstance(each.event, ApprovalGranted):
            assert makers[each.event.number] != each.actor


@settings(max_examples=120)
@given(happened=st.lists(moves, max_size=25))
def test_two_persons_can_always_bring_a_payout_to_an_end(happened: list[tuple[str, str, str, timedelta]]) -> None:
    """Whatever happened before: cancel it, or find it paid. Nothing is stuck in between."""
    play = Play()
    for word, fate, actor, pause in happened:
        play.move(word, fate, actor)
        play.story.later(pause)
    play.heard("mended")
    for turn in range(30):
        approval = play.story.payout.approval
        if approval is not None and approval.action == "retry":
            play.move("refuse", "", "x")
        play.move("act cancel", "", "x")
        play.move("grant", "", "y")
        play.move("step", "declined" if turn % 2 else "not found", "")
        play.story.later(timedelta(minutes=20))
    assert play.story.payout.phase in {"cancelled", "settled", "reversed"}


def test_a_release_is_remembered_as_a_review() -> None:
    story = Story.of([account(), held(), released()])
    assert story.payout.reviewed
    assert isinstance(story.log[-1].event, PayoutReleased)
