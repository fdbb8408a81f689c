"""What can go wrong on purpose: scripted call by call, or drawn at given rates from the twin's random source."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from random import Random

from sandbox.stripe_twin.messages import Json


class Fault(StrEnum):
    """Everything the twin can do to a caller. `_before` and `_without_effect` execute nothing; the others do."""

    # On arrival: nothing is executed and nothing is saved under the key.
    TIMEOUT_BEFORE = "timeout_before"
    RESET_BEFORE = "reset_before"
    HTML_502 = "html_502"
    ERROR_401 = "error_401"
    ERROR_403 = "error_403"
    CONFLICT_409 = "conflict_409"
    GLOBAL_RATE = "global_rate"
    ENDPOINT_RATE = "endpoint_rate"
    GLOBAL_CONCURRENCY = "global_concurrency"
    ENDPOINT_CONCURRENCY = "endpoint_concurrency"
    RESOURCE_SPECIFIC = "resource_specific"
    LOCK_TIMEOUT = "lock_timeout"

    # In the execution of a POST; never on a replay.
    ERROR_500_WITHOUT_EFFECT = "error_500_without_effect"
    ERROR_500_WITH_EFFECT = "error_500_with_effect"
    LATE_EFFECT = "late_effect"  # executed after the caller gave up
    INSUFFICIENT_BALANCE = "insufficient_balance"  # funds are pending for a while, then available again
    CAPABILITY_FLIP = "capability_flip"  # the destination loses its transfers capability for a while
    LIST_LAG = "list_lag"  # lists do not show the result for a while

    # On the way back: executed and saved, but the caller does not get to see it as it should.
    TIMEOUT_AFTER = "timeout_after"
    RESET_AFTER = "reset_after"
    TRUNCATED_BODY = "truncated_body"  # a complete HTTP answer with half a JSON document
    BROKEN_BODY = "broken_body"  # the connection closes in the middle of the body
    HTML_502_AFTER = "html_502_after"
    SLOW_ANSWER = "slow_answer"  # executed at once, answered late: its webhook comes first


IN_EXECUTION = frozenset(
    {
        Fault.ERROR_500_WITHOUT_EFFECT,
        Fault.ERROR_500_WITH_EFFECT,
        Fault.LATE_EFFECT,
        Fault.INSUFFICIENT_BALANCE,
        Fault.CAPABILITY_FLIP,
        Fault.LIST_LAG,
    }
)
ON_RETURN = frozenset(
    {
        Fault.TIMEOUT_AFTER,
        Fault.RESET_AFTER,
        Fault.TRUNCATED_BODY,
        Fault.BROKEN_BODY,
        Fault.HTML_502_AFTER,
        Fault.SLOW_ANSWER,
    }
)
ON_ARRIVAL = frozenset(Fault) - IN_EXECUTION - ON_RETURN
# No answer, or one that comes after its caller gave up: who scripts these gives its clients little patience.
UNANSWERED = frozenset({Fault.TIMEOUT_BEFORE, Fault.TIMEOUT_AFTER, Fault.LATE_EFFECT, Fault.SLOW_ANSWER})

# How long a fault lasts when nobody says otherwise, in seconds. Stripe's client gives up after 80.
USUAL_SECONDS: Mapping[Fault, float] = {
    Fault.LATE_EFFECT: 100.0,
    Fault.INSUFFICIENT_BALANCE: 30.0,
    Fault.CAPABILITY_FLIP: 30.0,
    Fault.LIST_LAG: 60.0,
    Fault.SLOW_ANSWER: 2.0,
}


@dataclass(frozen=True)
class Match:
    """Which calls a scripted fault hits; what is None matches everything. `path` is compared from its start."""

    method: str | None = "POST"
    path: str | None = None
    destination: str | None = None
    transfer_group: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True)
class FaultRule:
    """A scripted fault: the next `times` matching calls meet it."""

    fault: Fault
    match: Match = field(default_factory=Match)
    times: int = 1
    seconds: float | None = None


@dataclass(frozen=True)
class Target:
    """What is known of a call when its fault is chosen."""

    method: str
    path: str
    parameters: Json
    idempotency_key: str | None
    is_replay: bool

    def admits(self, fault: Fault) -> bool:
        """Whether this fault can happen to this call at all."""
        return fault not in IN_EXECUTION or (self.method == "POST" and not self.is_replay)

    def matches(self, match: Match) -> bool:
        """Whether a scripted rule means this call."""
        return (
            match.method in {None, self.method}
            and self.path.startswith(match.path or "")
            and match.destination in {None, self.parameters.get("destination")}
            and match.transfer_group in {None, self.parameters.get("transfer_group")}
            and match.idempotency_key in {None, self.idempotency_key}
        )


@dataclass(frozen=True)
class Chosen:
    """The fault of one call, and how long it lasts."""

    fault: Fault
    seconds: float


@dataclass
class Faults:
    """The script, in order, and a rate for each fault: the share of calls that meet it, together at most 1."""

    rates: Mapping[Fault, float] = field(default_factory=dict)
    script: list[FaultRule] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.set_rates(self.rates)

    def set_rates(self, rates: Mapping[Fault, float]) -> None:
        """Draw faults at these rates from now on; raises `ValueError` for rates that are none."""
        if any(rate < 0 for rate in rates.values()) or sum(rates.values()) > 1:
            raise ValueError(f"rates are shares of all calls, together at most 1: {dict(rates)}")
        self.rates = rates

    def choose(self, target: Target, random: Random) -> Chosen | None:
        """The fault of this call: the first scripted rule that fits, used up by one, else one drawn by rate."""
        for index, rule in enumerate(self.script):
            if target.matches(rule.match) and target.admits(rule.fault):
                self.script[index : index + 1] = [replace(rule, times=rule.times - 1)] if rule.times > 1 else []
                seconds = USUAL_SECONDS.get(rule.fault, 0.0) if rule.seconds is None else rule.seconds
                return Chosen(rule.fault, seconds)
        if not self.rates:
            return None
        chance = random.random()
        for fault, rate in self.rates.items():
            chance -= rate
            if chance < 0:
                seconds = USUAL_SECONDS.get(fault, 0.0) * random.random()
                if fault is Fault.LATE_EFFECT:  # always after the caller has given up
                    seconds += USUAL_SECONDS[fault]
                return Chosen(fault, seconds) if target.admits(fault) else None
        return None
