"""The way to Stripe and back: the official client above, the twin below, and the weather in between.

What arrived at Stripe goes on there when its caller gave up, died or was frozen.
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx
import stripe

from ledger.payouts.stripe_gateway import StripeGateway
from ledger.payouts.stripe_transport import CALL_TIMEOUT_SECONDS, Bypass, Transport, stripe_client
from sandbox.stripe_twin import Answer, Fault, FaultRule, Match, Outcome, Request, Reset, Silence, Twin
from tests.simulation.chronicle import Chronicle
from tests.simulation.plan import Sky, Spell
from tests.simulation.virtual_time import VirtualTimeLoop, current_life

BAD_GATEWAY = Answer(503, {"Content-Type": "text/html"}, b"<html><h1>503 Service Unavailable</h1></html>")
TOO_MANY = (
    Fault.GLOBAL_RATE,
    Fault.ENDPOINT_RATE,
    Fault.GLOBAL_CONCURRENCY,
    Fault.ENDPOINT_CONCURRENCY,
    Fault.RESOURCE_SPECIFIC,
    Fault.LOCK_TIMEOUT,
)
API_KEY = "sk_test_of_the_simulation"
WRONG_KEY = "Bearer sk_test_an_old_one"


class Listener(Protocol):
    """Is told of every call as it leaves us, is carried out, and as its answer reaches whoever waits for it."""

    def leaving(self, request: Request) -> None: ...

    def carried_out(self, request: Request, outcome: Outcome) -> None: ...

    def arrived(self, request: Request, outcome: Outcome) -> None: ...


class Network(Transport):
    """Below Stripe's client, in place of aiohttp."""

    name = "simulation"

    def __init__(
        self,
        twin: Twin,
        loop: VirtualTimeLoop,
        lots: Random,
        chronicle: Chronicle,
        weather: Sequence[Spell],
        on_change: Callable[[], None],
    ) -> None:
        stripe.HTTPClient.__init__(self)  # the transport's own would open connections
        self._twin = twin
        self._loop = loop
        self._lots = lots
        self._chronicle = chronicle
        self.listeners: list[Listener] = []
        self._weather = weather
        self._on_change = on_change

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        request = _request(method, url, headers, post_data)
        for listener in self.listeners:
            listener.leaving(request)
        self._tell(f"→ {_brief(request)}", request)
        there = self._loop.create_task(self._serve(request), context=self._loop.outside.copy())
        try:
            async with asyncio.timeout(CALL_TIMEOUT_SECONDS):
                outcome = await asyncio.shield(there)
                if isinstance(outcome, Silence):
                    await self._loop.create_future()
        except TimeoutError as error:
            self._tell(f"← timeout {_brief(request)}", request)
            raise stripe.APIConnectionError("Request timed out.", should_retry=True) from error
        for listener in self.listeners:
            listener.arrived(request, outcome)
        if not isinstance(outcome, Answer):
            self._tell(f"← {type(outcome).__name__} {_brief(request)}", request)
            raise stripe.APIConnectionError(type(outcome).__name__, should_retry=True)
        self._tell(f"← {outcome.status} {_brief(request)}{_detail(outcome)}", request)
        return outcome.body, outcome.status, httpx.Headers(dict(outcome.headers))

    async def close_async(self) -> None:
        """Nothing is held open."""

    def sky(self) -> Sky | None:
        now = self._loop.time()
        return next((spell.sky for spell in self._weather if spell.start <= now < spell.start + spell.length), None)

    async def _serve(self, request: Request) -> Outcome:
        await asyncio.sleep(self._lots.uniform(0.001, 0.02))
        sky = self.sky()
        if sky is not None:
            self._chronicle.count(f"calls under a sky that is {sky}")
        if sky == "down":
            return self._lots.choice((Silence(), Reset(), BAD_GATEWAY))
        if sky == "slow":
            await asyncio.sleep(self._lots.uniform(0, 0.7 * CALL_TIMEOUT_SECONDS))
        if sky == "busy" and self._lots.random() < 0.8:
            refusal = self._lots.choice(TOO_MANY)
            self._twin.faults.script.append(FaultRule(refusal, Match(method=None)))
        if sky == "locked_out":
            call = self._twin.receive(replace(request, headers={**request.headers, "authorization": WRONG_KEY}))
        else:
            call = self._twin.receive(request)
        if call.fault is not None:
            self._chronicle.count(f"fault {call.fault.fault.value}")
        dawdling_seconds = self._lots.uniform(0, 0.8 * CALL_TIMEOUT_SECONDS) if sky == "slow" else 0.0
        await asyncio.sleep(call.work_seconds + dawdling_seconds)  # one answer in five comes too late
        outcome = self._twin.execute(call)
        for listener in self.listeners:
            listener.carried_out(request, outcome)
        self._on_change()
        await asyncio.sleep(call.return_seconds)
        return self._lots.choice((Silence(), Reset(), BAD_GATEWAY)) if sky == "deaf" else outcome

    def _tell(self, what: str, request: Request) -> None:
        life = current_life()
        self._chronicle.count("calls" if what[0] == "→" else "calls ended")
        self._chronicle.tell(life.name if life else "?", what, payout_of(request))


class SimulatedStripeGateway(StripeGateway):
    """The real gateway and the official client, over another network."""

    def __init__(self, network: Network) -> None:
        self._http = Bypass(network)
        self._client = stripe_client(API_KEY, None, self._http)


def payout_of(request: Request) -> str:
    """The payout that a request names, or nothing."""
    found = _PAYOUT.search(request.encoded_parameters) or _PAYOUT.search(request.headers.get("idempotency-key", ""))
    return found.group() if found else ""


_PAYOUT = re.compile(r"pay_[a-z2-7]{20}")


def _request(method: str, url: str, headers: Mapping[str, str], post_data: Any) -> Request:
    parts = urlsplit(url)
    body = post_data.encode() if isinstance(post_data, str) else post_data or b""
    lower_case = {name.lower(): value for name, value in headers.items()}
    return Request(method.upper(), parts.path, parts.query, lower_case, body)


def _brief(request: Request) -> str:
    key = request.headers.get("idempotency-key") if request.method == "POST" else None
    return f"{request.method} {request.path}" + (f" [{key}]" if key else "")


def _detail(answer: Answer) -> str:
    """What makes an answer another than its status says."""
    code = _CODE.search(answer.body)
    replayed = " (replayed)" if answer.headers.get("Idempotent-Replayed") else ""
    return f" {code.group(1).decode()}{replayed}" if code else replayed


_CODE = re.compile(rb'"code": ?"([a-z_]+)"')
