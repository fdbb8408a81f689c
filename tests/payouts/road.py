"""The payout process on its real parts, as a test holds them: a database, Stripe's twin, a clock that can be moved."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx

from ledger import identifiers
from ledger.event_log import Draft, EventLog
from ledger.events import (
    BonusEarned,
    Event,
    Happened,
    PayoutAccountUpdated,
    Recorded,
    TransferNotFound,
    TransferSettled,
    payout_tag,
)
from ledger.history import about
from ledger.payouts import payout_fold as payouts
from ledger.payouts.actions import Action
from ledger.payouts.notices import Notices
from ledger.payouts.pace import Pace
from ledger.payouts.payout import Payout
from ledger.payouts.policy import PAY_AT_ONCE, Policy
from ledger.payouts.process import PayoutProcess
from ledger.payouts.review import Done, PayoutReview
from ledger.payouts.steps import Finished, Wait
from ledger.payouts.stripe_gateway import StripeGateway
from ledger.payouts.todo import TodoList
from ledger.payouts.worker import ThreadedLog
from sandbox.stripe_twin import UNANSWERED, Fault

API_KEY = "sk_test_an_honest_opponent"
# An answer that comes is waited for, however busy the machine; one that a test keeps from coming only briefly.
PATIENT_SECONDS, IMPATIENT_SECONDS = 30.0, 0.5

Gateway = Callable[[str, str, float], StripeGateway]


class Stripe:
    """The twin, with the controls that only tests have."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._control = httpx.Client(
            base_url=f"{url}/sandbox",
            headers={"Authorization": f"Bearer {API_KEY}"},
            trust_env=False,
            timeout=PATIENT_SECONDS,
        )

    def close(self) -> None:
        self._control.close()

    def meets(self, fault: Fault, **match: Any) -> None:
        """The next transfer meets this fault. `times`, `seconds`; else what the call is matched by."""
        rule: dict[str, Any] = {name: match.pop(name) for name in ("times", "seconds") if name in match}
        scripted = [{"fault": fault, "match": {"path": "/v1/transfers"} | match} | rule]
        self._control.post("/faults", json=scripted).raise_for_status()

    def faults_left(self) -> int:
        return len(self._faults())

    def patience_seconds(self) -> float:
        """How long a client of this test waits for an answer."""
        return IMPATIENT_SECONDS if UNANSWERED.intersection(self._faults()) else PATIENT_SECONDS

    def _faults(self) -> list[str]:
        return [rule["fault"] for rule in self._control.get("/faults").json()["script"]]

    def clear_faults(self) -> None:
        self._control.delete("/faults").raise_for_status()

    def transfers(self) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = self._control.get("/transfers").json()["payouts"]
        return found

    def reverse(self, transfer_id: str, amount_minor: int) -> None:
        """Somebody takes money back in Stripe's dashboard."""
        path = f"{self.url}/v1/transfers/{transfer_id}/reversals"
        self._control.post(path, data={"amount": str(amount_minor)}).raise_for_status()

    def events_about(self, payout_id: str, kind: str) -> list[dict[str, Any]]:
        """Stripe's events of this type about a payout's transfer, oldest first, as a webhook would bring them."""
        listed = self._control.get(f"{self.url}/v1/events", params={"type": kind, "limit": "100"}).json()["data"]
        return [each for each in reversed(listed) if each["data"]["object"]["metadata"].get("payout_id") == payout_id]

    def change_account(self, stripe_account_id: str, **change: Any) -> None:
        self._control.put(f"/accounts/{stripe_account_id}", json=change).raise_for_status()

    def top_up(self, amount_minor: int) -> None:
        self._control.post("/top-ups", json={"amount_minor": amount_minor}).raise_for_status()

    def let_pass(self, time: timedelta) -> None:
        self._control.post("/clock", json={"advance_seconds": time.total_seconds()}).raise_for_status()


@dataclass
class Clock:
    """The machine's clock, and how far a test has moved it on."""

    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def bonus_of(referrer: str | None = None) -> BonusEarned:
    """A bonus that nobody else has earned, not on any log."""
    referred_id = f"ins_{uuid4().hex}"
    payout_id = identifiers.payout_id(referred_id)
    return BonusEarned(
        referral_id=identifiers.referral_id(referred_id),
        payout_id=payout_id,
        referred_id=referred_id,
        referrer_id=referrer or payout_id.replace("pay_", "ins_referrer_"),
        tier="standard",
        founding_spot=None,
        founding_cap=0,
        amount_minor=5000,
        currency="usd",
    )


@dataclass
class Road:
    """A log, a to-do list and Stripe. Payouts have ids of their own, so that tests may share one twin and one log."""

    log: EventLog
    todo: TodoList
    stripe: Stripe
    clock: Clock = field(default_factory=Clock)
    owed: list[str] = field(default_factory=list)

    @property
    def notices(self) -> Notices:
        return Notices(self.log, self.clock)

    @property
    def review(self) -> PayoutReview:
        return PayoutReview(self.log, self.clock)

    def hear(self, payout_id: str, kind: str) -> None:
        """Stripe's webhook delivers all that it has of this kind about the payout."""
        for event in self.stripe.events_about(payout_id, kind):
            self.notices.hear(event)

    def agree_to(self, action: Action, payout_id: str) -> None:
        """One person asks for it and another approves."""
        asked = self.review.act(action, payout_id, note="asked for", actor="maker")
        assert isinstance(asked, Done)
        assert asked.approval is not None
        approved = self.review.decide(payout_id, asked.approval, granted=True, note="agreed", actor="checker")
        assert isinstance(approved, Done)

    def append(self, *events: Event) -> None:
        """Facts, or what a worker would have recorded before it died."""
        drafts = [Draft(Happened(event, self.clock()), "test", "test", None) for event in events]
        self.log.append(drafts, [about("whatever-nobody-records")], after=0)

    def owe(
        self, stripe_account_id: str | None = "acct_ok1", *, active: bool = True, referrer: str | None = None
    ) -> str:
        """A payout that became owed to a referrer with this account. Returns its id."""
        bonus = bonus_of(referrer)
        self.earn(bonus)
        if stripe_account_id is not None:
            self.connect_instructor(bonus.referrer_id, stripe_account_id, active=active)
        return bonus.payout_id

    def earn(self, bonus: BonusEarned) -> None:
        self.append(bonus)
        self.owed.append(bonus.payout_id)

    def connect(self, payout_id: str, stripe_account_id: str, *, active: bool = True) -> None:
        """A fact about the account of the payout's referrer."""
        self.connect_instructor(payout_id.replace("pay_", "ins_referrer_"), stripe_account_id, active=active)

    def connect_instructor(self, instructor_id: str, stripe_account_id: str, *, active: bool = True) -> None:
        self.append(
            PayoutAccountUpdated(
                instructor_id=instructor_id, stripe_account_id=stripe_account_id, transfers_active=active
            )
        )

    def advance(
        self,
        payout_id: str,
        *,
        gateway: Gateway = StripeGateway,
        api_key: str = API_KEY,
        policy: Policy = PAY_AT_ONCE,
    ) -> Wait | Finished:
        """What a worker does with the payout, from reading the log on."""

        async def once() -> Wait | Finished:
            async with self.process(gateway=gateway, api_key=api_key, policy=policy) as process:
                return await process.advance(payout_id)

        return asyncio.run(once())

    def search_in_vain(self, payout_id: str, times: int) -> None:
        """Searches, an hour apart by our clock; recorded they are at the database's, which cannot be moved."""
        for _ in range(times):
            before = len(self.events(payout_id))
            self.clock.ahead += timedelta(hours=1)
            self.advance(payout_id)
            assert [type(each.event) for each in self.events(payout_id)[before:]] == [TransferNotFound]

    @asynccontextmanager
    async def process(
        self, *, gateway: Gateway = StripeGateway, api_key: str = API_KEY, policy: Policy = PAY_AT_ONCE
    ) -> AsyncIterator[PayoutProcess]:
        calls = gateway(api_key, self.stripe.url, self.stripe.patience_seconds())
        try:
            yield PayoutProcess(ThreadedLog(self.log), calls, Pace(), self.clock, policy)
        finally:
            await calls.close()

    def events(self, payout_id: str) -> list[Recorded]:
        events, _ = self.log.read([about(payout_tag(payout_id))])
        return events

    def story(self, payout_id: str) -> list[str]:
        """The types of the payout's events after its bonus, e.g. `TransferRequested a1`."""
        return [
            " ".join(filter(None, [type(each.event).__name__, attempt and f"a{attempt}"]))
            for each in self.events(payout_id)[1:]
            for attempt in [getattr(each.event, "attempt", None)]
        ]

    def newest(self, payout_id: str) -> Any:
        return self.events(payout_id)[-1].event

    def payout(self, payout_id: str) -> Payout:
        payout = payouts.fold(self.events(payout_id))
        assert payout is not None
        return payout

    def assert_books_agree(self) -> None:
        """What Stripe holds for what became owed here is what the log says, and one transfer a payout."""
        names = ("id", "amount", "currency", "destination")
        held = self.stripe.transfers()
        for payout_id in self.owed:
            events = [each.event for each in self.events(payout_id)]
            said = [
                (each.transfer_id, each.amount_minor, each.currency, each.destination)
                for each in events
                if isinstance(each, TransferSettled)
            ]
            found = [tuple(each[name] for name in names) for each in held.get(payout_id, ())]
            assert said == found, payout_id
            assert len(found) <= 1, payout_id
