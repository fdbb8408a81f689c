"""Payouts advanced on real PostgreSQL against the real twin. After each story, Stripe's books and the log agree."""

import asyncio
from datetime import timedelta

import pytest

from ledger.events import (
    FailureKind,
    PlatformFundsAvailable,
    StripeCredentialsAccepted,
    StripeCredentialsRejected,
    TransferRequested,
    TransferSettled,
    UnknownKind,
    payout_tag,
)
from ledger.history import about
from ledger.payouts.intents import transfer_intent
from ledger.payouts.outcome import Answer, NoAnswer
from ledger.payouts.steps import Finished, Wait
from ledger.payouts.stripe_gateway import StripeGateway
from ledger.reasons import Reason
from sandbox.stripe_twin import Fault
from tests.payouts.gateways import Died, DiesAfterTheCall, NeverCalled
from tests.payouts.road import API_KEY, Road

A1, A1_UNKNOWN, A1_FAILED, A1_SETTLED = (
    f"Transfer{name} a1" for name in ("Requested", "OutcomeUnknown", "Failed", "Settled")
)
A2, A2_SETTLED = "TransferRequested a2", "TransferSettled a2"
HOUR = timedelta(hours=1)


def test_an_owed_payout_is_paid_and_every_step_is_on_the_log(road: Road) -> None:
    payout_id = road.owe("acct_ok1")
    assert isinstance(road.advance(payout_id), Finished)
    assert road.story(payout_id) == [A1, A1_SETTLED]
    requested, settled = (each.event for each in road.events(payout_id)[1:])
    assert isinstance(requested, TransferRequested)
    assert isinstance(settled, TransferSettled)
    [held] = road.stripe.transfers()[payout_id]
    assert (held["idempotency_key"], held["transfer_group"]) == (requested.idempotency_key, requested.transfer_group)
    assert held["metadata"] == dict(requested.metadata)
    assert not settled.replayed
    assert not settled.adopted
    assert isinstance(road.advance(payout_id, gateway=NeverCalled), Finished)


def test_what_caused_each_step_can_be_followed(road: Road) -> None:
    payout_id = road.owe()
    road.advance(payout_id)
    earned, requested, settled = road.events(payout_id)
    assert [requested.causation_id, settled.causation_id] == [str(earned.event_id), str(requested.event_id)]
    assert {requested.correlation_id, settled.correlation_id} == {road.payout(payout_id).bonus.referral_id}


def test_nothing_is_known_of_a_payout_that_was_never_owed(road: Road) -> None:
    assert isinstance(road.advance("pay_nobodys", gateway=NeverCalled), Finished)


def test_a_payout_waits_for_its_account_and_is_then_paid(road: Road) -> None:
    payout_id = road.owe(None)
    assert road.advance(payout_id) == Wait(Reason.NO_PAYOUT_ACCOUNT)
    road.connect(payout_id, "acct_ok1", active=False)
    assert road.advance(payout_id) == Wait(Reason.PAYOUT_ACCOUNT_INACTIVE)
    road.connect(payout_id, "acct_ok1")
    assert isinstance(road.advance(payout_id), Finished)


def test_a_closed_account_fails_with_its_reason_and_a_new_one_is_paid_at_once(road: Road) -> None:
    payout_id = road.owe("acct_closed1")
    waits = road.advance(payout_id)
    assert isinstance(waits, Wait)
    assert waits.reason is Reason.ACCOUNT_DECLINED
    failed = road.newest(payout_id)
    assert (failed.kind, failed.stripe_code, failed.http_status) == (FailureKind.ACCOUNT, "account_closed", 400)
    assert failed.request_id.startswith("req_")

    road.connect(payout_id, "acct_ok2")
    assert isinstance(road.advance(payout_id), Finished)
    assert road.story(payout_id) == [A1, A1_FAILED, A2, A2_SETTLED]


def test_an_account_replaced_while_the_old_one_declines_is_paid_at_once(road: Road) -> None:
    payout_id = road.owe("acct_closed1")

    class ReplacedMeanwhile(StripeGateway):
        async def create_transfer(self, request: TransferRequested) -> Answer | NoAnswer:
            if request.attempt == 1:
                await asyncio.to_thread(road.connect, payout_id, "acct_ok2")
            return await super().create_transfer(request)

    assert isinstance(road.advance(payout_id, gateway=ReplacedMeanwhile), Finished)
    assert road.story(payout_id) == [A1, A1_FAILED, A2, A2_SETTLED]


def test_an_account_that_recovers_is_read_at_stripe_and_then_paid(road: Road) -> None:
    payout_id = road.owe(f"acct_inactive_{road.stripe.url[-5:]}_recovers")
    road.advance(payout_id)
    assert road.newest(payout_id).stripe_code == "insufficient_capabilities_for_transfer"
    road.clock.ahead += HOUR
    waits = road.advance(payout_id, gateway=NeverCalled)
    assert isinstance(waits, Wait)
    assert waits.reason is Reason.ACCOUNT_DECLINED
    assert waits.until is not None
    assert waits.until > road.clock()

    road.stripe.change_account(road.payout(payout_id).failure.destination, transfers="active")  # type: ignore[union-attr]
    assert isinstance(road.advance(payout_id), Finished)
    assert road.story(payout_id) == [A1, A1_FAILED, "PayoutAccountVerified", A2, A2_SETTLED]


def test_a_destination_that_does_not_exist_waits_for_a_person(road: Road) -> None:
    payout_id = road.owe("acct_nobodys")
    assert road.advance(payout_id) == Wait(Reason.REQUEST_DECLINED)
    road.clock.ahead += 24 * HOUR
    assert road.advance(payout_id, gateway=NeverCalled) == Wait(Reason.REQUEST_DECLINED)


LOST_ANSWERS = [
    Fault.TIMEOUT_AFTER,
    Fault.RESET_AFTER,
    Fault.TRUNCATED_BODY,
    Fault.BROKEN_BODY,
    Fault.HTML_502_AFTER,
    Fault.SLOW_ANSWER,
]


@pytest.mark.parametrize("fault", LOST_ANSWERS)
def test_a_lost_answer_is_asked_for_again_under_the_same_key(road: Road, fault: Fault) -> None:
    payout_id = road.owe()
    road.stripe.meets(fault, method="POST")
    waits = road.advance(payout_id)
    assert isinstance(waits, Wait)
    assert waits.reason is Reason.CONFIRMING_WITH_STRIPE
    assert waits.until is not None

    road.clock.ahead += HOUR
    assert isinstance(road.advance(payout_id), Finished)
    assert road.story(payout_id) == [A1, A1_UNKNOWN, A1_SETTLED]
    assert road.newest(payout_id).replayed


@pytest.mark.parametrize("fault", [Fault.TIMEOUT_BEFORE, Fault.RESET_BEFORE, Fault.HTML_502])
def test_a_call_that_never_arrived_is_made_again_under_the_same_key(road: Road, fault: Fault) -> None:
    payout_id = road.owe()
    road.stripe.meets(fault)
    road.advance(payout_id)
    road.clock.ahead += HOUR
    assert isinstance(road.advance(payout_id), Finished)
    assert road.story(payout_id) == [A1, A1_UNKNOWN, A1_SETTLED]
    assert not road.newest(payout_id).replayed


@pytest.mark.parametrize(
    "fault",
    [Fault.CONFLICT_409, Fault.GLOBAL_RATE, Fault.LOCK_TIMEOUT, Fault.ERROR_401, Fault.ERROR_403, Fault.TIMEOUT_BEFORE],
)
def test_what_says_nothing_of_the_key_resolves_no_unknown(road: Road, fault: Fault) -> None:
    """The transfer exists since the first call. Whatever else is heard, no second key is ever used."""
    payout_id = road.owe()
    road.stripe.meets(Fault.TIMEOUT_AFTER)
    road.advance(payout_id)
    road.stripe.meets(fault)
    for _ in range(2):
        road.clock.ahead += HOUR
        road.advance(payout_id)
        assert road.payout(payout_id).attempt == 1
    asyncio.run(mend_credentials(road))
    assert isinstance(road.advance(payout_id), Finished)
    assert road.newest(payout_id).replayed
    assert road.stripe.faults_left() == 0


async def mend_credentials(road: Road) -> None:
    async with road.process() as process:
        await process.credentials.probe()


@pytest.mark.parametrize(
    "fault", [Fault.CONFLICT_409, Fault.GLOBAL_RATE, Fault.ENDPOINT_CONCURRENCY, Fault.LOCK_TIMEOUT]
)
def test_what_executed_nothing_is_sent_again_shortly_and_only_then_recorded(road: Road, fault: Fault) -> None:
    payout_id = road.owe()
    road.stripe.meets(fault)
    waits = road.advance(payout_id)
    assert isinstance(waits, Wait)
    assert waits.until is not None
    assert waits.until < road.clock() + timedelta(seconds=6)
    assert road.story(payout_id) == [A1]
    assert isinstance(road.advance(payout_id), Finished)
    assert road.story(payout_id) == [A1, A1_UNKNOWN, A1_SETTLED]


def test_a_429_slows_everybody_down_and_answers_let_them_on(road: Road) -> None:
    payout_id, another_id = road.owe(), road.owe()
    road.stripe.meets(Fault.ENDPOINT_RATE)

    async def rates() -> list[float]:
        async with road.process() as process:
            measured = [process.pace.rate_per_second]
            for each in (payout_id, another_id):
                await process.advance(each)
                measured.append(process.pace.rate_per_second)
        return measured

    before, limited, answered = asyncio.run(rates())
    assert limited == before / 2
    assert answered > limited
    road.advance(payout_id)


def test_no_answer_is_no_sign_of_patience(road: Road) -> None:
    payout_id = road.owe()
    road.stripe.meets(Fault.RESET_BEFORE)

    async def rates() -> tuple[float, float]:
        async with road.process() as process:
            before = process.pace.rate_per_second
            await process.advance(payout_id)
            return before, process.pace.rate_per_second

    before, after = asyncio.run(rates())
    assert after == before


def test_a_500_with_effect_is_never_sent_again_and_adopted(road: Road) -> None:
    payout_id = road.owe()
    road.stripe.meets(Fault.ERROR_500_WITH_EFFECT)
    waits = road.advance(payout_id)
    assert isinstance(waits, Wait)
    assert waits.reason is Reason.CONFIRMING_WITH_STRIPE
    assert road.newest(payout_id).kind is UnknownKind.SERVER_ERROR

    road.clock.ahead += HOUR
    assert isinstance(road.advance(payout_id, gateway=NeverCalled), Finished)
    assert road.story(payout_id) == [A1, A1_UNKNOWN, A1_SETTLED]
    assert road.newest(payout_id).adopted


def test_a_500_without_effect_is_never_sent_again_and_ends_with_a_person(road: Road) -> None:
    payout_id = road.owe()
    road.stripe.meets(Fault.ERROR_500_WITHOUT_EFFECT)
    road.advance(payout_id)
    for hours, reason in ((1, Reason.CONFIRMING_WITH_STRIPE), (23, Reason.RECONCILIATION_REQUIRED)):
        road.clock.ahead += hours * HOUR
        waits = road.advance(payout_id, gateway=NeverCalled)
        assert isinstance(waits, Wait)
        assert waits.reason is reason
        assert waits.until is not None
    assert road.story(payout_id) == [A1, A1_UNKNOWN, "TransferNotFound a1", "TransferNotFound a1"]


def test_an_unknown_older_than_the_window_is_found_by_its_group_and_never_sent(road: Road) -> None:
    payout_id = road.owe()
    road.stripe.meets(Fault.TIMEOUT_AFTER)
    road.advance(payout_id)
    road.clock.ahead += 24 * HOUR
    assert isinstance(road.advance(payout_id, gateway=NeverCalled), Finished)
    assert road.newest(payout_id).adopted


def test_a_transfer_that_is_found_later_happened_when_stripe_made_it(road: Road) -> None:
    payout_id = road.owe()
    road.stripe.meets(Fault.TIMEOUT_AFTER)
    road.advance(payout_id)
    road.clock.ahead += 24 * HOUR
    road.advance(payout_id, gateway=NeverCalled)
    found = road.log.read([about(payout_tag(payout_id))])[0]
    settled = found[-1]
    (sent,) = [each for each in found if isinstance(each.event, TransferRequested)]
    assert isinstance(settled.event, TransferSettled)
    assert sent.occurred_at <= settled.occurred_at < road.clock() - 23 * HOUR


def test_a_list_that_lags_proves_nothing(road: Road) -> None:
    payout_id = road.owe()
    road.stripe.meets(Fault.LIST_LAG, seconds=7200)
    with pytest.raises(Died):
        road.advance(payout_id, gateway=DiesAfterTheCall)
    road.clock.ahead += 24 * HOUR
    waits = road.advance(payout_id, gateway=NeverCalled)
    assert isinstance(waits, Wait)
    assert waits.reason is Reason.RECONCILIATION_REQUIRED

    road.stripe.let_pass(2 * HOUR)
    road.clock.ahead += HOUR
    assert isinstance(road.advance(payout_id, gateway=NeverCalled), Finished)


def test_a_key_that_was_used_for_something_else_is_never_sent_again(road: Road) -> None:
    payout_id = road.owe()
    foreign = transfer_intent(road.payout(payout_id), 1, "acct_ok1").model_copy(update={"metadata": {}})

    async def misuse() -> None:
        gateway = StripeGateway(API_KEY, road.stripe.url)
        await gateway.create_transfer(foreign.model_copy(update={"amount_minor": 1, "transfer_group": "misuse"}))
        await gateway.close()

    asyncio.run(misuse())
    waits = road.advance(payout_id)
    assert isinstance(waits, Wait)
    assert waits.reason is Reason.RECONCILIATION_REQUIRED
    assert road.newest(payout_id).kind is UnknownKind.KEY_MISUSE
    road.clock.ahead += HOUR
    assert road.advance(payout_id, gateway=NeverCalled) != Finished()


def test_insufficient_funds_are_tried_again_under_a_new_key_when_funds_arrive(penniless_road: Road) -> None:
    road = penniless_road
    payout_id = road.owe()
    waits = road.advance(payout_id)
    assert isinstance(waits, Wait)
    assert waits.reason is Reason.INSUFFICIENT_FUNDS
    assert waits.until is not None
    assert road.advance(payout_id, gateway=NeverCalled) == waits

    road.stripe.top_up(1_000_000)
    road.append(PlatformFundsAvailable(stripe_event_id="evt_1"))
    assert isinstance(road.advance(payout_id), Finished)
    assert road.story(payout_id) == [A1, A1_FAILED, A2, A2_SETTLED]


def test_insufficient_funds_are_tried_again_by_themselves_too(penniless_road: Road) -> None:
    road = penniless_road
    payout_id = road.owe()
    road.advance(payout_id)
    road.stripe.top_up(1_000_000)
    road.clock.ahead += HOUR
    assert isinstance(road.advance(payout_id), Finished)


def credentials_events(road: Road) -> list[str]:
    events, _ = road.log.read()
    kinds = StripeCredentialsRejected | StripeCredentialsAccepted
    return [type(each.event).__name__ for each in events if isinstance(each.event, kinds)]


def test_a_rejected_api_key_is_recorded_once_holds_everybody_and_resolves_nothing(own_road: Road) -> None:
    road = own_road
    first_id, second_id, unknown_id = road.owe(), road.owe(), road.owe()
    road.stripe.meets(Fault.TIMEOUT_AFTER)
    road.advance(unknown_id)
    road.clock.ahead += HOUR

    wrong = "sk_test_revoked"
    for payout_id in (first_id, second_id, unknown_id):
        assert road.advance(payout_id, api_key=wrong) == Wait(Reason.STRIPE_CREDENTIALS_REJECTED)
    assert credentials_events(road) == ["StripeCredentialsRejected"]
    assert road.story(first_id) == [A1]
    assert road.story(second_id) == []
    assert road.story(unknown_id) == [A1, A1_UNKNOWN]

    async def probe(api_key: str) -> None:
        async with road.process(api_key=api_key) as process:
            await asyncio.gather(process.credentials.probe(), process.credentials.probe())

    asyncio.run(probe(wrong))
    assert credentials_events(road) == ["StripeCredentialsRejected"]
    asyncio.run(probe(API_KEY))
    assert credentials_events(road) == ["StripeCredentialsRejected", "StripeCredentialsAccepted"]
    for payout_id in (first_id, second_id, unknown_id):
        assert isinstance(road.advance(payout_id), Finished)
        assert road.payout(payout_id).attempt == 1


def test_an_api_key_that_may_not_read_the_balance_is_accepted_nevertheless(own_road: Road) -> None:
    road = own_road
    road.append(StripeCredentialsRejected())
    road.stripe.meets(Fault.ERROR_403, method="GET", path="/v1/balance")
    asyncio.run(mend_credentials(road))
    assert credentials_events(road) == ["StripeCredentialsRejected", "StripeCredentialsAccepted"]
