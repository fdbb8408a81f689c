"""Each fault as Stripe's own client meets it, in process and over a real connection, and what is true afterwards."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
import stripe

from sandbox.stripe_twin import (
    UNANSWERED,
    Fault,
    FaultRule,
    Faults,
    Match,
    Settings,
    Store,
    Twin,
    VirtualClock,
    process,
    reports,
)
from sandbox.stripe_twin.profiles import PROFILES
from tests.sandbox.stripe_twin_platform import KEY, client_of

TRANSFER: Any = {"amount": 7500, "currency": "usd", "destination": "acct_ok1"}


class Opponent(Protocol):
    """A twin, however it is reached."""

    @property
    def client(self) -> stripe.StripeClient: ...
    def script(self, fault: Fault, seconds: float) -> None: ...
    def transfers(self) -> int: ...


class InProcess:
    def __init__(self) -> None:
        self.twin = Twin(Store(), Settings(KEY), clock=VirtualClock(), seed=1)
        self.client = client_of(self.twin)

    def script(self, fault: Fault, seconds: float) -> None:
        self.twin.faults.script.append(FaultRule(fault, seconds=seconds))

    def transfers(self) -> int:
        return sum(map(len, reports.transfers_by_payout(self.twin.world).values()))


class OverHTTP:
    def __init__(self, url: str) -> None:
        self._url = url
        self._transports = {hurried: stripe.RequestsClient(timeout=0.3 if hurried else 30) for hurried in (True, False)}
        self.control = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False, timeout=30
        )

    @property
    def client(self) -> stripe.StripeClient:
        """Waits only briefly for an answer that is not to come, but else for as long as a busy machine takes."""
        script = self.control.get("/sandbox/faults").json()["script"]
        transport = self._transports[not UNANSWERED.isdisjoint(rule["fault"] for rule in script)]
        addresses: Any = {"api": self._url}
        return stripe.StripeClient(KEY, base_addresses=addresses, http_client=transport, max_network_retries=0)

    def script(self, fault: Fault, seconds: float) -> None:
        self.control.post("/sandbox/faults", json=[{"fault": fault, "seconds": seconds}]).raise_for_status()

    def close(self) -> None:
        for transport in self._transports.values():
            transport.close()
        self.control.close()

    def transfers(self) -> int:
        payouts = self.control.get("/sandbox/transfers").json()["payouts"]
        return sum(map(len, payouts.values()))


@pytest.fixture(scope="module")
def over_http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OverHTTP]:
    books: Path = tmp_path_factory.mktemp("twin")
    with process.start(books, api_key=KEY, arguments=["--no-latency"]) as twin:
        opponent = OverHTTP(twin.url)
        yield opponent
        opponent.close()


@pytest.fixture(params=["in_process", "over_http"])
def opponent(request: pytest.FixtureRequest) -> Opponent:
    if request.param == "in_process":
        return InProcess()
    reached: OverHTTP = request.getfixturevalue("over_http")
    return reached


@dataclass(frozen=True)
class Meeting:
    """What the client raises, with which HTTP status and code; whether a transfer exists; what the same key gives next."""

    raises: type[stripe.StripeError]
    status: int | None
    code: str | None
    has_effect: bool
    then: str  # "executed", "replayed" or the same "refusal"


LIMITED = stripe.RateLimitError
UNREACHABLE = stripe.APIConnectionError

MEETINGS = {
    Fault.TIMEOUT_BEFORE: Meeting(UNREACHABLE, None, None, False, "executed"),
    Fault.RESET_BEFORE: Meeting(UNREACHABLE, None, None, False, "executed"),
    Fault.HTML_502: Meeting(stripe.APIError, 502, None, False, "executed"),
    Fault.ERROR_401: Meeting(stripe.AuthenticationError, 401, None, False, "executed"),
    Fault.ERROR_403: Meeting(stripe.PermissionError, 403, "account_invalid", False, "executed"),
    Fault.CONFLICT_409: Meeting(stripe.APIError, 409, "idempotency_key_in_use", False, "executed"),
    Fault.GLOBAL_RATE: Meeting(LIMITED, 429, "rate_limit", False, "executed"),
    Fault.ENDPOINT_RATE: Meeting(LIMITED, 429, "rate_limit", False, "executed"),
    Fault.GLOBAL_CONCURRENCY: Meeting(LIMITED, 429, "rate_limit", False, "executed"),
    Fault.ENDPOINT_CONCURRENCY: Meeting(LIMITED, 429, "rate_limit", False, "executed"),
    Fault.RESOURCE_SPECIFIC: Meeting(LIMITED, 429, "rate_limit", False, "executed"),
    Fault.LOCK_TIMEOUT: Meeting(LIMITED, 429, "lock_timeout", False, "executed"),
    Fault.ERROR_500_WITHOUT_EFFECT: Meeting(stripe.APIError, 500, None, False, "refusal"),
    Fault.ERROR_500_WITH_EFFECT: Meeting(stripe.APIError, 500, None, True, "refusal"),
    Fault.INSUFFICIENT_BALANCE: Meeting(stripe.InvalidRequestError, 400, "balance_insufficient", False, "refusal"),
    Fault.CAPABILITY_FLIP: Meeting(
        stripe.InvalidRequestError, 400, "insufficient_capabilities_for_transfer", False, "refusal"
    ),
    Fault.TIMEOUT_AFTER: Meeting(UNREACHABLE, None, None, True, "replayed"),
    Fault.RESET_AFTER: Meeting(UNREACHABLE, None, None, True, "replayed"),
    Fault.TRUNCATED_BODY: Meeting(stripe.APIError, 200, None, True, "replayed"),
    Fault.BROKEN_BODY: Meeting(UNREACHABLE, None, None, True, "replayed"),
    Fault.HTML_502_AFTER: Meeting(stripe.APIError, 502, None, True, "replayed"),
}
NOT_SEEN_AT_ONCE = {Fault.LATE_EFFECT, Fault.SLOW_ANSWER, Fault.LIST_LAG}


def test_every_fault_has_a_meeting_or_a_test_of_its_own() -> None:
    assert set(MEETINGS) | NOT_SEEN_AT_ONCE == set(Fault)


@pytest.mark.parametrize("fault", MEETINGS)
def test_a_fault_is_met_as_stripes_client_tells_it(opponent: Opponent, fault: Fault) -> None:
    expected, before = MEETINGS[fault], opponent.transfers()
    destination = f"acct_ok_{fault}"
    parameters: Any = {**TRANSFER, "destination": destination}
    options: Any = {"idempotency_key": f"key-{fault}"}
    opponent.script(fault, seconds=0.0)

    with pytest.raises(expected.raises) as met:
        opponent.client.v1.transfers.create(parameters, options)

    assert met.value.http_status == expected.status
    assert (met.value.error.code if met.value.error and expected.code else None) == expected.code
    assert opponent.transfers() - before == expected.has_effect
    if expected.then == "refusal":
        with pytest.raises(expected.raises) as again:
            opponent.client.v1.transfers.create(parameters, options)
        assert again.value.http_body == met.value.http_body
        assert opponent.transfers() - before == expected.has_effect
    else:
        transfer = opponent.client.v1.transfers.create(parameters, options)
        assert transfer.last_response is not None
        assert transfer.last_response.headers.get("Idempotent-Replayed") == (
            "true" if expected.then == "replayed" else None
        )
        assert opponent.transfers() - before == 1


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault.GLOBAL_RATE, "global-rate"),
        (Fault.ENDPOINT_RATE, "endpoint-rate"),
        (Fault.GLOBAL_CONCURRENCY, "global-concurrency"),
        (Fault.ENDPOINT_CONCURRENCY, "endpoint-concurrency"),
        (Fault.RESOURCE_SPECIFIC, "resource-specific"),
        (Fault.LOCK_TIMEOUT, None),
    ],
)
def test_a_429_tells_its_reason_except_a_lock_timeout(opponent: Opponent, fault: Fault, reason: str | None) -> None:
    opponent.script(fault, seconds=0.0)
    with pytest.raises(stripe.RateLimitError) as met:
        opponent.client.v1.transfers.create(TRANSFER)
    assert met.value.headers is not None
    assert met.value.headers.get("Stripe-Rate-Limited-Reason") == reason


# Faults that take time, on a clock of our own


@pytest.fixture
def in_process() -> InProcess:
    return InProcess()


def pay(opponent: InProcess, key: str) -> stripe.Transfer:
    return opponent.client.v1.transfers.create(TRANSFER, {"idempotency_key": key})


def clock_of(opponent: InProcess) -> VirtualClock:
    clock = opponent.twin.world.clock
    assert isinstance(clock, VirtualClock)
    return clock


def test_funds_that_were_pending_come_back_and_say_so(in_process: InProcess) -> None:
    in_process.script(Fault.INSUFFICIENT_BALANCE, seconds=600.0)
    with pytest.raises(stripe.InvalidRequestError):
        pay(in_process, "a1")
    balance = in_process.client.v1.balance.retrieve()
    assert (balance.available[0].amount, balance.pending[0].amount) == (0, 10_000_000)
    announced = len(in_process.client.v1.events.list({"type": "balance.available"}).data)

    clock_of(in_process).advance(600)
    assert pay(in_process, "a2").amount == 7500
    assert len(in_process.client.v1.events.list({"type": "balance.available"}).data) == announced + 1


def test_a_capability_that_was_lost_comes_back_and_says_so(in_process: InProcess) -> None:
    in_process.script(Fault.CAPABILITY_FLIP, seconds=600.0)
    with pytest.raises(stripe.InvalidRequestError):
        pay(in_process, "a1")
    capabilities = in_process.client.v1.accounts.retrieve("acct_ok1").capabilities
    assert capabilities is not None
    assert capabilities.transfers == "inactive"

    clock_of(in_process).advance(600)
    assert pay(in_process, "a2").amount == 7500
    assert len(in_process.client.v1.events.list({"type": "capability.updated"}).data) == 2


def test_a_list_may_lag_while_the_transfer_itself_is_there(in_process: InProcess) -> None:
    in_process.script(Fault.LIST_LAG, seconds=60.0)
    transfer = pay(in_process, "k")

    def listed() -> list[str]:
        return [found.id for found in in_process.client.v1.transfers.list({"destination": "acct_ok1"}).data]

    assert in_process.client.v1.transfers.retrieve(transfer.id).id == transfer.id
    assert listed() == []
    assert in_process.client.v1.events.list({"type": "transfer.created"}).data == []
    clock_of(in_process).advance(60)
    assert listed() == [transfer.id]


def test_a_late_effect_happens_after_its_caller_gave_up(over_http: OverHTTP) -> None:
    before = over_http.transfers()
    over_http.script(Fault.LATE_EFFECT, seconds=2)
    options: Any = {"idempotency_key": "late"}
    with pytest.raises(stripe.APIConnectionError):
        over_http.client.v1.transfers.create(TRANSFER, options)
    with pytest.raises(stripe.APIError) as conflict:
        over_http.client.v1.transfers.create(TRANSFER, options)
    assert conflict.value.http_status == 409
    assert over_http.transfers() == before

    while over_http.transfers() == before:
        pass
    replayed = over_http.client.v1.transfers.create(TRANSFER, options)
    assert replayed.last_response is not None
    assert replayed.last_response.headers["Idempotent-Replayed"] == "true"
    assert over_http.transfers() == before + 1


def test_a_slow_answer_is_executed_before_its_caller_gives_up(over_http: OverHTTP) -> None:
    before = over_http.transfers()
    over_http.script(Fault.SLOW_ANSWER, seconds=0.6)
    with pytest.raises(stripe.APIConnectionError):
        over_http.client.v1.transfers.create(TRANSFER, {"idempotency_key": "slow"})
    assert over_http.transfers() == before + 1


# Choosing faults


def test_a_script_hits_the_calls_it_means_in_order_and_only_so_often(in_process: InProcess) -> None:
    in_process.twin.faults.script[:] = [
        FaultRule(Fault.LOCK_TIMEOUT, Match(destination="acct_ok_other")),
        FaultRule(Fault.CONFLICT_409, Match(idempotency_key="k"), times=2),
        FaultRule(Fault.ERROR_401),
    ]
    for status in (409, 409, 401):
        with pytest.raises(stripe.StripeError) as met:
            pay(in_process, "k")
        assert met.value.http_status == status
    assert pay(in_process, "k").amount == 7500
    assert [rule.fault for rule in in_process.twin.faults.script] == [Fault.LOCK_TIMEOUT]


def test_a_replay_leaves_faults_of_the_execution_for_the_next_call(in_process: InProcess) -> None:
    pay(in_process, "k")
    in_process.script(Fault.ERROR_500_WITHOUT_EFFECT, seconds=0.0)
    assert pay(in_process, "k").amount == 7500
    with pytest.raises(stripe.APIError):
        pay(in_process, "fresh")


def test_faults_drawn_at_a_rate_repeat_under_their_seed() -> None:
    def outcomes(seed: int) -> list[str]:
        faults = PROFILES["storm"].faults()
        clock = VirtualClock()
        twin = Twin(Store(), Settings(KEY), clock=clock, seed=seed, faults=faults)
        client = client_of(twin)
        seen = []
        for number in range(100):
            try:
                seen.append(client.v1.transfers.create(TRANSFER, {"idempotency_key": f"k{number}"}).id)
            except stripe.StripeError as error:
                seen.append(f"{type(error).__name__} {error.http_status}")
            clock.advance(60.0)
        return seen

    assert outcomes(1) == outcomes(1) != outcomes(2)
    assert 20 < sum(not outcome.startswith("tr_") for outcome in outcomes(1)) < 95


@pytest.mark.parametrize("rates", [{Fault.ERROR_401: 1.5}, {Fault.ERROR_401: -0.1}, dict.fromkeys(Fault, 0.1)])
def test_rates_that_are_no_shares_are_refused(rates: dict[Fault, float]) -> None:
    with pytest.raises(ValueError, match="rates are shares"):
        Faults(rates)
