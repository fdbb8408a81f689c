"""What each fault does to a call: instead of it, during it, and to its answer."""

from sandbox.stripe_twin import accounts, books, refusals
from sandbox.stripe_twin.faults import Chosen, Fault
from sandbox.stripe_twin.messages import Answer, BrokenOff, Json, Outcome, Reset, Silence
from sandbox.stripe_twin.world import World

_HTML_502 = Answer(
    502,
    {"Content-Type": "text/html"},
    b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>",
)


def on_arrival(fault: Fault, key: str) -> Outcome:
    """How a call ends that nobody executes; raises `Refusal` where the end is one of Stripe's errors."""
    match fault:
        case Fault.TIMEOUT_BEFORE:
            return Silence()
        case Fault.RESET_BEFORE:
            return Reset()
        case Fault.HTML_502:
            return _HTML_502
        case Fault.ERROR_401:
            raise refusals.unauthorized("sk_test_revoked_by_a_fault")
        case Fault.ERROR_403:
            raise refusals.no_access("acct_platform")
        case Fault.CONFLICT_409:
            raise refusals.key_in_use(key)
        case Fault.LOCK_TIMEOUT:
            raise refusals.lock_timeout()
        case _:
            raise refusals.rate_limited(fault.value.replace("_", "-"))


def before_execution(world: World, chosen: Chosen, parameters: Json) -> None:
    """Change the world between the caller's checks and the execution; what changes here stays, whatever follows."""
    match chosen.fault:
        case Fault.CAPABILITY_FLIP if "destination" in parameters:
            accounts.flip_transfers(world, parameters["destination"], chosen.seconds)
        case Fault.INSUFFICIENT_BALANCE:
            books.freeze(world, parameters.get("currency", world.settings.currency), chosen.seconds)
        case Fault.ERROR_500_WITHOUT_EFFECT:
            raise refusals.server_error()


def on_return(fault: Fault, answer: Answer) -> Outcome:
    """What the caller gets instead of the answer that was made, and saved, for it."""
    half = len(answer.body) // 2
    match fault:
        case Fault.TIMEOUT_AFTER:
            return Silence()
        case Fault.RESET_AFTER:
            return Reset()
        case Fault.TRUNCATED_BODY:
            return Answer(answer.status, answer.headers, answer.body[:half])
        case Fault.BROKEN_BODY:
            return BrokenOff(answer, half)
        case Fault.HTML_502_AFTER:
            return _HTML_502
        case _:
            return answer
