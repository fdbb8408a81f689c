"""What should have come of the season: what the oracle says, less what Stripe refused to do and nobody may repeat.

A 500 that had no effect leaves a payout open for hours: Stripe is searched, and two persons have to say that it may be tried
again. Such a payout is expected to be unpaid only while the log says so and Stripe's own books hold no transfer for it.
"""

from collections import Counter
from copy import deepcopy
from typing import Any

from api.cli.season_result import Expectation
from ledger.events import UnknownKind
from ledger.identifiers import payout_id
from ledger.payouts.payout import Payout
from tests.crash.evidence import Evidence

__all__ = ["differences", "differing_payouts", "left_open"]


def left_open(evidence: Evidence) -> list[str]:
    """The referred instructors whose bonus Stripe answered with a 500 and did not pay."""
    return [
        payout.bonus.referred_id
        for name, payout in evidence.census.payouts.items()
        if payout.unresolved is not None
        and UnknownKind.SERVER_ERROR in payout.unresolved.kinds
        and not evidence.transfers.get(name)
    ]


def differences(evidence: Evidence) -> list[str]:
    """In totals, referrals and the outcomes of deliveries that were sent once: a redelivery may be answered otherwise."""
    if evidence.result is None:
        return []
    document = evidence.result.document
    found = evidence.result.differences(Expectation(evidence.expectation.source, _expected(evidence, document)))
    outcomes = evidence.expectation.result["delivery_outcomes"]
    for place, (want, got) in enumerate(zip(outcomes, evidence.receipts.answers, strict=True)):
        if place not in evidence.receipts.repeated and (want["outcome"], want["reason"]) != (got.outcome, got.reason):
            said = f"expected {want['outcome']} {want['reason']}, got {got.outcome} {got.reason}"
            found.append(f"delivery {place + 1}, {got.id}: {said}")
    return found


def differing_payouts(evidence: Evidence) -> dict[str, Payout]:
    """By the referred instructor: the payouts of referrals that are not as expected."""
    if evidence.result is None:
        return {}
    actual = evidence.result.document["referrals"]
    expected = _expected(evidence, evidence.result.document)["referrals"]
    names = [name for name, referral in expected.items() if actual.get(name) != referral]
    payouts = evidence.census.payouts
    return {name: payouts[payout_id(name)] for name in names if payout_id(name) in payouts}


def _expected(evidence: Evidence, document: dict[str, Any]) -> dict[str, Any]:
    result = evidence.expectation.result
    expected = {name: deepcopy(value) for name, value in result.items() if name != "delivery_outcomes"}
    expected["outcomes"] = document["outcomes"]
    statuses, money_minor = Counter(expected["statuses"]), Counter(expected["money_minor"])
    for name in left_open(evidence):
        referral = expected["referrals"].get(name)
        if referral is not None and referral["status"] == "paid":
            referral["status"] = "pending_transfer"
            statuses.update(paid=-1, pending_transfer=1)
            amount_minor = referral["amount_minor"]
            money_minor.update(paid_minor=-amount_minor, pending_minor=amount_minor)
    expected["statuses"], expected["money_minor"] = dict(statuses), dict(money_minor)
    return expected
