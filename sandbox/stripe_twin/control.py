"""The sandbox's own controls under `/sandbox/`: what a person at Stripe, a bank or the passing of time would do.

Only the demo and tests use them. They ask for the twin's API key, like everything else.

    GET    transfers               all transfers by payout, to be held against the caller's log
    GET    balances                who has how much
    GET    reports/balance_change_from_activity.itemized.3.csv?interval_start=&interval_end=&currency=
    POST   top-ups                 {"amount_minor", "currency"}
    PUT    accounts/{id}           {"transfers": "active|inactive|pending", "closed": false}
    POST   accounts/{id}/bank-payouts   {"amount_minor", "currency", "failure_code"}
    GET    faults                  the script and the rates; POST adds to the script, DELETE clears both
    PUT    faults/rates            {"timeout_after": 0.05, ...}
    GET    webhooks                deliveries still owed
    GET    clock                   POST {"advance_seconds"}
"""

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sandbox.stripe_twin import accounts, books, parameters, reports, webhooks
from sandbox.stripe_twin.authentication import authenticate
from sandbox.stripe_twin.clock import ShiftedClock
from sandbox.stripe_twin.faults import Fault, FaultRule
from sandbox.stripe_twin.messages import Answer, Json, Request
from sandbox.stripe_twin.refusals import Refusal, unknown_url
from sandbox.stripe_twin.settings import CURRENCIES
from sandbox.stripe_twin.twin import Twin

PREFIX = "/sandbox/"
CLOCK_OFFSET = "clock_offset_seconds"
REPORT = "reports/balance_change_from_activity.itemized.3.csv"

_INTERVAL = {
    "interval_start": parameters.Field(parameters.integer()),
    "interval_end": parameters.Field(parameters.integer()),
    "currency": parameters.Field(parameters.currency),
}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Money(_Body):
    """So much of one currency."""

    amount_minor: int = Field(gt=0)
    currency: Literal[tuple(CURRENCIES)] = "usd"  # type: ignore[valid-type]


class BankPayout(Money):
    """A connected account's payout to its bank; with a failure code it fails."""

    failure_code: str | None = None


class AccountChange(_Body):
    """What is left out stays as it is."""

    transfers: Literal["active", "inactive", "pending"] | None = None
    closed: bool | None = None


class ClockAdvance(_Body):
    """How much time passes at once."""

    advance_seconds: float = Field(ge=0)


@dataclass(frozen=True)
class _Control:
    """One method and path: the type of its body, and what it does with the id in the path and the body."""

    method: str
    path: re.Pattern[str]
    body: TypeAdapter[Any] | None
    action: Callable[..., Json | str]


class Controls:
    """Answers requests under `/sandbox/`, in process like the twin itself."""

    def __init__(self, twin: Twin, clock: ShiftedClock) -> None:
        self._twin = twin
        self._clock = clock
        self._controls = [
            _control("GET", "transfers", self._transfers),
            _control("GET", "balances", self._balances),
            _control("GET", "faults", self._faults),
            _control("POST", "faults", self._script_faults, list[FaultRule]),
            _control("DELETE", "faults", self._clear_faults),
            _control("PUT", "faults/rates", self._set_rates, dict[Fault, float]),
            _control("POST", "top-ups", self._top_up, Money),
            _control("PUT", "accounts/([^/]+)", self._change_account, AccountChange),
            _control("POST", "accounts/([^/]+)/bank-payouts", self._pay_out_to_bank, BankPayout),
            _control("GET", "webhooks", self._webhooks),
            _control("GET", "clock", self._read_clock),
            _control("POST", "clock", self._advance_clock, ClockAdvance),
        ]

    def handle(self, request: Request) -> Answer:
        """Do what is asked; 401, 404, 409 or 422 with a Stripe-like error body otherwise."""
        try:
            authenticate(request.headers.get("authorization"), self._twin.world.settings.api_key)
            result = self._carry_out(request)
        except Refusal as refusal:
            return _json(refusal.status, refusal.payload("sandbox"))
        except ValidationError as error:
            return _json(422, {"error": {"message": str(error)}})
        if isinstance(result, str):
            return Answer(200, {"Content-Type": "text/csv; charset=utf-8"}, result.encode())
        return _json(200, result)

    def _carry_out(self, request: Request) -> Json | str:
        path = request.path.removeprefix(PREFIX)
        if (request.method, path) == ("GET", REPORT):
            return self._report(request.query)
        for control in self._controls:
            found = control.path.fullmatch(path) if control.method == request.method else None
            if found:
                body = () if control.body is None else (control.body.validate_json(request.body),)
                return control.action(*found.groups(), *body)
        raise unknown_url(request.method, request.path)

    def _transfers(self) -> Json:
        return {"payouts": reports.transfers_by_payout(self._twin.world)}

    def _balances(self) -> Json:
        return {"balances": reports.balances(self._twin.world)}

    def _report(self, query: str) -> str:
        asked = parameters.checked(parameters.decode(query), _INTERVAL)
        start, end = asked.get("interval_start", 0), asked.get("interval_end", reports.END_OF_TIME)
        return reports.activity(self._twin.world, start, end, asked.get("currency"))

    def _top_up(self, money: Money) -> Json:
        return {"id": books.top_up(self._twin.world, money.amount_minor, money.currency)}

    def _change_account(self, account: str, change: AccountChange) -> Json:
        changed = accounts.change(self._twin.world, account, transfers=change.transfers, closed=change.closed)
        return accounts.shape(changed)

    def _pay_out_to_bank(self, account: str, payout: BankPayout) -> Json:
        amount, currency = payout.amount_minor, payout.currency
        if books.available(self._twin.world, account, currency) < amount:
            raise Refusal(409, f"{account} does not have {amount} {currency}", "balance_insufficient")
        return {"id": accounts.pay_out_to_bank(self._twin.world, account, amount, currency, payout.failure_code)}

    def _faults(self) -> Json:
        return {"script": [asdict(rule) for rule in self._twin.faults.script], "rates": dict(self._twin.faults.rates)}

    def _script_faults(self, rules: list[FaultRule]) -> Json:
        self._twin.faults.script.extend(rules)
        return self._faults()

    def _set_rates(self, rates: dict[Fault, float]) -> Json:
        try:
            self._twin.faults.set_rates(rates)
        except ValueError as error:
            raise Refusal(422, str(error)) from error
        return self._faults()

    def _clear_faults(self) -> Json:
        self._twin.faults.script.clear()
        self._twin.faults.set_rates({})
        return self._faults()

    def _webhooks(self) -> Json:
        return {"pending": webhooks.pending(self._twin.world)}

    def _read_clock(self) -> Json:
        return {"now_seconds": self._clock(), CLOCK_OFFSET: self._clock.offset_seconds}

    def _advance_clock(self, advance: ClockAdvance) -> Json:
        self._clock.advance(advance.advance_seconds)
        self._twin.world.store.remember(CLOCK_OFFSET, repr(self._clock.offset_seconds))
        return self._read_clock()


def _control(method: str, path: str, action: Callable[..., Json | str], body: Any = None) -> _Control:
    return _Control(method, re.compile(path), None if body is None else TypeAdapter(body), action)


def _json(status: int, body: Json) -> Answer:
    return Answer(status, {"Content-Type": "application/json"}, json.dumps(body).encode())
