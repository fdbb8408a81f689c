"""Whatever anybody does in whatever order: money is neither made nor lost, and a key pays once while it lives."""

import json
from collections import defaultdict
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sandbox.stripe_twin import (
    Answer,
    Call,
    Fault,
    FaultRule,
    Request,
    Settings,
    Store,
    Twin,
    VirtualClock,
    accounts,
    books,
    reports,
)
from sandbox.stripe_twin.faults import IN_EXECUTION, ON_RETURN
from sandbox.stripe_twin.settings import PLATFORM
from tests.sandbox.stripe_twin_platform import DAY, KEY

# What each key is for. Now and then somebody uses one for something else.
PAYMENTS = {"a": (7500, "acct_ok1"), "b": (5000, "acct_ok1"), "c": (7500, "acct_inactive1")}
DESTINATIONS = ("acct_ok1", "acct_ok2", "acct_inactive1", "acct_closed1", "acct_nobody")


class Anything(RuleBasedStateMachine):
    """Callers, faults, crashes, operators and time, one step at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = VirtualClock()
        self.store = Store()
        self.open_twin()
        self.under_way: list[Call] = []
        self.answers: defaultdict[str, set[tuple[int, bytes]]] = defaultdict(set)

    def open_twin(self) -> None:
        opening = Settings(KEY, balance_minor=15_000, bank_payout_after_seconds=DAY)
        self.twin = Twin(self.store, opening, clock=self.clock, seed=11)

    def post(self, path: str, key: str, **parameters: Any) -> Call:
        headers = {"authorization": f"Bearer {KEY}", "idempotency-key": key}
        return self.twin.receive(Request("POST", path, "", headers, urlencode(parameters).encode()))

    def finish(self, call: Call) -> None:
        outcome = self.twin.execute(call)
        if isinstance(outcome, Answer) and "Original-Request" in outcome.headers and _is_whole(outcome):
            self.answers[outcome.headers["Original-Request"]].add((outcome.status, outcome.body))

    def pay(self, key: str) -> Call:
        amount, destination = PAYMENTS[key]
        return self.post("/v1/transfers", key, amount=amount, currency="usd", destination=destination)

    @rule(key=st.sampled_from(sorted(PAYMENTS)), hours=st.sampled_from([0.01, 5.0, 23.0, 30.0]))
    def pay_and_pay_again_later(self, key: str, hours: float) -> None:
        self.finish(self.pay(key))
        self.clock.advance(hours * 3600)
        self.finish(self.pay(key))

    @rule(key=st.sampled_from(sorted(PAYMENTS)))
    def pay_from_two_places_at_once(self, key: str) -> None:
        self.under_way += [self.pay(key), self.pay(key)]

    @rule(key=st.sampled_from(sorted(PAYMENTS)), destination=st.sampled_from(DESTINATIONS))
    def use_a_key_for_something_else(self, key: str, destination: str) -> None:
        self.finish(self.post("/v1/transfers", key, amount=2500, currency="usd", destination=destination))

    @rule(data=st.data())
    def finish_one(self, data: st.DataObject) -> None:
        if self.under_way:
            self.finish(self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1))))

    @rule(data=st.data(), key=st.sampled_from("rstuvw"), amount=st.sampled_from([2500, 5000]))
    def reverse(self, data: st.DataObject, key: str, amount: int) -> None:
        transfers = self.transfers()
        if transfers:
            chosen = data.draw(st.sampled_from(transfers))["id"]
            self.finish(self.post(f"/v1/transfers/{chosen}/reversals", key, amount=amount))

    @rule(fault=st.sampled_from(sorted(IN_EXECUTION | ON_RETURN)))
    def something_goes_wrong(self, fault: Fault) -> None:
        self.twin.faults.script[:] = [FaultRule(fault)]
        self.finish(self.pay("a"))

    @rule(hours=st.sampled_from([0.01, 12.0, 48.0]))
    def time_passes(self, hours: float) -> None:
        self.clock.advance(hours * 3600)

    @rule()
    def the_twin_crashes(self) -> None:
        self.under_way.clear()
        self.open_twin()

    @rule(transfers=st.sampled_from(["active", "inactive"]))
    def a_capability_changes(self, transfers: str) -> None:
        accounts.change(self.twin.world, "acct_inactive1", transfers=transfers)

    @rule(amount=st.sampled_from([1, 10_000]))
    def funds_arrive(self, amount: int) -> None:
        books.top_up(self.twin.world, amount, "usd")

    def transfers(self) -> list[dict[str, Any]]:
        return [transfer for group in reports.transfers_by_payout(self.twin.world).values() for transfer in group]

    @invariant()
    def money_is_neither_made_nor_lost(self) -> None:
        held = {row["owner"]: row["available"] + row["pending"] for row in reports.balances(self.twin.world)}
        assert sum(held.values()) == 0
        assert all(amount >= 0 for owner, amount in held.items() if owner != books.OUTSIDE)
        for owner in (PLATFORM,):
            written = self.store.all("activity", owner=owner, start=0, end=2**62, currency=None)
            assert sum(json.loads(row["body"])["net"] for row in written) == held[owner]
        assert sum(transfer["net"] for transfer in self.transfers()) == sum(
            amount for owner, amount in held.items() if owner not in {PLATFORM, books.OUTSIDE}
        )

    @invariant()
    def a_key_pays_once_while_it_lives(self) -> None:
        paid_at = defaultdict(list)
        for transfer in self.transfers():
            paid_at[transfer["idempotency_key"]].append(transfer["created"])
        for moments in paid_at.values():
            assert all(later - earlier >= DAY for earlier, later in pairwise(moments))

    @invariant()
    def a_saved_answer_never_changes(self) -> None:
        assert all(len(seen) == 1 for seen in self.answers.values())

    @invariant()
    def no_transfer_gives_back_more_than_it_moved(self) -> None:
        for transfer in self.transfers():
            assert 0 <= transfer["amount_reversed"] <= transfer["amount"]
            assert transfer["reversed"] == (transfer["amount_reversed"] == transfer["amount"])

    def teardown(self) -> None:
        self.store.close()


def _is_whole(answer: Answer) -> bool:
    try:
        json.loads(answer.body)
    except ValueError:
        return False
    return True


TestAnything = Anything.TestCase
TestAnything.settings = settings(max_examples=80, stateful_step_count=30)
