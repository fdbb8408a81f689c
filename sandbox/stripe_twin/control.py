"""The sandbox's own controls under `/sandbox/`: what a person at Stripe, a bank or the passing of time would do.

Only the demo and tests use them. They ask for the twin's API key, like everything else.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Response
from pydantic import BaseModel, ConfigDict, Field

from sandbox.stripe_twin import accounts, books, reports, webhooks
from sandbox.stripe_twin.authentication import authenticate
from sandbox.stripe_twin.clock import ShiftedClock
from sandbox.stripe_twin.faults import Fault, FaultRule
from sandbox.stripe_twin.messages import Json
from sandbox.stripe_twin.refusals import Refusal
from sandbox.stripe_twin.twin import Twin

CLOCK_OFFSET = "clock_offset_seconds"

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TopUp(_Body):
    """Money for the platform's balance."""

    amount_minor: int = Field(gt=0)
    currency: str = "usd"


class AccountChange(_Body):
    """What is left out stays as it is."""

    transfers: Literal["active", "inactive", "pending"] | None = None
    closed: bool | None = None


class BankPayout(_Body):
    """A connected account's payout to its bank; with a failure code it fails."""

    amount_minor: int = Field(gt=0)
    currency: str = "usd"
    failure_code: str | None = None


class ClockAdvance(_Body):
    """How much time passes at once."""

    advance_seconds: float = Field(ge=0)


def application(twin: Twin, clock: ShiftedClock, wake: Callable[[], None], lifespan: Lifespan) -> FastAPI:
    """The controls as an ASGI application; `wake` tells the sender that something may be due."""

    async def authorized(authorization: Annotated[str | None, Header()] = None) -> AsyncIterator[None]:
        try:
            authenticate(authorization, twin.world.settings.api_key)
        except Refusal as refusal:
            raise HTTPException(refusal.status, refusal.message) from refusal
        yield
        wake()

    control = FastAPI(title="Stripe twin: sandbox controls", lifespan=lifespan, openapi_url="/sandbox/openapi.json")
    router = APIRouter(prefix="/sandbox", dependencies=[Depends(authorized)])
    _add_money(router, twin)
    _add_world(router, twin, clock)
    control.include_router(router)
    return control


def _add_money(router: APIRouter, twin: Twin) -> None:
    world = twin.world

    @router.get("/transfers")
    async def transfers() -> dict[str, dict[str, list[Json]]]:
        return {"payouts": reports.transfers_by_payout(world)}

    @router.get("/balances")
    async def balances() -> dict[str, list[Json]]:
        return {"balances": reports.balances(world)}

    @router.get("/reports/balance_change_from_activity.itemized.3.csv")
    async def activity(interval_start: int = 0, interval_end: int = 2**53, currency: str | None = None) -> Response:
        return Response(reports.activity(world, interval_start, interval_end, currency), media_type="text/csv")

    @router.post("/top-ups")
    async def top_up(body: TopUp) -> dict[str, str]:
        return {"id": books.top_up(world, body.amount_minor, body.currency)}

    @router.put("/accounts/{account}")
    async def change_account(account: str, body: AccountChange) -> Json:
        return accounts.shape(accounts.change(world, account, transfers=body.transfers, closed=body.closed))

    @router.post("/accounts/{account}/bank-payouts")
    async def pay_out_to_bank(account: str, body: BankPayout) -> dict[str, str]:
        if books.available(world, account, body.currency) < body.amount_minor:
            raise HTTPException(409, f"{account} does not have {body.amount_minor} {body.currency}")
        amount, currency = body.amount_minor, body.currency
        return {"id": accounts.pay_out_to_bank(world, account, amount, currency, body.failure_code)}


def _add_world(router: APIRouter, twin: Twin, clock: ShiftedClock) -> None:
    @router.get("/faults")
    async def faults() -> Json:
        return {"script": [asdict(rule) for rule in twin.faults.script], "rates": twin.faults.rates}

    @router.post("/faults")
    async def script_faults(rules: list[FaultRule]) -> dict[str, int]:
        twin.faults.script.extend(rules)
        return {"scripted": len(twin.faults.script)}

    @router.put("/faults/rates")
    async def set_rates(rates: dict[Fault, float]) -> dict[Fault, float]:
        try:
            twin.faults.set_rates(rates)
        except ValueError as error:
            raise HTTPException(422, str(error)) from error
        return rates

    @router.delete("/faults")
    async def clear_faults() -> Json:
        twin.faults.script.clear()
        twin.faults.set_rates({})
        return await faults()

    @router.get("/webhooks")
    async def pending_webhooks() -> dict[str, list[Json]]:
        return {"pending": webhooks.pending(twin.world)}

    @router.get("/clock")
    async def read_clock() -> dict[str, float]:
        return {"now_seconds": clock(), CLOCK_OFFSET: clock.offset_seconds}

    @router.post("/clock")
    async def advance_clock(body: ClockAdvance) -> dict[str, float]:
        clock.advance(body.advance_seconds)
        twin.world.store.remember(CLOCK_OFFSET, repr(clock.offset_seconds))
        return await read_clock()
