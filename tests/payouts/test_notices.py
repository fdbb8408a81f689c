"""What Stripe tells: late, twice, in any order, of any shape. It says where to look, and never what to believe."""

import json
import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.events import AccountNoticed, BankPayoutReported, Event, PlatformFundsAvailable, Recorded
from ledger.payouts.steps import Finished, Wait
from ledger.reasons import Reason
from sandbox.stripe_twin import Fault
from tests.payouts.gateways import NeverCalled
from tests.payouts.road import Road

HOUR = timedelta(hours=1)
A1, A1_UNKNOWN, A1_SETTLED = (f"Transfer{name} a1" for name in ("Requested", "OutcomeUnknown", "Settled"))
NOTICED = "TransferNoticed"


def notice(kind: str, about: Mapping[str, Any], event_id: str = "evt_x", **more: Any) -> dict[str, Any]:
    return {"id": event_id, "object": "event", "type": kind, "data": {"object": dict(about)}, **more}


def recorded(road: Road, *kinds: type[Event]) -> list[Recorded]:
    return [each for each in road.log.read()[0] if isinstance(each.event, kinds)]


def test_a_notice_before_our_own_answer_settles_the_unknown_without_another_call(road: Road) -> None:
    payout_id = road.owe()
    road.stripe.meets(Fault.TIMEOUT_AFTER)
    road.advance(payout_id)
    road.hear(payout_id, "transfer.created")
    assert isinstance(road.advance(payout_id, gateway=NeverCalled), Finished)
    assert road.story(payout_id) == [A1, A1_UNKNOWN, NOTICED, A1_SETTLED]
    assert road.newest(payout_id).adopted


def test_a_notice_wakes_the_payout_now(road: Road) -> None:
    payout_id = road.owe()
    road.stripe.meets(Fault.TIMEOUT_AFTER)
    road.advance(payout_id)
    road.todo.follow(road.log)
    claims = {claim.payout_id: claim for claim in road.todo.claim(1000)}
    road.todo.put_back(claims[payout_id], Reason.CONFIRMING_WITH_STRIPE, road.clock() + HOUR)
    road.hear(payout_id, "transfer.created")
    road.todo.follow(road.log)
    assert payout_id in {claim.payout_id for claim in road.todo.claim(1000)}
    road.advance(payout_id)


def test_a_notice_heard_twice_is_recorded_once(road: Road) -> None:
    payout_id = road.owe()
    road.stripe.meets(Fault.TIMEOUT_AFTER)
    road.advance(payout_id)
    for _ in range(3):
        road.hear(payout_id, "transfer.created")
    assert road.story(payout_id).count(NOTICED) == 1
    road.advance(payout_id)


def test_replayed_after_years_it_changes_nothing(road: Road) -> None:
    payout_id = road.owe()
    road.advance(payout_id)
    road.clock.ahead += timedelta(days=2000)
    road.hear(payout_id, "transfer.created")
    assert road.story(payout_id) == [A1, A1_SETTLED]
    assert isinstance(road.advance(payout_id, gateway=NeverCalled), Finished)


@pytest.mark.parametrize("is_paid", [True, False])
def test_another_transfer_of_a_payout_that_is_over_is_recorded_and_said_once(
    own_road: Road, is_paid: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    road = own_road
    payout_id = road.owe()
    if is_paid:
        road.advance(payout_id)
    else:
        road.agree_to("cancel", payout_id)
    another = notice("transfer.created", {"id": "tr_another", "metadata": {"payout_id": payout_id}}, f"evt_{payout_id}")
    before = road.story(payout_id)
    for _ in range(2):
        road.notices.hear(another)
        assert isinstance(road.advance(payout_id, gateway=NeverCalled), Finished)
    assert road.story(payout_id) == [*before, NOTICED]
    said = capsys.readouterr().out
    assert said.count("stripe_holds_another_transfer") == said.count("tr_another") == 1


@pytest.mark.parametrize("amounts", [[5000], [1000], [1000, 500], [1000, 1500, 2500]])
def test_what_was_reversed_in_the_dashboard_is_recorded_part_by_part(road: Road, amounts: list[int]) -> None:
    payout_id = road.owe()
    road.advance(payout_id)
    [held] = road.stripe.transfers()[payout_id]
    totals = []
    for amount in amounts:
        road.stripe.reverse(held["id"], amount)
        road.hear(payout_id, "transfer.reversed")
        assert isinstance(road.advance(payout_id, gateway=NeverCalled), Finished)
        back = road.newest(payout_id)
        assert back.amount_minor == amount
        totals.append(back.total_reversed_minor)
    assert totals[-1] == sum(amounts) == road.payout(payout_id).reversed_minor
    assert road.payout(payout_id).phase == ("reversed" if sum(amounts) == 5000 else "settled")


def test_several_reversals_heard_of_late_and_in_disorder_are_read_off_once(road: Road) -> None:
    payout_id = road.owe()
    road.advance(payout_id)
    [held] = road.stripe.transfers()[payout_id]
    for amount in (1000, 2000):
        road.stripe.reverse(held["id"], amount)
    for event in reversed(road.stripe.events_about(payout_id, "transfer.reversed")):
        road.notices.hear(event)
        road.notices.hear(event)
    road.advance(payout_id)
    back = [each.event for each in road.events(payout_id) if type(each.event).__name__ == "TransferReversed"]
    assert [(each.amount_minor, each.total_reversed_minor) for each in back] == [(1000, 1000), (2000, 3000)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("amount", [1000, 5000])
def test_reversed_before_we_knew_that_it_was_paid(road: Road, amount: int) -> None:
    """The transfer is still the one that we asked for: adopted, and what came back is recorded. It is not absent."""
    payout_id = road.owe()
    road.stripe.meets(Fault.TIMEOUT_AFTER)
    road.advance(payout_id)
    [held] = road.stripe.transfers()[payout_id]
    road.stripe.reverse(held["id"], amount)
    road.hear(payout_id, "transfer.reversed")
    assert isinstance(road.advance(payout_id, gateway=NeverCalled), Finished)
    assert road.story(payout_id)[-2:] == [A1_SETTLED, "TransferReversed"]
    assert road.payout(payout_id).reversed_minor == amount


def test_a_notice_of_nothing_new_is_confirmed_and_left_alone(road: Road) -> None:
    payout_id = road.owe()
    road.advance(payout_id)
    [held] = road.stripe.transfers()[payout_id]
    road.notices.hear(notice("transfer.reversed", {"metadata": held["metadata"]}, f"evt_{payout_id}"))
    assert isinstance(road.advance(payout_id, gateway=NeverCalled), Finished)
    assert isinstance(road.advance(payout_id, gateway=NeverCalled), Finished)
    assert road.story(payout_id) == [A1, A1_SETTLED, NOTICED, "TransferConfirmed"]


@pytest.mark.parametrize(
    ("kind", "shape"), [("account.updated", "id"), ("capability.updated", "account")], ids=["account", "capability"]
)
def test_a_changed_account_has_its_declined_payout_checked_and_paid_at_once(road: Road, kind: str, shape: str) -> None:
    account_id = f"acct_inactive_{random.randrange(10**9)}"
    payout_id = road.owe(account_id)
    waits = road.advance(payout_id)
    assert isinstance(waits, Wait)
    assert waits.reason is Reason.ACCOUNT_DECLINED
    road.todo.follow(road.log)
    claims = {claim.payout_id: claim for claim in road.todo.claim(1000)}
    road.todo.put_back(claims[payout_id], waits.reason, waits.until)

    road.stripe.change_account(account_id, transfers="active")
    road.notices.hear(notice(kind, {shape: account_id}, f"evt_{account_id}", account=account_id))
    road.todo.follow(road.log)
    assert {claim.payout_id for claim in road.todo.claim(1000)} == {payout_id}
    assert isinstance(road.advance(payout_id), Finished)
    assert road.story(payout_id)[-3:] == ["PayoutAccountVerified", "TransferRequested a2", "TransferSettled a2"]


def test_funds_wake_what_waits_for_them_at_once(penniless_road: Road) -> None:
    road = penniless_road
    payout_id = road.owe()
    waits = road.advance(payout_id)
    assert isinstance(waits, Wait)
    road.todo.follow(road.log)
    [claim] = road.todo.claim(10)
    road.todo.put_back(claim, waits.reason, waits.until)
    road.stripe.top_up(1_000_000)
    road.notices.hear(notice("balance.available", {"object": "balance"}))
    road.todo.follow(road.log)
    assert [claim.payout_id for claim in road.todo.claim(10)] == [payout_id]
    assert isinstance(road.advance(payout_id), Finished)


def test_a_connected_accounts_own_balance_is_none_of_ours(own_road: Road) -> None:
    own_road.notices.hear(notice("balance.available", {"object": "balance"}, account="acct_ok1"))
    assert recorded(own_road, PlatformFundsAvailable) == []


BANK: dict[str, Any] = {"id": "po_1", "object": "payout", "amount": 5000, "currency": "usd"}
PAID = BANK | {"status": "paid", "failure_code": None, "failure_message": None}
REFUSED = BANK | {"status": "failed", "failure_code": "account_closed", "failure_message": "The account is closed."}


def test_what_the_bank_did_is_recorded_once(own_road: Road) -> None:
    own_road.owe("acct_ok1")
    for _ in range(2):
        own_road.notices.hear(notice("payout.failed", REFUSED, "evt_1", account="acct_ok1", created=1_700_000_000))
        own_road.notices.hear(notice("payout.paid", PAID, "evt_2", account="acct_ok1"))
    reports = [each.event for each in recorded(own_road, BankPayoutReported)]
    assert [(each.status, each.failure_message) for each in reports if isinstance(each, BankPayoutReported)] == [
        ("failed", "The account is closed."),
        ("paid", None),
    ]
    assert recorded(own_road, BankPayoutReported)[0].occurred_at.timestamp() == 1_700_000_000


def test_what_does_not_concern_us_is_let_pass(own_road: Road) -> None:
    road = own_road
    road.owe("acct_ok1")
    _, before = road.log.read()
    for each in (
        notice("payout.paid", PAID, account="acct_nobodys"),
        notice("payout.paid", PAID),
        notice("account.updated", {"id": "acct_nobodys"}),
        notice("transfer.created", {"metadata": {"payout_id": "pay_nobodys"}}),
        notice("transfer.created", {"transfer_group": "order_17"}),
        notice("charge.succeeded", {"id": "ch_1"}),
        notice("transfer.melted", {"metadata": {"payout_id": road.owed[0]}}),
    ):
        road.notices.hear(each)
    assert road.log.read()[1] == before
    assert recorded(road, AccountNoticed) == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KINDS = [
    "transfer.created",
    "transfer.reversed",
    "transfer.\0",
    "account.updated",
    "capability.updated",
    "balance.available",
    "payout.paid",
    "payout.failed",
]


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_shape_of_json_is_too_much(road: Road, data: st.DataObject) -> None:
    """Whatever is signed as Stripe's: nothing raises, and nothing of a payout is decided by it."""
    if not road.owed:
        road.owe("acct_ok1")
    ids = st.sampled_from(["evt_1", "evt_2", "acct_ok1", road.owed[0], "\0", "\ud800", ""]) | json_values
    some = st.sampled_from(["", "\0", "\ud800\0", "usd", "paid", "failed", 5000, 10**400, -1, True, 1.5]) | json_values
    names = ("id", "account", "status", "amount", "currency", "failure_code", "failure_message", "transfer_group")
    subject = st.fixed_dictionaries({}, optional=dict.fromkeys(names, some | ids) | {"metadata": json_values | ids})
    hostile = data.draw(
        st.fixed_dictionaries(
            {"id": ids, "type": st.sampled_from(KINDS) | json_values},
            optional={
                "account": ids,
                "created": some,
                "data": json_values | st.fixed_dictionaries({"object": json_values | subject}),
            },
        )
    )
    road.notices.hear(hostile)
    assert road.payout(road.owed[0]).phase == "owed"


def test_text_that_is_no_text_is_recorded_as_far_as_it_is(own_road: Road) -> None:
    own_road.owe("acct_ok1")
    said = json.loads('"no \\u0000 such \\ud800 bank"')
    own_road.notices.hear(notice("payout.failed", REFUSED | {"failure_message": said}, account="acct_ok1"))
    [report] = recorded(own_road, BankPayoutReported)
    assert isinstance(report.event, BankPayoutReported)
    assert report.event.failure_message == "no  such ? bank"
