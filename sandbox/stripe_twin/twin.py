"""The twin itself: takes a request, does what Stripe would do, and says how the request ends for its caller.

It never waits, and its only clock is the one it was given. Whoever calls it lets time pass between the two halves:

    call = twin.receive(request)        # authenticate, limit, parse, look up the key
    ... call.work_seconds pass ...      # the key is in progress
    outcome = twin.execute(call)        # execute, save
    ... call.return_seconds pass ...    # webhooks may overtake the answer
    ... the caller meets outcome ...    # Answer, Silence, Reset or BrokenOff
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.stripe_twin import agenda, books, endpoints, refusals, spoiling
from sandbox.stripe_twin.authentication import authenticate
from sandbox.stripe_twin.clock import Clock
from sandbox.stripe_twin.faults import ON_ARRIVAL, Chosen, Fault, Faults, Target
from sandbox.stripe_twin.idempotency import Keys, SavedAnswer, Use
from sandbox.stripe_twin.limits import Limiter
from sandbox.stripe_twin.messages import Answer, Json, Outcome, Request
from sandbox.stripe_twin.parameters import decode
from sandbox.stripe_twin.refusals import Refusal
from sandbox.stripe_twin.settings import Settings
from sandbox.stripe_twin.storage import Store
from sandbox.stripe_twin.world import Cause, World, encode

_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(\.[a-z]+)?")


@dataclass
class Call:
    """A request under way. `outcome` is set as soon as nothing is left to execute."""

    request: Request
    request_id: str
    work_seconds: float = 0.0
    return_seconds: float = 0.0
    outcome: Outcome | None = None
    fault: Chosen | None = None
    endpoint: endpoints.Endpoint | None = None
    details: endpoints.Call | None = None
    use: Use | None = None

    def meets(self, fault: Fault) -> bool:
        """Whether this is the fault chosen for the call."""
        return self.fault is not None and self.fault.fault is fault


class Twin:
    """Stripe's behaviour over one store. One thread at a time, like the store."""

    def __init__(
        self, store: Store, settings: Settings, *, clock: Clock, seed: int, faults: Faults | None = None
    ) -> None:
        start = int(store.setting("starts") or 0) + 1
        self.world = World(store, settings, clock, seed, start)
        self.faults = Faults() if faults is None else faults
        self._keys = Keys(self.world)
        self._limiter = Limiter(settings.limits, clock)
        with store.transaction():
            store.remember("starts", str(start))
            if start == 1 and settings.balance_minor > 0:
                books.top_up(self.world, settings.balance_minor, settings.currency)

    def receive(self, request: Request) -> Call:
        """The first half of a request, up to the moment from which its key is in progress."""
        agenda.run_due(self.world)
        call = Call(request, self.world.new_id("req"))
        if self.world.settings.latency is not None:
            duration = self.world.settings.latency.draw(self.world.random)
            call.work_seconds = duration * self.world.random.random()
            call.return_seconds = duration - call.work_seconds
        try:
            self._admit(call)
        except Refusal as refusal:
            call.outcome = self._answer(call, refusal.status, _error(call, refusal), refusal.headers)
        if call.outcome is not None:
            self._leave(call)
        return call

    def execute(self, call: Call) -> Outcome:
        """The second half: execute, save, answer; and what the call's fault leaves of the answer."""
        agenda.run_due(self.world)
        if call.outcome is None:
            try:
                call.outcome = self._execute(call)
            finally:
                self._leave(call)
        if call.fault is None or not isinstance(call.outcome, Answer):
            return call.outcome
        return spoiling.on_return(call.fault.fault, call.outcome)

    def handle(self, request: Request) -> Outcome:
        """Both halves at once, for callers to whom time does not matter."""
        return self.execute(self.receive(request))

    def _admit(self, call: Call) -> None:
        request = call.request
        authenticate(request.headers.get("authorization"), self.world.settings.api_key)
        self._check_version(request)
        endpoint, ids = endpoints.find(request.method, request.path)
        owner = endpoints.owner_of(endpoint, request.headers.get("stripe-account"))
        self._limiter.admit(endpoint.name)
        call.endpoint = endpoint
        parameters = endpoint.parse(decode(request.encoded_parameters))
        key = (request.headers.get("idempotency-key") or None) if request.method == "POST" else None
        self._choose_fault(call, parameters, key)
        if call.outcome is not None:
            return
        lag = call.fault.seconds if call.fault is not None and call.meets(Fault.LIST_LAG) else 0.0
        call.details = endpoints.Call(ids, parameters, Cause(call.request_id, key, lag), owner)
        if key is not None:
            use = Use(key, _fingerprint(request, parameters), request.path)
            saved = self._keys.look_up(use)
            if saved is not None:
                call.outcome = self._replay(call, saved)
            else:
                call.use = use
                self._keys.begin(use)

    def _choose_fault(self, call: Call, parameters: Json, key: str | None) -> None:
        request = call.request
        is_replay = key is not None and self._keys.is_saved(key)
        target = Target(request.method, request.path, parameters, key, is_replay)
        call.fault = self.faults.choose(target, self.world.random)
        if call.fault is None:
            return
        if call.fault.fault in ON_ARRIVAL:
            call.outcome = spoiling.on_arrival(call.fault.fault, key or "")
        elif call.meets(Fault.LATE_EFFECT):
            call.work_seconds = call.fault.seconds
        elif call.meets(Fault.SLOW_ANSWER):
            call.return_seconds += call.fault.seconds

    def _execute(self, call: Call) -> Answer:
        """Effect and saved answer are one transaction: after a crash there are both, or neither."""
        with self.world.store.transaction():
            try:
                status, body, headers = 200, encode(self._perform(call)), {}
            except Refusal as refusal:
                status, body, headers = refusal.status, _error(call, refusal), refusal.headers
            if call.use is not None:
                self._keys.save(call.use, SavedAnswer(call.request_id, status, body.encode()))
        return self._answer(call, status, body, headers, original_request=call.request_id if call.use else None)

    def _perform(self, call: Call) -> Json:
        if call.endpoint is None or call.details is None:
            raise ValueError("only an admitted call can be executed")
        if call.fault is not None:
            spoiling.before_execution(self.world, call.fault, call.details.parameters)
        with self.world.store.transaction():
            result = call.endpoint.execute(self.world, call.details)
        if call.meets(Fault.ERROR_500_WITH_EFFECT):
            raise refusals.server_error()
        return result

    def _leave(self, call: Call) -> None:
        if call.use is not None:
            self._keys.end(call.use)
        if call.endpoint is not None:
            self._limiter.leave(call.endpoint.name)

    def _replay(self, call: Call, saved: SavedAnswer) -> Answer:
        headers = {"Idempotent-Replayed": "true"}
        return self._answer(call, saved.status, saved.body, headers, original_request=saved.request_id)

    def _answer(
        self,
        call: Call,
        status: int,
        body: str | bytes,
        headers: Mapping[str, str],
        *,
        original_request: str | None = None,
    ) -> Answer:
        asked = call.request.headers
        always = {
            "Content-Type": "application/json",
            "Request-Id": call.request_id,
            "Stripe-Version": asked.get("stripe-version", self.world.settings.api_version),
        }
        if original_request is not None:
            always |= {"Idempotency-Key": asked["idempotency-key"], "Original-Request": original_request}
        return Answer(status, {**always, **headers}, body.encode() if isinstance(body, str) else body)

    def _check_version(self, request: Request) -> None:
        version = request.headers.get("stripe-version")
        if version is not None and not _VERSION.fullmatch(version):
            raise refusals.invalid(f"Invalid Stripe API version: {version[:40]}")


def _error(call: Call, refusal: Refusal) -> str:
    return encode(refusal.payload(call.request_id))


def _fingerprint(request: Request, parameters: Json) -> str:
    described = json.dumps([request.method, request.path, parameters], sort_keys=True)
    return hashlib.sha256(described.encode()).hexdigest()
