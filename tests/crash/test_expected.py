"""The campaign excuses an unpaid bonus only where Stripe itself says that nothing was paid and nobody may repeat it."""

from datetime import timedelta
from uuid import UUID

import pytest

from api.census import Census
from api.cli.season_result import Expectation, Result
from ledger.events import Event, Recorded, UnknownKind
from tests.crash.evidence import Evidence
from tests.crash.expected import differences, left_open
from tests.crash.load import Receipts
from tests.payouts.story import BONUS, START, requested, unknown

HELD = {"pay_1": [{"id": "tr_1", "amount": 7500, "net": 7500, "currency": "usd", "destination": "acct_ok1"}]}


def told(*events: Event) -> Census:
    return Census.of(
        Recorded(
            event=event,
            occurred_at=START,
            position=position,
            event_id=UUID(int=position),
            recorded_at=START + timedelta(seconds=position),
            actor="test",
            causation_id=None,
            correlation_id=None,
        )
        for position, event in enumerate(events, start=1)
    )


def result(status: str) -> dict[str, object]:
    paid, pending = (7500, 0) if status == "paid" else (0, 7500)
    return {
        "deliveries": 0,
        "outcomes": {},
        "statuses": {status: 1},
        "bonuses": {"founding": 1, "standard": 0},
        "money_minor": {"earned_minor": 7500, "paid_minor": paid, "pending_minor": pending, "failed_minor": 0},
        "currency": "usd",
        "referrals": {
            "ins_referred": {
                "referrer": "ins_referrer",
                "status": status,
                "tier": "founding",
                "amount_minor": 7500,
            }
        },
        "delivery_outcomes": [],
    }


def evidence(census: Census, *, unpaid: bool = True) -> Evidence:
    """The oracle says that the bonus is paid."""
    document = result("pending_transfer" if unpaid else "paid")
    given = Evidence(Receipts(), Expectation("the oracle", result("paid")), census=census)
    given.result = Result(document, None)
    return given


def test_what_stripe_answered_with_a_500_and_does_not_hold_is_expected_to_be_unpaid() -> None:
    given = evidence(told(BONUS, requested(), unknown(UnknownKind.SERVER_ERROR)))
    assert left_open(given) == ["ins_referred"]
    assert differences(given) == []


def test_it_is_not_excused_once_stripe_holds_the_transfer() -> None:
    given = evidence(told(BONUS, requested(), unknown(UnknownKind.SERVER_ERROR)))
    given.transfers = HELD
    assert left_open(given) == []
    assert "referral of ins_referred, status: expected paid, got pending_transfer" in differences(given)


@pytest.mark.parametrize("census", [told(BONUS), told(BONUS, requested()), told(BONUS, requested(), unknown())])
def test_nothing_else_is_excused(census: Census) -> None:
    assert left_open(evidence(census)) == []
    assert differences(evidence(census)) != []


def test_nor_may_it_be_called_paid() -> None:
    given = evidence(told(BONUS, requested(), unknown(UnknownKind.SERVER_ERROR)), unpaid=False)
    assert "referral of ins_referred, status: expected pending_transfer, got paid" in differences(given)
