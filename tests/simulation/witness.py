"""Watches a run while it happens: every event as it is stored, every call as it leaves, is carried out and is answered.

It knows the rules from STRIPE.md and DESIGN section 11, not from the code under test, and it may look into the twin's own books.
"""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs

from ledger.event_log import recorded
from ledger.events import (
    AboutPayout,
    BonusEarned,
    Event,
    PayoutAccountUpdated,
    ProgramTermsSet,
    Recorded,
    TransferFailed,
    TransferNotFound,
    TransferOutcomeUnknown,
    TransferRequested,
    TransferSettled,
)
from sandbox.stripe_twin import Answer, Outcome, Request
from tests.simulation.chronicle import Chronicle, payout_in
from tests.simulation.decisions import Decisions
from tests.simulation.network import payout_of
from tests.simulation.storage import SimulatedRecorder
from tests.simulation.stripe_books import StripeBooks
from tests.simulation.watched import Violation, Watched

KEY_MAY_BE_SENT_FOR = timedelta(hours=23, minutes=40)
"""23 h (STRIPE.md) and as long as a process that has decided to send can be frozen before it does."""

EVENTS_AT_MOST = 20_000
"""In one run: no season needs so many, unless something goes round in circles."""

RESOLVES_NOTHING = frozenset({401, 409, 429})


class Witness:
    """Calls `on_violation` for each."""

    def __init__(
        self, chronicle: Chronicle, recorder: SimulatedRecorder, books: StripeBooks, on_violation: Callable[[], None]
    ) -> None:
        self._on_violation = on_violation
        self.violations: list[Violation] = []
        self.events: list[Recorded] = []
        self.payouts: dict[str, Watched] = {}
        self.looked_up: set[str] = set()
        self.something_is_looked_up = asyncio.Event()
        self.accounts: dict[str, PayoutAccountUpdated] = {}
        self._chronicle = chronicle
        self._recorder = recorder
        self._books = books
        self._decisions = Decisions(books, self.violated)
        self._terms: ProgramTermsSet | None = None
        self._founding = 0
        self._requests: dict[str, Recorded] = {}
        self._declined_keys: set[str] = set()

    def violated(self, invariant: str, detail: str, payout_id: str = "") -> None:
        self.violations.append(Violation(invariant, detail, payout_id))
        self._chronicle.tell("WITNESS", f"*** {self.violations[-1]}", payout_id)
        self._on_violation()

    def stored(self, first_position: int) -> None:
        """Events were stored, from this position on."""
        if first_position != len(self.events) + 1:
            self.violated("positions have no gap", f"{first_position} follows {len(self.events)}")
        if first_position > EVENTS_AT_MOST:
            self.violated("it comes to rest", f"{first_position} events")
        for sequenced in self._recorder.events[first_position - 1 :]:
            event = recorded(sequenced)  # type: ignore[arg-type]
            self.events.append(event)
            self._chronicle.tell("log", f"#{event.position} {_in_words(event.event)}", payout_in(event.event))
            self._chronicle.count(type(event.event).__name__)
            self._see(event)

    def _see(self, recorded_event: Recorded) -> None:
        match recorded_event.event:
            case ProgramTermsSet() as terms:
                self._terms = terms
            case PayoutAccountUpdated() as update:
                self.accounts[update.instructor_id] = update
            case BonusEarned() as bonus:
                self._earned(recorded_event, bonus)
            case TransferRequested() as request:
                self._requested(recorded_event, request)
            case TransferFailed() as failed:
                self._failed(failed)
            case TransferNotFound(payout_id=payout_id):
                self.payouts[payout_id].searches += 1
            case TransferOutcomeUnknown(payout_id=payout_id):
                self.payouts[payout_id].searches = 0
                if self.payouts[payout_id].unresolved is None:
                    self.violated("only a request has an outcome", "an unknown outcome of nothing", payout_id)
            case TransferSettled() as settled:
                self._settled(settled)
            case AboutPayout() as event:
                self._decisions.see(self.payouts[event.payout_id], recorded_event)

    def _earned(self, when: Recorded, bonus: BonusEarned) -> None:
        if bonus.payout_id in self.payouts:
            self.violated("one bonus per referral", "earned twice", bonus.payout_id)
        self.payouts[bonus.payout_id] = Watched(bonus, when.recorded_at)
        terms = self._terms
        if terms is None:
            self.violated("terms are events", "a bonus without terms", bonus.payout_id)
            return
        tier = "founding" if self._founding < terms.founding_cap else "standard"
        amount = terms.founding_bonus_minor if tier == "founding" else terms.standard_bonus_minor
        if (bonus.tier, bonus.amount_minor) != (tier, amount):
            self.violated(
                "founding bonuses are the first ones up to the cap", f"{bonus.tier}, not {tier}", bonus.payout_id
            )
        self._founding += bonus.tier == "founding"

    def _requested(self, when: Recorded, request: TransferRequested) -> None:
        payout = self.payouts[request.payout_id]
        if payout.settled is not None or payout.cancelled:
            self.violated("paid once", "a new attempt after it was settled or cancelled", request.payout_id)
        if payout.held:
            self.violated("what is held waits", f"attempt {request.attempt}", request.payout_id)
        if payout.unresolved is not None and not payout.may_retry:
            self.violated(
                "one unresolved attempt", f"{request.attempt} before {payout.unresolved.attempt}", request.payout_id
            )
        if request.attempt != len(payout.requests) + 1:
            self.violated("attempts are counted", f"attempt {request.attempt}", request.payout_id)
        if (request.amount_minor, request.currency) != (payout.bonus.amount_minor, payout.bonus.currency):
            self.violated("what is paid is the bonus", f"{request.amount_minor}", request.payout_id)
        account = self.accounts.get(payout.bonus.referrer_id)
        if account is None or (account.stripe_account_id, account.transfers_active) != (request.destination, True):
            self.violated("preflight", f"to {request.destination}, but {account}", request.payout_id)
        if request.idempotency_key in self._requests:
            self.violated("a new attempt has a new key", request.idempotency_key, request.payout_id)
        payout.requests.append(when)
        payout.unresolved, payout.may_retry, payout.searches = request, False, 0
        self._requests[request.idempotency_key] = when

    def _failed(self, failed: TransferFailed) -> None:
        payout = self.payouts[failed.payout_id]
        request, payout.unresolved = payout.unresolved, None
        if request is None or request.attempt != failed.attempt:
            self.violated("only a request has an outcome", "a decline of nothing", failed.payout_id)
        elif request.idempotency_key not in self._declined_keys:
            self.violated("a decline was declined by Stripe", f"HTTP {failed.http_status} is none", failed.payout_id)
        elif self._books.transfers_with_key(request.idempotency_key):
            self.violated("a declined key moved nothing", request.idempotency_key, failed.payout_id)

    def _settled(self, settled: TransferSettled) -> None:
        payout = self.payouts[settled.payout_id]
        if payout.settled is not None or payout.cancelled:
            self.violated("paid once", "settled twice, or cancelled", settled.payout_id)
        payout.settled, payout.unresolved = settled, None
        there = {transfer.transfer_id: transfer for transfer in self._books.transfers_of(settled.payout_id)}
        transfer = there.get(settled.transfer_id)
        said = (settled.amount_minor, settled.currency, settled.destination)
        if transfer is None or (transfer.amount_minor, transfer.currency, transfer.destination) != said:
            self.violated("the log says what Stripe holds", f"{said}, not {transfer}", settled.payout_id)

    def leaving(self, request: Request) -> None:
        """A call is about to be made."""
        if request.method == "GET" and request.path == "/v1/transfers":
            self.looked_up.add(payout_of(request))
            self.something_is_looked_up.set()
        if not _is_transfer(request):
            return
        key, payout_id = request.headers.get("idempotency-key", ""), payout_of(request)
        intent = self._requests.get(key)
        if intent is None or not isinstance(intent.event, TransferRequested):
            self.violated("the intent is on the log before the call", key, payout_id)
            return
        self._chronicle.count("transfers sent")
        if _parameters(request) != _wanted(intent.event):
            self.violated("exactly what is on the log is sent", request.encoded_parameters, payout_id)
        age = self._chronicle.now() - intent.recorded_at
        if age > KEY_MAY_BE_SENT_FOR:
            self.violated("a key older than 23 h is never sent", f"{key} after {age}", payout_id)

    def carried_out(self, request: Request, outcome: Outcome) -> None:
        """Stripe is done with a call; its caller does not know yet."""
        if not _is_transfer(request) or not isinstance(outcome, Answer):
            return
        payout_id = payout_of(request)
        held = [transfer for transfer in self._books.transfers_of(payout_id) if transfer.net_minor > 0]
        if len(held) > 1:
            self.violated("never twice", f"Stripe holds {len(held)} transfers", payout_id)

    def arrived(self, request: Request, outcome: Outcome) -> None:
        """An answer reached its caller."""
        if _is_transfer(request) and isinstance(outcome, Answer) and _is_decline(outcome):
            self._declined_keys.add(request.headers.get("idempotency-key", ""))


def _is_transfer(request: Request) -> bool:
    return request.method == "POST" and request.path == "/v1/transfers"


def _is_decline(answer: Answer) -> bool:
    if not 400 <= answer.status < 500 or answer.status in RESOLVES_NOTHING:
        return False
    try:
        error = json.loads(answer.body)["error"]
    except (ValueError, KeyError):
        return False
    return bool(error["type"] != "idempotency_error")


def _parameters(request: Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.body.decode()).items()}


def _wanted(intent: TransferRequested) -> dict[str, str]:
    return {
        "amount": str(intent.amount_minor),
        "currency": intent.currency,
        "destination": intent.destination,
        "transfer_group": intent.transfer_group,
        **{f"metadata[{name}]": value for name, value in intent.metadata.items()},
    }


_SHOWN: dict[type[Event], Callable[..., str]] = {
    TransferRequested: lambda event: f" a{event.attempt} {event.amount_minor} to {event.destination}",
    TransferFailed: lambda event: f" a{event.attempt} {event.kind} (HTTP {event.http_status} {event.stripe_code})",
    TransferOutcomeUnknown: lambda event: f" a{event.attempt} {event.kind} ({event.detail})",
    TransferSettled: lambda event: f" a{event.attempt} {event.transfer_id}{' adopted' if event.adopted else ''}",
    BonusEarned: lambda event: f" {event.payout_id} {event.amount_minor} for {event.referrer_id}",
    PayoutAccountUpdated: lambda event: f" {event.instructor_id} {event.stripe_account_id} {event.transfers_active}",
}


def _in_words(event: Event) -> str:
    show = _SHOWN.get(type(event))
    return type(event).__name__ + (show(event) if show else "")
